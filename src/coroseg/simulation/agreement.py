"""How far a measured tree is from the truth of a simulated frame: pairs of one frame, to be pooled.

A true point is found where a measured centreline runs through its lumen, or within `REACH_PX` of
its axis; its width is held against that measured on the nearest of them that runs the same way,
for vessels cross, and whose own nearest axis is this one. What has no partner is counted, not left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from coroseg.geometry.tree import Stenosis, VesselTree
from coroseg.simulation.scene import Array, BranchTruth, FrameTruth, LesionTruth, Mask

REACH_PX = 2.0
LEAST_ALIGNED = 0.7
"""Cosine of the angle between two branches from which on they run the same way."""

_FINER = 8


@dataclass(frozen=True)
class Pairs:
    """True points with contrast in the field, and what was measured there (nan where nothing).

    `length_px` is the length of vessel that a point stands for, `gap_px` the distance from its wall
    to that of the nearest other branch, negative where they overlap. Widths are in pixels.
    """

    width_px: Array
    measured_px: Array
    diameter_3d_mm: Array
    length_px: Array
    found: Mask
    overlapped: Mask
    gap_px: Array


@dataclass(frozen=True)
class LesionPair:
    """A true lesion with what was measured in its stretch; nan where its minimum was not."""

    truth: LesionTruth
    minimal_px: float
    diameter_stenosis: float


@dataclass(frozen=True)
class Narrowing:
    """A lesion that was reported, and the true ones it touches, by their numbers in the truth."""

    stenosis: Stenosis
    touched: tuple[int, ...]


@dataclass(frozen=True)
class Agreement:
    """One frame. `centreline_px` are distances of measured points in a lumen to its axis.

    `stray` is the number of measured points that are in no lumen.
    """

    centreline_px: Array
    stray: int
    pairs: Pairs
    lesions: tuple[LesionPair, ...]
    narrowings: tuple[Narrowing, ...]


def compare(tree: VesselTree, truth: FrameTruth) -> Agreement:
    """Return how the tree agrees with the truth of its frame."""
    centreline_px, inside = _to_axes(tree, truth)
    owners = [_nearest_truth(branch.centreline.points, truth) for branch in tree.branches]
    by_name = {branch.name: branch for branch in truth.branches}
    matches = {
        branch.name: _match(branch, tree, [owner == number for owner in owners])
        for number, branch in enumerate(truth.branches)
    }
    return Agreement(
        centreline_px=centreline_px[inside],
        stray=int((~inside).sum()),
        pairs=_pairs(truth.branches, list(matches.values())),
        lesions=tuple(
            _lesion_pair(lesion, by_name[lesion.branch], matches[lesion.branch])
            for lesion in truth.lesions
        ),
        narrowings=tuple(
            Narrowing(stenosis, _touched(tree.place(stenosis), truth))
            for stenosis in tree.stenoses
            if not stenosis.flags
        ),
    )


@dataclass(frozen=True)
class _Match:
    """What was measured at every point of a true branch."""

    diameter_px: Array
    reference_px: Array
    found: Mask


def _to_axes(tree: VesselTree, truth: FrameTruth) -> tuple[Array, Mask]:
    """Return every measured point's distance to the nearest axis, and if it is in its lumen."""
    measured = np.concatenate([np.empty((0, 2)), *(b.centreline.points for b in tree.branches)])
    axes = [_finer(np.column_stack([b.points, b.width_px]), b.visible) for b in truth.branches]
    axis = np.concatenate([np.empty((0, 3)), *axes])
    if not (len(measured) and len(axis)):
        return np.full(len(measured), np.inf), np.zeros(len(measured), dtype=np.bool_)
    distance, nearest = cKDTree(axis[:, :2]).query(measured)
    return distance, distance <= np.maximum(axis[nearest, 2] / 2, REACH_PX)


def _finer(values: Array, visible: Mask) -> Array:
    """Return the rows and `_FINER` - 1 rows between each two neighbours that are both visible."""
    at = np.arange(0, len(values) - 1 + 0.5 / _FINER, 1 / _FINER)
    before, after = np.floor(at).astype(int), np.ceil(at).astype(int)
    part = (at - before)[:, None]
    between = values[before] * (1 - part) + values[after] * part
    return np.asarray(between[visible[before] & visible[after]])


def _nearest_truth(points: Array, truth: FrameTruth) -> NDArray[np.intp]:
    """Return the number of the true branch whose axis is nearest and runs the same way; -1: none.

    A vessel that lies hidden in the lumen of a wider one is nobody's nearest there.
    """
    direction, owner = _directions(points), np.full(len(points), -1)
    nearest = np.full(len(points), np.inf)
    for number, branch in enumerate(truth.branches):
        if not branch.visible.any():
            continue
        axis = branch.points[branch.visible]
        distance, index = cKDTree(axis).query(points)
        along = _directions(branch.points)[branch.visible][index]
        aligned = np.abs((direction * along).sum(axis=1)) >= LEAST_ALIGNED
        better = aligned & (distance < nearest)
        nearest[better], owner[better] = distance[better], number
    return owner


