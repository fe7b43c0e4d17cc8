"""Smooth noise and thin drawn lines, of which the chest's fine structure is made."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from coroseg.simulation.scene import Array, Map

_BITS = 4  # of OpenCV's fixed point
_COARSE_PX = 12.0


def smooth_noise(rng: np.random.Generator, size: int, width_px: float) -> Map:
    """Return noise (size, size), mean 0, deviation 1 (to 2 %), its details `width_px` wide."""
    if width_px >= _COARSE_PX:  # as good from a quarter of the points a side, and much quicker
        quarter = smooth_noise(rng, -(-size // 4), width_px / 4)
        enlarged = cv2.resize(quarter, (size, size), interpolation=cv2.INTER_CUBIC)
        return np.asarray(enlarged, dtype=np.float32)
    coarse = max(4, int(np.ceil(size / max(width_px, 1.0))) + 3)
    noise = rng.standard_normal((coarse, coarse), dtype=np.float32)
    # A place between the coarse points, by lot: else the points of all layers would coincide.
    step = size / (coarse - 3)
    offset = rng.uniform(1, 2, 2)
    scale = np.array([[1 / step, 0, offset[0]], [0, 1 / step, offset[1]]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    smooth = cv2.warpAffine(noise, scale, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT)
    mean, deviation = cv2.meanStdDev(smooth)
    return np.asarray((smooth - mean[0, 0]) / deviation[0, 0], dtype=np.float32)


def blurred(image: Map, sigma_px: float) -> Map:
    """Return the image blurred by a Gaussian; wide ones on a coarser grid, which is as good."""
    if sigma_px <= 0:
        return image
    size = image.shape[0]
    step = min(int(sigma_px / 4), size // 8)
    if step <= 1:
        soft = cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
        return np.asarray(soft, dtype=np.float32)
    side = -(-size // step)
    coarse = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma_px * side / size, borderType=cv2.BORDER_REFLECT)
    soft = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(soft, dtype=np.float32)


def draw_lines(canvas: Map, lines: Iterable[Array], width_px: float, value: float) -> None:
    """Add `value` to the canvas along lines (n, 2) of x, y in px; each pixel once, not once a line.

    Lines thinner than a pixel are drawn one pixel wide and fainter by as much.
    """
    thickness = max(1, round(width_px))
    _draw(canvas, lines, value * min(1.0, width_px), thickness)


def fill(canvas: Map, polygons: Iterable[Array], value: float) -> None:
    """Add `value` to the canvas inside polygons (n, 2) of x, y in px; each pixel once."""
    _draw(canvas, polygons, value, 0)


def _draw(canvas: Map, lines: Iterable[Array], value: float, thickness: int) -> None:
    """Draw polylines, or filled polygons where `thickness` is 0, where they are in the canvas."""
    lines = list(lines)
    every = np.concatenate(lines)
    margin = thickness + 2
    left, top = np.clip(np.floor(every.min(axis=0)) - margin, 0, canvas.shape[1]).astype(int)
    right, bottom = np.clip(np.ceil(every.max(axis=0)) + margin, 0, canvas.shape[0]).astype(int)
    if right <= left or bottom <= top:
        return
    layer = np.zeros((bottom - top, right - left), dtype=np.uint8)
    for line in lines:
        near = np.clip(line - [left, top], -4096, 8192)
        points = np.rint(near * 2**_BITS).astype(np.int32)[:, None]
        if thickness:
            cv2.polylines(
                layer,
                [points],
                isClosed=False,
                color=255,
                thickness=thickness,
                lineType=cv2.LINE_AA,
                shift=_BITS,
            )
        else:
            cv2.fillPoly(layer, [points], 255, cv2.LINE_AA, _BITS)
    canvas[top:bottom, left:right] += layer * np.float32(value / 255)


def warped(image: Map, shift_x: Map, shift_y: Map) -> Map:
    """Return the image with every pixel taken from `shift` (px) beside it."""
    rows, columns = np.indices(image.shape, dtype=np.float32)
    moved = cv2.remap(
        image, columns + shift_x, rows + shift_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, dtype=np.float32)
