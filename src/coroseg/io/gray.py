"""From pixels as a file stores them to a frame.

8 bits are divided by 255. Deeper pixels have no common white: each frame's smallest value becomes
0 and its largest 1, and a constant frame is 0 everywhere.

Gray stored as colour is read. A pixel is coloured where its channels differ by more than 3 % of
white, which JPEG and video do not reach on gray. Up to 1 % coloured pixels (a burnt-in label) are
read as their luminance; with more, the picture is a colour photograph and is refused.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.errors import InputError

COLOUR_TOLERANCE = 0.03
MAX_COLOURED = 0.01

Pixels = NDArray[Any]


def to_frame(pixels: Pixels, place: str) -> Frame:
    """Return gray `pixels`, (rows, columns) or (rows, columns, 3 or 4), as a frame.

    An alpha channel is ignored. `place` names the file and frame in errors. Raises `InputError`
    for a colour picture and for NaN or infinite pixels.
    """
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        count = np.count_nonzero(~np.isfinite(pixels))
        raise InputError(
            f"{place}: {count} pixels are NaN or infinite: replace them by numbers first"
        )
    gray = pixels if pixels.ndim == 2 else _gray(pixels[..., :3], place)  # noqa: PLR2004
    if gray.dtype == np.bool_:
        return gray.astype(np.float32)
    if gray.dtype == np.uint8:
        return np.divide(gray, np.float32(255))
    low, high = gray.min().item(), gray.max().item()
    if low == high:
        return np.zeros(gray.shape, dtype=np.float32)
    # float32 holds every 16-bit value exactly; deeper pixels need float64 for the difference.
    shifted = np.subtract(gray, low, dtype=np.result_type(gray.dtype, np.float32))
    shifted /= high - low
    return np.asarray(shifted, dtype=np.float32)


def _gray(colour: Pixels, place: str) -> Pixels:
    """Return the luminance of `colour`, (rows, columns, 3); equal channels keep their value."""
    import cv2

    red, green, blue = (colour[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return np.ascontiguousarray(green)
    highest = np.maximum(np.maximum(red, green), blue)
    spread = highest - np.minimum(np.minimum(red, green), blue)
    white = np.iinfo(colour.dtype).max if colour.dtype.kind in "ui" else highest.max()
    coloured = np.mean(spread > COLOUR_TOLERANCE * white)
    if coloured > MAX_COLOURED:
        raise InputError(
            f"{place}: a colour picture ({coloured:.0%} of the pixels are coloured), no "
            "angiogram: if it is a tinted one, convert it to gray first"
        )
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_RGB2GRAY))
