"""The outline of visible lumen in the image, filled finer than the pixels: what it covers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.simulation.scene import Array, Map, Mask
from coroseg.simulation.sections import Index, Sections, SeenSections, dot, neighbours

VISIBLE_CONTRAST = 0.25
"""Lumen with less contrast than this share of full contrast belongs to no mask."""

_FINE = 4  # cells along a pixel's side
_CORNERS = 20  # of the polygon that stands for one piece of a vessel
_PIECE_PX = 1.5  # shortest piece, where it is not
_PIECE_POINTS = 4  # as long as this
_BITS = 4  # of OpenCV's fixed point


def coverage(sections: Sections, seen: SeenSections, contrast: Array, size: int) -> Map:
    """Return the share of each pixel that visible lumen covers; `contrast` (n) of all sections."""
    canvas = np.zeros((size * _FINE, size * _FINE), dtype=np.uint8)
    polygons, _ = _pieces(sections, seen, contrast, _FINE)
    _fill(canvas, polygons, _FINE**2)
    cells = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    share: Map = cells.astype(np.float32) / np.float32(_FINE**2)
    return share


def vessel_masks(sections: Sections, seen: SeenSections, contrast: Array, size: int) -> Mask:
    """Return for every vessel which pixels' middles its visible lumen covers: (k, size, size)."""
    masks = np.zeros((int(sections.vessel[-1]) + 1, size, size), dtype=np.uint8)
    polygons, vessel = _pieces(sections, seen, contrast, fine=1)
    for number, canvas in enumerate(masks):
        _fill(canvas, polygons[vessel == number], 1)
    return masks.view(bool)


def _pieces(
    sections: Sections, seen: SeenSections, contrast: Array, fine: int
) -> tuple[NDArray[np.int32], Index]:
    """Return visible lumen as convex polygons (m, corners, 2), and the vessels (m) they are of.

    Each is the hull of two projected cross-sections, in OpenCV's fixed point and in cells of which
    `fine` make a pixel's side. Exact across the vessel; round ends are polygons.
    """
    ends = _ends(sections, seen)
    ends = ends[:, (contrast[ends] >= VISIBLE_CONTRAST).all(axis=0)]
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    across_x, across_y = seen.across[ends[0]].T[..., None]
    way_x = across_x * np.cos(angle) + across_y * np.sin(angle)
    way_y = across_y * np.cos(angle) - across_x * np.sin(angle)
    # OpenCV fills the cells too that an edge passes through: half a cell is taken off.
    edge = 0.5 / fine * np.maximum(np.abs(way_x), np.abs(way_y))
    farthest = np.full(way_x.shape, -np.inf)
    x, y = np.empty_like(way_x), np.empty_like(way_x)
    widest = np.zeros(ends.shape[1])
    for end in ends:
        middle_x, middle_y = seen.place.points[end].T[..., None]
        first_x, first_y = seen.first[end].T[..., None]
        second_x, second_y = seen.second[end].T[..., None]
        first = way_x * first_x + way_y * first_y
        second = way_x * second_x + way_y * second_y
        half = np.maximum(np.hypot(first, second), 1e-9)
        widest = np.maximum(widest, 2 * half[:, 0])
        reach = way_x * middle_x + way_y * middle_y + half
        farther = reach > farthest
        shrink = np.maximum(1 - edge / half, 0) / half
        np.copyto(x, middle_x + (first * first_x + second * second_x) * shrink, where=farther)
        np.copyto(y, middle_y + (first * first_y + second * second_y) * shrink, where=farther)
        np.copyto(farthest, reach, where=farther)
    shown = widest > 0.5 / fine  # what is thinner would be drawn one cell wide
    cells = (np.stack([x[shown], y[shown]], axis=-1) + 0.5) * fine - 0.5
    polygons = np.rint(cells * 2**_BITS).astype(np.int32)
    return polygons, sections.vessel[ends[0, shown]]


def _ends(sections: Sections, seen: SeenSections) -> Index:
    """Return the points between which vessels are drawn: (2, m), first and last of each piece."""
    goes_on = neighbours(sections.vessel)
    step = np.diff(seen.place.points, axis=0, append=0) * goes_on[:, None]
    travelled = np.floor(np.cumsum(np.sqrt(dot(step, step))) / _PIECE_PX)
    knot = np.append(True, np.diff(travelled) > 0)
    knot |= np.arange(len(knot)) % _PIECE_POINTS == 0
    knot |= ~goes_on | np.append(True, ~goes_on[:-1])
    at = np.flatnonzero(knot)
    ends = np.stack([at[:-1], at[1:]])
    return ends[:, sections.vessel[ends[0]] == sections.vessel[ends[1]]]


def _fill(canvas: NDArray[np.uint8], polygons: NDArray[np.int32], value: int) -> None:
    low, high = polygons.min(axis=1), polygons.max(axis=1)
    in_sight = ((high >= 0) & (low < np.array(canvas.shape[::-1]) << _BITS)).all(axis=1)
    for polygon in polygons[in_sight]:
        cv2.fillConvexPoly(canvas, polygon, value, shift=_BITS)
