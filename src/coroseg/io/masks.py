"""Vessel masks as image files: 0 and one value for vessel, or one a named segment, or shades."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coroseg.errors import DataError

UNKNOWN_SEGMENT = 255
"""What training writes where nobody has told the segments apart; no segment's number."""

_VESSEL_VALUES = (1, 255, 65535)
_COLOUR_MODES = ("RGB", "RGBA", "LA", "P", "PA", "CMYK")


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Return the mask in the image file `path`, (rows, columns), True on vessel.

    Vessel is 1, 255 or 65535; one bit, gray and gray stored as colour are accepted. Raises
    `DataError` for a file that cannot be read and for any other value: shades have no sure outline.
    """
    return _binary(_read(path, "a mask", "0 and 255"), path)


def read_segments(path: Path) -> NDArray[np.uint8]:
    """Return the segment that each pixel of the image file belongs to, (rows, columns); 0: none.

    Raises `DataError` for a file that cannot be read, and for values that are no segment's.
    """
    pixels = _read(path, "segments", "their numbers")
    if pixels.dtype != np.uint8 or (pixels == UNKNOWN_SEGMENT).any():
        raise DataError(
            f"{path}: holds {pixels.dtype} values up to {pixels.max()}: segments are 8-bit "
            f"numbers, 0 outside and 1 to {UNKNOWN_SEGMENT - 1} inside"
        )
    return np.asarray(pixels, dtype=np.uint8)


def read_probability(path: Path) -> NDArray[np.float32]:
    """Return the probabilities, 0 to 1, in the 8-bit gray image file `path`, (rows, columns).

    Raises `DataError` for a file that cannot be read or is of another kind.
    """
    pixels = _read(path, "probabilities", "0 to 255")
    if pixels.dtype != np.uint8:
        raise DataError(f"{path}: holds {pixels.dtype} values: probabilities are 8 bits, 0 to 255")
    return np.asarray(pixels, dtype=np.float32) / np.float32(255)


def _read(path: Path, kind: str, values: str) -> NDArray[Any]:
    """Return the one channel of a file of `kind`, which should hold `values`."""
    from PIL import Image

    from coroseg.io.raster import DAMAGE

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            frames = getattr(image, "n_frames", 1)
            # A palette's indices are not its colours.
            colour = image.mode in _COLOUR_MODES
            pixels = np.asarray(image.convert("RGBA") if colour else image)
    except DAMAGE as error:
        why = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
        raise DataError(
            f"{path}: cannot be read as {kind} ({why}): pass an image file of {values}"
        ) from error
    if frames != 1:
        raise DataError(f"{path}: holds {frames} images: pass a file of one image, of {values}")
    if not colour:
        return pixels
    if not _is_gray(pixels):
        raise DataError(f"{path}: is not gray and opaque: pass an image of {values}, one channel")
    return pixels[..., 0]


def _is_gray(rgba: NDArray[np.uint8]) -> bool:
    """Whether the image is gray stored as colour, and opaque."""
    return bool((rgba[..., 1:3] == rgba[..., :1]).all() and (rgba[..., 3] == 255).all())  # noqa: PLR2004


def _binary(pixels: NDArray[np.generic], path: Path) -> NDArray[np.bool_]:
    """Return where `pixels` are not 0. Raises `DataError` unless they have one other value."""
    mask = np.asarray(pixels != 0, dtype=np.bool_)
    vessel = pixels[mask]
    if vessel.size and not (vessel[0] in _VESSEL_VALUES and (vessel == vessel[0]).all()):
        values = np.unique(pixels)
        shown = ", ".join(str(value) for value in values[:5]) + (", ..." if values.size > 5 else "")  # noqa: PLR2004
        raise DataError(
            f"{path}: is not a binary mask: it holds {values.size} values ({shown}): "
            "save it as 0 and 255 without smoothing or JPEG"
        )
    return mask
