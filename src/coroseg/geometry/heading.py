"""Where a vessel goes from a node, and how wide it is there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coroseg.geometry.graph import Stretch
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.smoothing import arc_length
from coroseg.geometry.tree import Points

LOOK_RADII = 4.0
LOOK = 8.0
"""A direction is that of the first 4 radii, and 8 px, of a vessel beyond the node's disc."""


@dataclass(frozen=True)
class Heading:
    """A vessel as it leaves a node: from `base`, `begin` px along it, in `direction`."""

    begin: float
    base: Points
    direction: NDArray[np.float64]
    radius: float


@lru_cache(maxsize=2048)  # both are compared by identity; each is asked for again and again
def heading(leaving: Stretch, lumen: Lumen) -> Heading:
    """Return how a stretch leaves the node where it starts.

    What lies in the node's largest disc belongs to all vessels that meet there and is left out.
    """
    points = leaving.points
    arc = arc_length(points)
    node = float(lumen.radius_at(points[:1])[0])
    begin = min(node, arc[-1] / 2)
    finish = min(node + LOOK + LOOK_RADII * node, arc[-1])
    window = points[(arc >= begin) & (arc <= finish)]
    base, tip = (_at(points, arc, place) for place in (begin, finish))
    # The mean of the window, not its far end alone: a bend beyond counts by half.
    direction = (tip + window.mean(axis=0)) / 2 - base if len(window) else tip - base
    direction /= max(float(np.hypot(*direction)), 1e-12)
    radius = float(np.median(lumen.radius_at(window))) if len(window) else node
    return Heading(begin, base, direction, radius)


def turn(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the angle between two directions in degrees, 0 to 180."""
    cosine = before @ after / max(float(np.hypot(*before) * np.hypot(*after)), 1e-12)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _at(points: Points, arc: NDArray[np.float64], place: float) -> Points:
    return np.array([np.interp(place, arc, points[:, 0]), np.interp(place, arc, points[:, 1])])
