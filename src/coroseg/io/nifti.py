"""Angiograms in NIfTI files.

The first array axis is x, the image's column; the second is y, its row, counted from the top as
ITK writes it. A frame is therefore the transposed slice, not flipped, whatever the affine says: a
projection has no place in the patient's space. The last axis counts the frames; axes of length 1
between are dropped.
"""

import math
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import InputError
from coroseg.io.gray import to_frame
from coroseg.io.limits import MAX_INFLATED, MOST_INFLATED, check_size
from coroseg.spacing import PixelSpacing, SpacingSource

_MM: Final = {1: 1000.0, 2: 1.0, 3: 0.001}  # metre, millimetre, micrometre
_LENGTH_UNIT: Final = 7  # the bits of xyzt_units that hold it
_PLANE: Final = 2
_HEADER: Final = 540  # bytes of NIfTI-2's, the longer one
_MAX_EXTENSIONS: Final = 2**20  # bytes
# What nibabel raises for damaged files, found by damaging files.
_DAMAGE: Final = (
    OSError,
    EOFError,
    ValueError,
    ArithmeticError,
    MemoryError,
    zlib.error,
    HeaderDataError,
    ImageFileError,
)


def read_nifti(path: Path) -> Angiogram:
    """Return the run in a NIfTI file of shape (columns, rows) or (columns, rows, frames).

    The spacing is the header's where its units are lengths, otherwise unknown. Raises
    `InputError` for another shape, for colour or complex pixels, and for damaged files.
    """
    image = _open(path)
    if image.ndim < _PLANE or sum(length != 1 for length in image.shape[_PLANE:]) > 1:
        raise InputError(
            f"{path}: an array of shape {image.shape} is no run: pass (columns, rows, frames)"
        )
    columns, rows = image.shape[:_PLANE]
    count = math.prod(image.shape[_PLANE:])
    check_size(path, rows, columns, count)
    stored = image.get_data_dtype()
    if stored.kind not in "uif":
        raise InputError(f"{path}: pixels of type {stored} are not gray: convert them to gray")
    if count < 1:
        raise InputError(f"{path}: shape {image.shape} has no frame: export the run again")
    size = int(image.dataobj.offset) + rows * columns * count * stored.itemsize
    _check_held(path, size)
    frames = NiftiFrames(path, count)
    return Angiogram(path.name, frames, rows, columns, path, spacing=_spacing(image))


@dataclass(frozen=True)
class NiftiFrames:
    """The slices of one NIfTI file."""

    path: Path
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Frame:
        return self._frame(_open(self.path), range(self.count)[index])

    def __iter__(self) -> Iterator[Frame]:
        image = _open(self.path)  # kept open, so that a compressed file is inflated once
        return (self._frame(image, index) for index in range(self.count))

    def _frame(self, image: Any, index: int) -> Frame:
        place = f"{self.path}, frame {index + 1}"
        slices = tuple(index if length != 1 else 0 for length in image.shape[_PLANE:])
        try:
            with np.errstate(all="ignore"):  # what the header scales to NaN is refused below
                pixels = np.asarray(image.dataobj[:, :, *slices])
        except _DAMAGE as error:
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{place}: cannot be decoded ({reason}): damaged or cut short: export it again"
            ) from error
        return to_frame(np.ascontiguousarray(pixels.T), place)


def _check_held(path: Path, size: int) -> None:
    """Raise `InputError` where a file cannot hold the `size` bytes that it states, or should not.

    A compressed file is not read for that.
    """
    held = path.stat().st_size * (MOST_INFLATED if path.suffix.lower() == ".gz" else 1)
    if size > held:
        raise InputError(
            f"{path}: the pixels end at byte {size} and the file holds {held} at most: "
            "damaged or cut short: export it again"
        )
    if path.suffix.lower() == ".gz" and size > MAX_INFLATED:
        raise InputError(
            f"{path}: {size} bytes are too many for a compressed file, of which each frame would "
            f"inflate all before it: save it as .nii, or in parts of at most {MAX_INFLATED}"
        )


def _check_extensions(path: Path) -> None:
    """Raise `ValueError` where more than a header lies before the pixels: nibabel reads it all."""
    with ImageOpener(str(path)) as file:
        start = file.read(_HEADER)
    version2 = start[4:8] == b"n+2\0"
    kind: Any = nib.Nifti2Header if version2 else nib.Nifti1Header
    length = kind.template_dtype.itemsize
    offset = kind(start[:length], check=False)["vox_offset"] if len(start) >= length else 0
    if not offset <= _MAX_EXTENSIONS:
        raise ValueError(f"{offset:.0f} bytes before the pixels")


def _open(path: Path) -> Any:
    try:
        _check_extensions(path)
        with warnings.catch_warnings(action="ignore"):  # of odd extensions, which are not used
            return nib.load(path, keep_file_open=True)
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: cannot be read as NIfTI ({reason}): damaged: export it again"
        ) from error


def _spacing(image: Any) -> PixelSpacing | None:
    unit = _MM.get(int(image.header["xyzt_units"]) & _LENGTH_UNIT)
    column, row = (float(zoom) for zoom in image.header.get_zooms()[:_PLANE])
    if unit is None or not (0 < row < np.inf and 0 < column < np.inf):
        return None
    return PixelSpacing((row * unit, column * unit), SpacingSource.IMAGE_HEADER)
