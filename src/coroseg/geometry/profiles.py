"""Brightness profiles across vessels: the image, straightened along their centrelines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from coroseg.angiogram import Frame
from coroseg.geometry.edge import Array, Profiles, Samples, remap
from coroseg.geometry.tree import Centreline, Marks, Points
from coroseg.metrics import Mask

SAMPLES = 29
"""Samples of a profile: 0.5 px apart across a thin vessel, 1.5 px across the widest."""

DARKEST = 0.05
"""Of the brightness beside a vessel, less what is scattered: the least that counts as seen."""

ALONG = (-1.5, -0.75, 0.0, 0.75, 1.5)
ALONG_RADIUS = 0.3
"""Profiles are averaged along the vessel with a Gaussian of 0.3 mask radii: less in a lesion."""

TANGENT_PX = 2.0
"""Deviation of the Gaussian that smooths the centreline for its direction."""


@dataclass(frozen=True)
class Cuts:
    """The cross-sections of one or more centrelines, one after the other: (n, 2), (n,).

    `first` and `last` are the rows where the centreline of each begins and ends, `step_px` is the
    distance between its rows.
    """

    points: Points
    normal: Points
    radius: Array
    junction: Marks
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    step_px: Array


def find_cuts(centrelines: Sequence[Centreline]) -> Cuts:
    """Return the cross-sections at all points of the centrelines."""
    sizes = [len(line.points) for line in centrelines]
    ends = np.cumsum(sizes)
    steps = [_step_px(line) for line in centrelines]
    return Cuts(
        points=np.concatenate([line.points for line in centrelines]),
        normal=np.concatenate([_normals(line) for line in centrelines]),
        radius=np.maximum(np.concatenate([line.mask_diameter_px for line in centrelines]) / 2, 0.5),
        junction=np.concatenate([line.junction for line in centrelines]),
        first=np.repeat(ends - sizes, sizes),
        last=np.repeat(ends - 1, sizes),
        step_px=np.repeat(steps, sizes),
    )


def sample_profiles(
    image: Frame, mask: Mask, cuts: Cuts, rows: NDArray[np.intp], blur_px: float
) -> Profiles:
    """Return the profiles at `rows` of the cuts: the brightness.

    A profile reaches beyond the vessel's edge by 0.4 radii, three and a half times the blur and
    2 px. It ends half way to the next vessel of the mask and at the image's border; where another
    vessel touches this one it ends at the radius that the mask has elsewhere.
    """
    radius = cuts.radius[rows]
    reach = 1.4 * radius + 3.5 * blur_px + 2
    offset = (np.linspace(-1, 1, SAMPLES) * reach[:, None]).astype(np.float32)
    total, weight = np.zeros_like(offset), np.zeros_like(offset)
    for along in ALONG:
        row = rows + np.rint(along * ALONG_RADIUS * radius / cuts.step_px[rows]).astype(np.intp)
        used = (row >= cuts.first[rows]) & (row <= cuts.last[rows])
        row = np.where(used, row, rows)
        used &= ~cuts.junction[row]
        x, y = _positions(cuts, row, offset)
        inside = (x >= 0) & (y >= 0) & (x <= image.shape[1] - 1) & (y <= image.shape[0] - 1)
        share = inside * (used * np.exp(-(along**2) / 2))[:, None].astype(np.float32)
        total += share * remap(image, x, y, cv2.INTER_CUBIC)
        weight += share
    brightness = np.asarray(total / np.maximum(weight, 1e-6), dtype=np.float32)
    step = 2 * reach / (SAMPLES - 1)
    # Samples closer than a pixel tell the same thing more than once.
    worth = np.minimum(step, 1).astype(np.float32)[:, None]
    own = _is_own(mask, _positions(cuts, rows, offset), step, radius)
    return Profiles(offset, brightness, own * (weight > 0) * worth)


def attenuation(seen: Profiles, edge_px: Array, scatter: float | Array) -> Profiles:
    """Return the logarithm of what comes straight through, from profiles of brightness.

    `scatter` of the brightness beside the vessel, further out than `edge_px` (n,), does not; it is
    one share, or (n,) of them. The weights fall with the square of what is left: there noise tells
    the more in the logarithm.
    """
    beside = seen.weight * (np.abs(seen.offset) >= edge_px[:, None])
    known = beside.sum(axis=1) > 0
    level = (beside * seen.value).sum(axis=1) / np.where(known, beside.sum(axis=1), 1)
    level = np.maximum(np.where(known, level, seen.value.max(axis=1)), 1e-3)[:, None]
    scattered = np.reshape(scatter, (-1, 1)) * level
    clear = level - scattered
    left = np.maximum(seen.value - scattered, DARKEST * clear)
    value = np.asarray(np.log(left), dtype=np.float32)
    weight = np.asarray(seen.weight * np.minimum(left / clear, 1) ** 2, dtype=np.float32)
    return Profiles(seen.offset, value, weight)


def _positions(cuts: Cuts, rows: NDArray[np.intp], offset: Samples) -> tuple[Samples, Samples]:
    points, normal = cuts.points[rows].astype(np.float32), cuts.normal[rows].astype(np.float32)
    x, y = (points[:, k, None] + normal[:, k, None] * offset for k in (0, 1))
    return x, y


def _is_own(
    mask: Mask, positions: tuple[Samples, Samples], step: Array, radius: Array
) -> NDArray[np.bool_]:
    """Return the samples that are this vessel's own or its background's."""
    vessel = remap(mask.astype(np.float32), *positions, cv2.INTER_LINEAR) > 0.5  # noqa: PLR2004
    middle = SAMPLES // 2
    place = np.arange(SAMPLES) - middle
    before = _own_reach(vessel[:, middle::-1], step, radius) / step
    after = _own_reach(vessel[:, middle:], step, radius) / step
    return np.asarray((place >= -before[:, None]) & (place <= after[:, None]))


def _own_reach(vessel: Mask, step: Array, radius: Array) -> Array:
    """Return how far a profile is this vessel's own, on one side of it; inf where all is.

    `vessel` (n, samples) marks the mask from the centreline outward.
    """
    vessel = vessel.copy()
    vessel[:, 0] = True
    own = np.logical_and.accumulate(vessel, axis=1)
    last_own = own.sum(axis=1) - 1
    other = vessel & ~own
    half_way = np.where(other.any(axis=1), (last_own + other.argmax(axis=1)) / 2 * step, np.inf)
    touched = last_own * step > 1.2 * radius + 1
    return np.asarray(np.where(touched, radius, half_way))


def _step_px(line: Centreline) -> float:
    """Return the distance between a centreline's points; 1 for a single point."""
    return line.length_px / max(len(line.points) - 1, 1) or 1.0


def _normals(line: Centreline) -> Points:
    """Return the unit normals of a centreline, (n, 2)."""
    padded = np.pad(line.points, ((1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    smooth = gaussian_filter1d(padded, TANGENT_PX / _step_px(line), axis=0, mode="nearest")
    tangent = (smooth[2:] - smooth[:-2]) / 2
    length = np.maximum(np.hypot(*tangent.T), 1e-9)
    return np.asarray(np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) / length[:, None])