def _match(truth: BranchTruth, tree: VesselTree, mine: Sequence[Mask]) -> _Match:
    """Return what the nearest branch that runs the same way measures at every true point.

    `mine` marks the points of every measured branch whose nearest true axis is this one.
    """
    count = len(truth.points)
    nearest = np.full(count, np.inf)
    found = np.zeros(count, dtype=np.bool_)
    diameter, reference = np.full((2, count), np.nan)
    direction = _directions(truth.points)
    reach = np.maximum(truth.width_px / 2, REACH_PX)
    for branch, own in zip(tree.branches, mine, strict=True):
        points = branch.centreline.points
        distance, index = cKDTree(points).query(truth.points)
        aligned = np.abs((direction * _directions(points)[index]).sum(axis=1)) >= LEAST_ALIGNED
        found |= distance <= reach
        better = aligned & own[index] & (distance <= reach) & (distance < nearest)
        nearest[better] = distance[better]
        diameter[better] = branch.diameters.px[index[better]]
        reference[better] = branch.reference_px[index[better]]
    return _Match(diameter, reference, found)


def _directions(points: Array) -> Array:
    """Return the unit tangents, taken over two points to each side; zero for a single point."""
    reach = np.arange(len(points))
    ahead, behind = np.minimum(reach + 2, len(points) - 1), np.maximum(reach - 2, 0)
    chord = points[ahead] - points[behind]
    length = np.hypot(chord[:, 0], chord[:, 1])
    return np.asarray(chord / np.where(length > 0, length, 1)[:, None])


def _pairs(branches: Sequence[BranchTruth], matches: Sequence[_Match]) -> Pairs:
    def visible(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        kept = [v[b.visible] for v, b in zip(values, branches, strict=True)]
        return np.concatenate([np.empty(0), *kept])

    return Pairs(
        width_px=visible([branch.width_px for branch in branches]),
        measured_px=visible([match.diameter_px for match in matches]),
        diameter_3d_mm=visible([branch.diameter_3d_mm for branch in branches]),
        length_px=visible([_lengths(branch.points) for branch in branches]),
        found=visible([match.found for match in matches]).astype(np.bool_),
        overlapped=visible([branch.overlapped for branch in branches]).astype(np.bool_),
        gap_px=visible([_gaps(branch, branches) for branch in branches]),
    )


def _gaps(one: BranchTruth, branches: Sequence[BranchTruth]) -> Array:
    """Return the distance from its wall to the nearest other branch's; inf if it is alone."""
    gaps = np.full(len(one.points), np.inf)
    for other in branches:
        if other is one or not other.visible.any():
            continue
        distance, nearest = cKDTree(other.points[other.visible]).query(one.points)
        radii = (one.width_px + other.width_px[other.visible][nearest]) / 2
        gaps = np.minimum(gaps, distance - radii)
    return gaps


def _lengths(points: Array) -> Array:
    """Return how much of the line each point stands for: half the way to its neighbours."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    return np.asarray((np.append(steps, 0) + np.insert(steps, 0, 0)) / 2)


def _lesion_pair(lesion: LesionTruth, truth: BranchTruth, match: _Match) -> LesionPair:
    """Return the lesion with the least diameter measured in its stretch.

    Where nothing is measured at its narrowest place, within a quarter of the healthy width on both
    sides, the rest of the stretch tells of its ends alone: the lesion was not measured.
    """
    away = np.hypot(*(truth.points - truth.points[lesion.minimum]).T)
    near = away <= max(lesion.healthy_width_px / 4, REACH_PX)
    near[: lesion.first] = near[lesion.last + 1 :] = False
    if np.isnan(match.diameter_px[near]).all():
        return LesionPair(lesion, np.nan, np.nan)
    stretch = slice(lesion.first, lesion.last + 1)
    diameter, reference = match.diameter_px[stretch], match.reference_px[stretch]
    at = int(np.nanargmin(diameter))
    return LesionPair(lesion, float(diameter[at]), float(1 - diameter[at] / reference[at]))


def _touched(place: Array, truth: FrameTruth) -> tuple[int, ...]:
    """Return the lesions with the place in their stretch, or within `REACH_PX` of its axis."""
    by_name = {branch.name: branch for branch in truth.branches}
    touched = []
    for number, lesion in enumerate(truth.lesions):
        branch, stretch = by_name[lesion.branch], slice(lesion.first, lesion.last + 1)
        distance = np.hypot(*(branch.points[stretch] - place).T)
        if (distance <= np.maximum(branch.healthy_width_px[stretch] / 2, REACH_PX)).any():
            touched.append(number)
    return tuple(touched)
