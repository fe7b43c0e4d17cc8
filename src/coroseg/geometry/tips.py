"""Where a vessel ends: at its tip, which a skeleton falls short of, or on another vessel."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from coroseg.geometry.lumen import Lumen
from coroseg.geometry.smoothing import arc_length
from coroseg.geometry.tree import Points

FULL = 0.8
"""A disc on the line that is narrower than 0.8 of the vessel is no longer between its walls."""

TRIM_RADII = 2.5
"""That may be a corner of the mask up to so far from the end; a longer part is a vessel."""

SAME_RADII = 1.5
"""A corner of the mask lies at most so far from the middle of the vessel's end, slanted too."""

LOOK_RADII = 2.0
LOOK = 8.0
"""A vessel goes on to its tip in the direction of its last 2 radii, and 8 px."""

MEET_RADII = 8.0
"""How far a vessel may run in another's lumen before it parts, at a small angle."""

MEET = 0.75
"""A line meets another so close, in pixels, to one of its points, which lie 1 px apart."""

STEP = 0.25


def without_corner(line: Points, lumen: Lumen) -> Points:
    """Return a line without its last points that lie in a corner of the mask's end.

    They stay where the straight way to the tip ends elsewhere (`SAME_RADII`): it is a bend. Columns
    of `line` beyond x and y go along.
    """
    to_end = arc_length(line[::-1])[::-1]
    radii = lumen.radius_at(line[:, :2])
    widest = float(radii[to_end <= LOOK].max())
    before = radii[(to_end > widest) & (to_end <= LOOK + LOOK_RADII * widest)]
    if not before.size:
        return line
    radius = float(np.median(before))
    full = np.flatnonzero((radii >= FULL * radius) | (to_end > TRIM_RADII * radius))
    if not full.size:
        return line
    short = line[: max(int(full[-1]), 1) + 1]
    aside = np.hypot(*(reach_tip(short, lumen)[-1, :2] - line[-1, :2]))
    return short if aside <= SAME_RADII * radius + 1 else line


def reach_tip(line: Points, lumen: Lumen) -> Points:
    """Return a smooth line, led straight on from its last point to where lumen or image end.

    Columns of `line` beyond x and y go on as they are at its end.
    """
    radius = float(lumen.radius_at(line[-1:, :2])[0])
    return _led_on(line, _straight_on(line, 2 * (TRIM_RADII * radius + LOOK), lumen))


def reach_line(line: Points, on: Points | None, node: Points, lumen: Lumen) -> Points:
    """Return a smooth line, led on from its last point to another line, `on`, or to itself.

    Where two vessels part at a small angle, the skeleton turns to the other only where their
    lumens do. The vessel goes straight on until it meets the other's line, if it does so within
    the lumen and `MEET_RADII`; or else straight to the point of it that is nearest to the node.
    """
    if on is None:
        return _led_on(line, node[None])
    radius = float(lumen.radius_at(node[None])[0])
    ahead = _straight_on(line, MEET_RADII * radius, lumen)
    distance, nearest = cKDTree(on[:, :2]).query(np.concatenate([ahead, node[None]]))
    met = np.flatnonzero(distance[:-1] <= MEET)
    way = ahead[: met[0]] if met.size else ahead[:0]
    place = on[nearest[met[0] if met.size else -1], :2]
    return _led_on(line, np.concatenate([way, place[None]]))


def _straight_on(line: Points, length: float, lumen: Lumen) -> Points:
    """Return points, `STEP` apart, straight on from the end of a line while within the lumen."""
    points = line[:, :2]
    to_end = arc_length(points[::-1])[::-1]
    radius = float(lumen.radius_at(points[-1:])[0])
    direction = points[-1] - points[to_end <= LOOK + LOOK_RADII * radius].mean(axis=0)
    norm = float(np.hypot(*direction))
    if norm == 0:
        return points[:0]
    ahead = points[-1] + np.arange(1, length / STEP)[:, None] * STEP * (direction / norm)
    return np.asarray(ahead[np.logical_and.accumulate(lumen.contains(ahead))])


def _led_on(line: Points, ahead: Points) -> Points:
    added = np.repeat(line[-1:], len(ahead), axis=0)
    added[:, :2] = ahead
    return np.concatenate([line, added])
