"""Where the catheter's shaft may be: long, smooth, dark lines that are no vessel of the mask."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coroseg.angiogram import Frame
from coroseg.geometry.distance import distance_inside
from coroseg.geometry.tree import Points
from coroseg.metrics import Mask

BLACK = 0.05
EDGE = 0.025
"""Of the image's width: the collimator's edge is blurred, no line is looked for so near to it."""

SECTORS = 12
"""Lines are gathered by direction, in overlapping sectors of twice 180 / 12 degrees."""

LONGEST_FIRST = 10
"""So many lines are handed on, those with the largest sum of line strength first."""

DIRECTION_PX = 20
"""An end's direction is that of its last 20 px."""

BEND, OFF_PX = 3, 1.5
"""A shaft's middle follows a polynomial of degree 3 as closely as 1.5 px."""

Map = NDArray[np.float32]


def shaft_candidates(
    image: Frame, vessels: Mask, field: Mask, widths_px: tuple[float, float], shortest_px: float
) -> Iterator[Points]:
    """Yield lines (n, 2), points 1 px apart, at least `shortest_px` long, the strongest first."""
    strength, angle = _line_strength(image, widths_px)
    inner = _distance_inside(field) > EDGE * image.shape[1]
    strength[~inner | vessels] = 0
    ridge = _crest(strength, angle) & (strength > np.median(strength[inner]) * 3)
    found = []
    for sector in range(SECTORS):
        off = np.abs((angle - sector * np.pi / SECTORS + np.pi / 2) % np.pi - np.pi / 2)
        count, label, stats, _ = cv2.connectedComponentsWithStats(
            (ridge & (off <= np.pi / SECTORS)).view(np.uint8), connectivity=8
        )
        extent = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
        for piece in range(1, count):
            if extent[piece] >= shortest_px:
                rows, columns = np.nonzero(label == piece)
                found.append((float(strength[rows, columns].sum()), columns, rows))
    found.sort(key=lambda each: -each[0])
    for _, x, y in found[:LONGEST_FIRST]:
        line = _smooth_line(np.stack([x, y], axis=1).astype(float))
        if line is not None:
            yield line


def _line_strength(image: Frame, widths_px: tuple[float, float]) -> tuple[Map, Map]:
    """Return how much each pixel looks like a dark line's, and the line's angle."""
    level = np.log(np.maximum(image, 0) + np.float32(BLACK)).astype(np.float32)
    best = np.zeros_like(level)
    angle = np.zeros_like(level)
    for width in np.geomspace(*widths_px, 3):
        sigma = width / 2.5
        smooth = cv2.GaussianBlur(level, (0, 0), sigma)
        xx, yy, xy = (
            sigma**2 * cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=3) / 4
            for dx, dy in ((2, 0), (0, 2), (1, 1))
        )
        half, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        across, along = half + spread, half - spread
        strength = np.maximum(across - np.abs(along), 0)
        better = strength > best
        best[better] = strength[better]
        # The eigenvector of `across` is normal to the line.
        turned = np.arctan2(2 * xy, xx - yy) / 2 + np.float32(np.pi / 2)
        angle[better] = turned[better]
    return best, angle % np.float32(np.pi)


def _crest(strength: Map, angle: Map) -> Mask:
    """Return the pixels that are at least as strong as those on both sides of their line."""
    y, x = np.mgrid[: strength.shape[0], : strength.shape[1]].astype(np.float32)
    dx, dy = -np.sin(angle), np.cos(angle)
    sides = [
        cv2.remap(strength, x + way * dx, y + way * dy, cv2.INTER_LINEAR) for way in (-1.0, 1.0)
    ]
    return np.asarray((strength > 0) & (strength >= sides[0]) & (strength >= sides[1]))


def _smooth_line(points: Points) -> Points | None:
    """Return a smooth line through the points, 1 px apart; None where they follow none."""
    middle = points.mean(axis=0)
    _, _, (main, side) = np.linalg.svd(points - middle, full_matrices=False)
    along, off = (points - middle) @ main, (points - middle) @ side
    curve = np.polyfit(along, off, BEND)
    if np.sqrt(np.mean((np.polyval(curve, along) - off) ** 2)) > OFF_PX:
        return None
    even = np.arange(along.min(), along.max() + 0.5)
    line: Points = middle + even[:, None] * main + np.polyval(curve, even)[:, None] * side
    return line


def entry_and_tip(line: Points, field: Mask) -> tuple[Points, Points, float]:
    """Return the line's end from which it leaves the field sooner, the other one, and how soon."""
    ways = [(_way_out(side, field), side) for side in (line, line[::-1])]
    near, side = min(ways, key=lambda way: way[0])
    return side[0], side[-1], near


def _way_out(line: Points, field: Mask) -> float:
    """Return how far it is from the line's first point straight on to the field's edge."""
    back = line[0] - line[min(DIRECTION_PX, len(line) - 1)]
    steps = np.arange(max(field.shape))
    x, y = np.rint(line[0] + steps[:, None] * back / np.hypot(*back)).astype(int).T
    rows, columns = field.shape
    inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
    inside &= field[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)]
    return float(len(steps) if inside.all() else np.argmin(inside))


def _distance_inside(field: Mask) -> Map:
    """Return how far each pixel is from what lies outside the field or the image."""
    return distance_inside(np.pad(field, 1))[1:-1, 1:-1]


def exposed_field(image: Frame) -> Mask:
    """Return the pixels that the collimator leaves open: not black from the border on."""
    dark = cv2.GaussianBlur(image, (0, 0), 2) < 0.35 * np.median(image)
    label, _ = ndimage.label(dark)
    border = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    return ~np.isin(label, border[border > 0])
