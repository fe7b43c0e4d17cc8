"""Text that is burned into frames at their top or bottom, found by its look.

Letters are thin bright (or dark) strokes of one height that stand in a row. Where at least three
such shapes do, in any frame, the row is text. No letters are read, so faint text, single letters
and handwriting are missed, and ECG leads or wires in a corner can be taken for text: look at the
result.
"""

from collections.abc import Iterable
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.deidentify.pixels import Rectangle

_BAND: Final = 0.3
"""The corners and what lies between them: this share of the height, at the top and the bottom."""
_STROKE: Final = 9
"""Strokes are thinner than this, in pixels of a frame of 512; larger frames in proportion."""
_CONTRAST: Final = 0.3
"""Least contrast of a stroke with what is around it, as a share of the range shown..."""
_EXTREME: Final = (0.1, 0.9)
"""...or the least of one that is nearly white or black itself, and how near that is."""
_LETTERS: Final = 3
_LETTER_HEIGHT: Final = (0.010, 0.085)  # shares of the frame's height
_FILLED: Final = (0.12, 0.6)
"""The share of a letter's box that strokes fill; the most only where it is wider than high."""
_WIDTH: Final = 0.8
"""Width of a letter, times its height, where several touch."""
_LIKE: Final = 0.6
"""Least ratio of the heights of neighbours..."""
_SLANT: Final = 0.35
"""...and the most that their feet differ, times the height."""
_MARGIN: Final = 0.4  # of the letters' height


def find_text(frames: Iterable[Frame]) -> list[Rectangle]:
    """Return rectangles around the text at top and bottom of frames (rows, columns) of 0 to 1."""
    found: NDArray[np.uint8] | None = None
    for frame in frames:
        rows, columns = frame.shape
        if found is None:
            found = np.zeros((rows, columns), np.uint8)
        band = int(rows * _BAND)
        for top in (0, rows - band):
            edge = 0 if top == 0 else band - 1
            for x, y, width, height in _lines(frame[top : top + band], rows, edge):
                found[top + y : top + y + height, x : x + width] = 1
    if found is None or not found.any():
        return []
    _, _, boxes, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    return [(int(x), int(y), int(width), int(height)) for x, y, width, height, _ in boxes[1:]]


def _lines(band: NDArray[Any], rows: int, edge: int) -> list[Rectangle]:
    """Return the rows of letters in a band of a frame with `rows` rows.

    Shapes at the frame's `edge`, a row of the band, are no letters but the edge of a shutter.
    """
    image = np.rint(np.clip(band, 0, 1) * 255).astype(np.uint8)
    stroke = max(5, round(_STROKE * rows / 512)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke))
    lines: list[Rectangle] = []
    for bright in (image, 255 - image):
        contrast = cv2.morphologyEx(bright, cv2.MORPH_TOPHAT, kernel)
        extreme = (contrast > _EXTREME[0] * 255) & (bright > _EXTREME[1] * 255)
        strokes = extreme | (contrast > _CONTRAST * 255)
        letters = _letters(strokes.astype(np.uint8), rows, edge)
        lines += [line for group in _rows_of(letters) if (line := _around(group, image.shape))]
    return lines


def _letters(strokes: NDArray[np.uint8], rows: int, edge: int) -> list[Rectangle]:
    _, _, boxes, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    low, high = max(5, rows * _LETTER_HEIGHT[0]), rows * _LETTER_HEIGHT[1]
    return [
        (int(x), int(y), int(width), int(height))
        for x, y, width, height, area in boxes[1:]
        if low <= height <= high
        and not y <= edge < y + height
        and _FILLED[0] * width * height <= area
        and (width <= height or area <= _FILLED[1] * width * height)
    ]


def _rows_of(letters: list[Rectangle]) -> list[list[Rectangle]]:
    """Return the letters in groups: like in height and place, and no further apart than wide."""
    groups: list[list[Rectangle]] = []
    for letter in sorted(letters):
        x, y, _, height = letter
        for group in groups:
            last_x, last_y, last_width, last_height = group[-1]
            if (
                x - (last_x + last_width) <= 2 * max(height, last_height)
                and abs(y + height - last_y - last_height) <= _SLANT * max(height, last_height)
                and _LIKE <= height / last_height <= 1 / _LIKE
            ):
                group.append(letter)
                break
        else:
            groups.append([letter])
    return [
        group
        for group in groups
        if sum(max(1.0, width / (_WIDTH * height)) for _, _, width, height in group) >= _LETTERS
    ]


def _around(letters: list[Rectangle], shape: tuple[int, ...]) -> Rectangle:
    """Return a rectangle around letters, wider to both sides by two that were missed."""
    height = max(letter[3] for letter in letters)
    margin = round(height * _MARGIN)
    top = max(0, min(letter[1] for letter in letters) - margin)
    bottom = min(shape[0], max(letter[1] + letter[3] for letter in letters) + margin)
    left = max(0, min(letter[0] for letter in letters) - 2 * height)
    right = min(shape[1], max(letter[0] + letter[2] for letter in letters) + 2 * height)
    return left, top, right - left, bottom - top
