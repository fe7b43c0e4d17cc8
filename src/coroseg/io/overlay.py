"""The picture of a result: the frame in gray with the outlines of its vessels."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.segmentation.contours import Contour

COLOUR = (255, 176, 0)
"""RGB. Amber keeps its distance from every gray in all common forms of colour blindness."""

TINY_RANGE = 0.25
"""A frame that spans less gray than this is stretched, or the picture would show nothing."""

SUBPIXEL_BITS = 4


def draw_overlay(image: Frame, contours: Sequence[Contour]) -> NDArray[np.uint8]:
    """Return an RGB picture, (rows, columns, 3), of the frame with its outlines and holes."""
    low, high = float(image.min()), float(image.max())
    if 0 < high - low < TINY_RANGE:
        image = (image - low) / (high - low)
    gray = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    picture = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    polygons = [polygon for contour in contours for polygon in (contour.outer, *contour.holes)]
    points = [np.rint(polygon * 2**SUBPIXEL_BITS).astype(np.int32) for polygon in polygons]
    width = max(1, round(min(image.shape) / 512))
    cv2.polylines(picture, points, True, COLOUR, width, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003
    return np.asarray(picture)
