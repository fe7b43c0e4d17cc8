"""The picture of a result: the frame in gray with its vessels' outlines, centrelines and lesions.

The colours keep apart, and from every gray, in all common forms of colour blindness (Okabe and
Ito); a lesion is told by its ring and number too.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.geometry.tree import Points, Stenosis, VesselTree
from coroseg.io.labels import Ring, place_labels
from coroseg.segmentation.contours import Contour

COLOUR = (255, 176, 0)
"""RGB of the outlines: amber."""

CENTRELINE = (86, 180, 233)
"""RGB: sky blue."""

TINY_RANGE = 0.25
"""A frame that spans less gray than this is stretched, or the picture would show nothing."""

SUBPIXEL_BITS = 4
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def draw_overlay(
    image: Frame, contours: Sequence[Contour], tree: VesselTree | None = None
) -> NDArray[np.uint8]:
    """Return an RGB picture, (rows, columns, 3), of the frame with its outlines and holes.

    With a tree its centrelines are drawn, and rings around the lesions, numbered from the tightest.
    """
    picture = np.asarray(cv2.cvtColor(to_gray(image), cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    polygons = [polygon for contour in contours for polygon in (contour.outer, *contour.holes)]
    width = max(1, round(min(image.shape) / 512))
    _lines(picture, polygons, COLOUR, width, closed=True)
    if tree is not None:
        lines = [branch.centreline.points for branch in tree.branches]
        _lines(picture, lines, CENTRELINE, width, closed=False)
        points = {branch.centreline.number: branch.centreline.points for branch in tree.branches}
        places = [points[lesion.branch][lesion.minimum] for lesion in tree.lesions]
        rings = [
            Ring(float(x), float(y), ring_radius(lesion))
            for (x, y), lesion in zip(places, tree.lesions, strict=True)
        ]
        stenoses = [lesion.diameter_stenosis for lesion in tree.lesions]
        _mark(picture, rings, stenoses, np.concatenate([np.empty((0, 2)), *lines]), width)
    return picture


def to_gray(image: Frame) -> NDArray[np.uint8]:
    """Return the frame in 8 bits; one that spans very little gray is stretched."""
    low, high = float(image.min()), float(image.max())
    if 0 < high - low < TINY_RANGE:
        image = (image - low) / (high - low)
    gray: NDArray[np.uint8] = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return gray


def ring_radius(lesion: Stenosis) -> float:
    """Return the radius in pixels of the ring that marks a lesion: clear of the vessel's walls."""
    return max(7.0, 1.1 * lesion.reference_diameter_px)


def _lines(
    picture: NDArray[np.uint8],
    lines: Sequence[Points],
    colour: tuple[int, int, int],
    width: int,
    *,
    closed: bool,
) -> None:
    points = [np.rint(line * 2**SUBPIXEL_BITS).astype(np.int32) for line in lines]
    cv2.polylines(picture, points, closed, colour, width, cv2.LINE_AA, SUBPIXEL_BITS)


def _mark(
    picture: NDArray[np.uint8],
    rings: Sequence[Ring],
    stenoses: Sequence[float],
    lines: Points,
    width: int,
) -> None:
    """Draw the rings and their labels, white on black, seen on any gray; beside the `lines`."""
    for ring in rings:
        centre = (round(ring.x * 2**SUBPIXEL_BITS), round(ring.y * 2**SUBPIXEL_BITS))
        radius = round(ring.radius * 2**SUBPIXEL_BITS)
        for colour, thickness in ((_BLACK, 3 * width), (_WHITE, width)):
            cv2.circle(picture, centre, radius, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    font, size, gap = cv2.FONT_HERSHEY_SIMPLEX, 0.45 * width, 3 * width
    labels = [f"{number}: {100 * share:.0f} %" for number, share in enumerate(stenoses, start=1)]
    texts = [cv2.getTextSize(label, font, size, width) for label in labels]
    boxes = [(wide + 2 * gap, high + below + gap) for (wide, high), below in texts]
    rows, columns = picture.shape[:2]
    places = place_labels(rings, boxes, (columns, rows), lines)
    for label, (_, below), box in zip(labels, texts, places, strict=True):
        corners = (round(box.left), round(box.top)), (round(box.right), round(box.bottom))
        cv2.rectangle(picture, *corners, _BLACK, cv2.FILLED)
        at = (corners[0][0] + gap, corners[1][1] - below)
        cv2.putText(picture, label, at, font, size, _WHITE, width, cv2.LINE_AA)
