"""From a branch along the skeleton, pixel by pixel, to a smooth line midway between the walls."""

from __future__ import annotations

import numpy as np

from coroseg.geometry.lumen import Lumen
from coroseg.geometry.ordering import Route
from coroseg.geometry.smoothing import arc_length, normals, resample, smooth
from coroseg.geometry.tips import reach_line, reach_tip, without_corner
from coroseg.geometry.tree import Marks, Points, Values

STEP = 1.0
"""How far apart the points of a line are, about, in pixels."""

SMOOTH_RADII = 0.8
SMOOTH_PX = (1.5, 4.0)
"""A line is smoothed with a Gaussian of 0.8 radii of its vessel, 1.5 px at least, 4 at most."""

NEXT = 1.45
"""Neighbours on a skeleton are at most 1.42 px apart: more is a gap left at a junction."""

ROUNDS = 2
"""How often the points are moved to the middle: the first time turns the normals too."""

CLEAR = 1.2
"""A disc is clear of a line's end from 1.2 of its radii, and 1 px, on."""

LOOP, KNOWN = 2, 3
"""Columns of a line beside x and y: on a cycle of the graph; outside the gaps at junctions."""


def middle_line(route: Route, lumen: Lumen, earlier: list[Points]) -> Points:
    """Return the centreline of a branch (n, 4), `STEP` px apart: x, y, `LOOP` and `KNOWN`.

    `earlier` are the lines of the branches before it. What the skeleton does in the largest disc
    around a junction tells nothing of the vessel that goes on there, nor of the one that leaves:
    the line bridges it, and starts on its parent's.
    """
    ends_free, starts_free = route.joins is None, route.free_start
    line = resample(_skeleton_line(route, lumen), STEP)
    if ends_free:
        line = without_corner(line, lumen)
    if starts_free:
        line = without_corner(line[::-1], lumen)[::-1]
    sigma = _sigma(line, lumen)
    line[:, :2] = smooth(line[:, :2], sigma, closed=route.ring)
    for _ in range(ROUNDS):
        line[:, :2] += _to_middle(line, route, lumen, sigma)
        line[:, :2] = smooth(line[:, :2], sigma, closed=route.ring)
    if not route.ring:
        first, last = route.stretches[0], route.stretches[-1]
        on = None if route.joins in {None, len(earlier) + 1} else earlier[route.joins - 1]
        line = reach_tip(line, lumen) if ends_free else reach_line(line, on, last.points[-1], lumen)
        on = None if route.parent is None else earlier[route.parent - 1]
        line = line[::-1]
        line = (
            reach_tip(line, lumen) if starts_free else reach_line(line, on, first.points[0], lumen)
        )
        line = line[::-1]
    rows, columns = lumen.mask.shape
    line[:, :2] = np.clip(line[:, :2], 0, (columns - 1, rows - 1))
    return resample(line, STEP)


def wall_distances(points: Points, lumen: Lumen) -> tuple[Values, Values]:
    """Return the distances to the walls on both sides of a line; nan where there is none.

    They are looked for as far as a vessel's width lets expect. At a blunt end the largest disc
    shrinks, not the vessel: the first disc that is clear of the end tells its width.
    """
    radius = lumen.radius_at(points)
    for ends in (np.s_[:], np.s_[::-1]):
        seen = radius[ends]
        whole = int(np.argmax(arc_length(points[ends]) >= CLEAR * seen + 1))
        seen[:whole] = np.maximum(seen[:whole], seen[whole])
    return lumen.walls(points, normals(points), radius)


def _skeleton_line(route: Route, lumen: Lumen) -> Points:
    """Return the skeleton's points outside the junctions' discs, as columns x, y, loop, known."""
    parts = []
    for stretch in route.stretches:
        points = stretch.points
        first_free = stretch is route.stretches[0] and route.free_start
        last_free = stretch is route.stretches[-1] and route.joins is None
        clear = np.ones(len(points), dtype=bool)
        for node, free in ((points[0], first_free), (points[-1], last_free)):
            if not (free or route.ring):
                clear &= np.hypot(*(points - node).T) > lumen.radius_at(node[None])[0]
        # Of a stretch within discs the middle stays, lest the bridge cut across a loop.
        third = len(points) // 3
        keep = clear.copy()
        keep[third : len(points) - third] = True
        keep[0] |= first_free
        keep[-1] |= last_free
        parts.append(_columns(points[keep], loop=stretch.loop, known=clear[keep]))
    line = np.concatenate(parts)
    line = line[np.concatenate([[True], np.any(np.diff(line[:, :2], axis=0), axis=1)])]
    return _with_gaps(line)


def _columns(points: Points, *, loop: bool, known: Marks | bool = True) -> Points:
    extra = np.empty((len(points), 2))
    extra[:, 0], extra[:, 1] = loop, known
    return np.concatenate([points, extra], axis=1)


def _with_gaps(line: Points) -> Points:
    """Return the line with `KNOWN` 0 between neighbours that are further apart than `NEXT`."""
    gaps = np.flatnonzero(np.hypot(*np.diff(line[:, :2], axis=0).T) > NEXT)
    inner = []
    for gap in gaps:
        sides = line[[gap, gap + 1]]
        ends = 0.98 * sides + 0.02 * sides[::-1]
        ends[:, KNOWN] = 0
        inner.append(ends)
    if not inner:
        return line
    return np.insert(line, np.repeat(gaps + 1, 2), np.concatenate(inner), axis=0)


def _sigma(line: Points, lumen: Lumen) -> float:
    radius = float(np.median(lumen.radius_at(line[:, :2])))
    return float(np.clip(SMOOTH_RADII * radius, *SMOOTH_PX)) / STEP


def _to_middle(line: Points, route: Route, lumen: Lumen, sigma: float) -> Points:
    """Return by how much to move each point along its normal to lie midway between the walls."""
    points = line[:, :2]
    normal = normals(points)
    radius = lumen.radius_at(points)
    along, against = lumen.walls(points, normal, radius)
    shift = (along - against) / 2
    usable = (line[:, KNOWN] > 1 / 2) & (np.abs(shift) <= radius)
    shift[~usable] = 0
    if not usable.any():
        return np.zeros_like(points)
    index = np.arange(len(points))
    shift = np.interp(index, index[usable], shift[usable])
    return smooth(shift[:, None], sigma, closed=route.ring) * normal
