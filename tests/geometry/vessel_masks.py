"""Masks of vessels drawn exactly: a pixel is inside where its centre is."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Point = tuple[float, float]


def strip(shape: tuple[int, int], start: Point, end: Point, width: float, last: float = 0) -> Mask:
    """Return a straight vessel with flat ends; it tapers to the width `last`, if that is given."""
    x, y = _grid(shape, start)
    direction = np.subtract(end, start)
    length = np.hypot(*direction)
    along = (x * direction[0] + y * direction[1]) / length
    across = (y * direction[0] - x * direction[1]) / length
    local = width + ((last or width) - width) * along / length
    return (along >= 0) & (along <= length) & (2 * np.abs(across) <= local)


def path(shape: tuple[int, int], points: Sequence[Point], width: float) -> Mask:
    """Return the pixels within half a width of a polyline: a vessel with round ends."""
    distance = np.full(shape, np.inf)
    for start, end in pairwise(points):
        x, y = _grid(shape, start)
        run = np.subtract(end, start)
        share = np.clip((x * run[0] + y * run[1]) / max(float(run @ run), 1e-9), 0, 1)
        distance = np.minimum(distance, np.hypot(x - share * run[0], y - share * run[1]))
    return 2 * distance <= width


def ring(shape: tuple[int, int], centre: Point, radius: float, width: float) -> Mask:
    """Return a circle drawn with a line of the width."""
    return 2 * np.abs(np.hypot(*_grid(shape, centre)) - radius) <= width


def disc(shape: tuple[int, int], centre: Point, radius: float) -> Mask:
    """Return a filled circle."""
    return np.hypot(*_grid(shape, centre)) <= radius


def _grid(shape: tuple[int, int], origin: Point) -> tuple[NDArray[np.float64], ...]:
    y, x = np.indices(shape, dtype=float)
    return x - origin[0], y - origin[1]
