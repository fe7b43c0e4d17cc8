"""The outlines of a mask: closed polygons, sub-pixel where the probability allows."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import measure

from coroseg.metrics import Mask
from coroseg.segmentation.predictor import Probability

Polygon = NDArray[np.float64]
"""(n, 2): x, y in pixels, pixel centres at whole numbers. The last point joins the first."""

CLEARANCE = 0.01
"""How far, at least, an outline keeps from pixel centres, so that two decimals lose no pixel."""

NEVER_ZERO = 1e-6
"""An outline through a pixel centre would leave open on which side the pixel is."""


@dataclass(frozen=True)
class Contour:
    """One 8-connected piece of a mask: its outer outline and those of its holes."""

    outer: Polygon
    holes: list[Polygon]


def find_contours(mask: Mask, probability: Probability, threshold: float) -> list[Contour]:
    """Return the outlines of a mask, from top to bottom.

    They are the lines on which the probability is `threshold`, by marching squares. Where the mask
    says otherwise than the probability (debris removed, holes filled) they keep to the mask. At the
    image's border they run along its edge, half a pixel beyond the pixel centres. The pixel centres
    that lie in an outer outline and in none of its holes are exactly the pixels of the mask, also
    after rounding the points to two decimals.
    """
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    left, top = max(left - 1, 0), max(top - 1, 0)
    box = np.s_[top : top + height + 2, left : left + width + 2]
    mask, surplus = mask[box], probability[box].astype(np.float64) - threshold
    field = np.where(mask, np.maximum(surplus, NEVER_ZERO), np.minimum(surplus, -NEVER_ZERO))
    field = np.pad(field, 1, mode="edge")
    for edge in (field[0], field[-1], field[:, 0], field[:, -1]):
        np.negative(np.abs(edge), out=edge)
    lines = measure.find_contours(field, 0.0, fully_connected="high")  # type: ignore[no-untyped-call]

    _, labels = cv2.connectedComponents(np.pad(mask.view(np.uint8), 1), connectivity=8)
    pieces = np.asarray(labels, dtype=np.int32)
    contours: dict[int, Contour] = {}
    holes: list[tuple[int, Polygon]] = []
    for line in lines:
        piece = _piece_beside(line[0], pieces)
        polygon = _clear_of_centres(line)[:-1, ::-1] + (left - 1, top - 1)
        if _signed_area(polygon) > 0:
            contours[piece] = Contour(polygon, [])
        else:
            holes.append((piece, polygon))
    for piece, polygon in holes:
        contours[piece].holes.append(polygon)
    return list(contours.values())


def _piece_beside(point: NDArray[np.float64], pieces: NDArray[np.int32]) -> int:
    """Return the piece whose outline the point is on: one of its two neighbours is in the mask."""
    before, after = np.floor(point).astype(int), np.ceil(point).astype(int)
    return int(max(pieces[tuple(before)], pieces[tuple(after)]))


def _clear_of_centres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points, each on a line between two pixel centres, `CLEARANCE` from both."""
    whole = np.floor(points)
    part = points - whole
    return np.where(part > 0, whole + np.clip(part, CLEARANCE, 1 - CLEARANCE), points)


def _signed_area(polygon: Polygon) -> float:
    """Return the area, positive for an outer outline: the mask always lies on the same side."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
