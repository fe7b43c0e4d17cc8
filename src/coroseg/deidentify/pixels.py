"""Pixel data on its way from one file to another, a frame or a megabyte of it at a time.

What stands beside the pixels goes, and rectangles are blank in all frames. Where nothing is masked,
compressed frames stay as they are and every pixel keeps its bits.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGLSLossless

from coroseg.deidentify.encapsulated import (
    END,
    NO_TABLE,
    as_jpeg_ls,
    check_readable,
    cleaned_items,
    decoded_frames,
    frame_count,
)
from coroseg.errors import InputError
from coroseg.io.dicom.file import DAMAGED, DicomHeader, opened, uncompressed_bytes

Rectangle = tuple[int, int, int, int]
"""x and y of the top left pixel, width, height."""

_TAG: Final = (0x7FE0, 0x0010)
_UNDEFINED: Final = 0xFFFFFFFF
_CHUNK: Final = 1 << 20  # bytes, whole words
_TYPES: Final = ("OB", "OW", "UN")
_MASKABLE_BITS: Final = (8, 16)
_COLOURS: Final = 3


@dataclass(frozen=True)
class PixelElement:
    """The element Pixel Data in a transfer syntax, the last of its file.

    `length` is in bytes, None where it is undefined. `parts` reads the source, and raises
    `InputError` where that is damaged. `anew` says that compressed frames were encoded anew.
    """

    syntax: UID
    vr: str
    length: int | None
    parts: Callable[[], Iterator[bytes]]
    anew: bool = False

    def describe(self, dataset: Dataset) -> None:
        """Say in the source's data set, without its pixels, how these are stored."""
        if self.anew:
            for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
                dataset.pop(keyword, None)
            if dataset.SamplesPerPixel == _COLOURS:
                dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0

    def write(self, file: BinaryIO) -> None:
        """Write the element to `file`."""
        order = ">" if self.syntax == ExplicitVRBigEndian else "<"
        vr = b"" if self.syntax.is_implicit_VR else struct.pack("2sxx", self.vr.encode())
        length = _UNDEFINED if self.length is None else self.length
        file.write(struct.pack(f"{order}HH", *_TAG) + vr + struct.pack(f"{order}L", length))
        file.writelines(self.parts())


def pixel_element(path: Path, header: DicomHeader, masks: Sequence[Rectangle]) -> PixelElement:
    """Return the pixels of `path` without what stands beside them, blank in the rectangles.

    Beside them are what follows the last frame, bits above those stored (old overlays) and comments
    in compressed streams. With masks, uncompressed pixels stay so, compressed gray ones become
    JPEG-LS lossless, compressed colour ones uncompressed RGB.

    Raises `InputError` where pixels are missing, in a form that cannot be searched, or masked in
    one that cannot be.
    """
    dataset, syntax = header.dataset, header.syntax
    if header.vr not in _TYPES:
        raise InputError(f"{path}: Pixel Data of the type {header.vr!r}; {DAMAGED}")
    if masks and (
        dataset.BitsAllocated not in _MASKABLE_BITS
        or dataset.PhotometricInterpretation == "YBR_FULL_422"
    ):
        raise InputError(
            f"{path}: pixels of {dataset.BitsAllocated} bits, {dataset.PhotometricInterpretation}, "
            "cannot be masked: leave the file out"
        )
    if not syntax.is_encapsulated:
        return _native(path, header, masks)
    check_readable(path, header)
    if not masks:
        return PixelElement(syntax, "OB", None, partial(cleaned_items, path, header))
    if dataset.SamplesPerPixel == _COLOURS:
        return _masked_colour(path, header, masks)
    parts = partial(_masked_gray, path, header, masks)
    return PixelElement(JPEGLSLossless, "OB", None, parts, anew=True)


def _native(path: Path, header: DicomHeader, masks: Sequence[Rectangle]) -> PixelElement:
    dataset = header.dataset
    size = uncompressed_bytes(path, header, frame_count(dataset))
    parts = partial(_native_parts, path, header, masks, size)
    vr = _vr(dataset) if header.vr == "UN" else header.vr
    return PixelElement(header.syntax, vr, size + size % 2, parts)


def _native_parts(
    path: Path, header: DicomHeader, masks: Sequence[Rectangle], size: int
) -> Iterator[bytes]:
    dataset = header.dataset
    order = ">" if header.syntax == ExplicitVRBigEndian else "<"
    step = size // frame_count(dataset) if masks else _CHUNK
    with opened(path) as file:
        file.seek(header.offset)
        for start in range(0, size, step):
            stored = _read(path, file, min(step, size - start))
            if dataset.BitsAllocated == 16 and dataset.PixelRepresentation == 0:  # noqa: PLR2004
                stored = _without_unused_bits(stored, dataset, order)
            yield _masked_native(stored, dataset, order, masks) if masks else stored
    yield bytes(size % 2)


def _read(path: Path, file: BinaryIO, size: int) -> bytes:
    try:
        stored = file.read(size)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}): check the path and its permissions"
        ) from error
    if len(stored) < size:
        raise InputError(f"{path}: it became shorter while it was read: do it again")
    return stored


def _without_unused_bits(stored: bytes, dataset: Dataset, order: str) -> bytes:
    """Return 16-bit words without the bits above those stored: groups 60xx could lie there."""
    if dataset.HighBit != dataset.BitsStored - 1:
        return stored
    words = np.frombuffer(stored, f"{order}u2")
    used = np.uint16((1 << dataset.BitsStored) - 1)
    return (words & used).astype(words.dtype).tobytes()


def _masked_native(
    stored: bytes, dataset: Dataset, order: str, masks: Sequence[Rectangle]
) -> bytes:
    """Return one uncompressed frame with its rectangles blank."""
    frame = np.frombuffer(bytearray(stored), f"{order}u{dataset.BitsAllocated // 8}")
    rows, columns, samples = dataset.Rows, dataset.Columns, dataset.SamplesPerPixel
    planes = samples > 1 and dataset.PlanarConfiguration == 1
    shape = (samples, rows, columns) if planes else (1, rows, columns, samples)
    for plane in frame.reshape(shape):
        _blank(plane, masks, _black(dataset))
    return frame.tobytes()


def _masked_gray(path: Path, header: DicomHeader, masks: Sequence[Rectangle]) -> Iterator[bytes]:
    yield NO_TABLE
    for frame in decoded_frames(path, header):
        _blank(frame, masks, _black(header.dataset))
        yield as_jpeg_ls(frame, header.dataset)
    yield END


def _masked_colour(path: Path, header: DicomHeader, masks: Sequence[Rectangle]) -> PixelElement:
    dataset = header.dataset
    size = dataset.Rows * dataset.Columns * _COLOURS * dataset.BitsAllocated // 8
    size *= frame_count(dataset)

    def parts() -> Iterator[bytes]:
        for frame in decoded_frames(path, header):
            _blank(frame, masks, 0)
            yield frame.tobytes()
        yield bytes(size % 2)

    syntax = ExplicitVRLittleEndian
    return PixelElement(syntax, _vr(dataset), size + size % 2, parts, anew=True)


def _vr(dataset: Dataset) -> str:
    """Return the type of uncompressed pixels (PS3.5 A.2): OB where a sample is a byte."""
    return "OB" if dataset.BitsAllocated <= 8 else "OW"  # noqa: PLR2004


def _blank(frame: NDArray[Any], masks: Sequence[Rectangle], value: int) -> None:
    for x, y, width, height in masks:
        frame[y : y + height, x : x + width] = value


def _black(dataset: Dataset) -> int:
    """Return the stored bits of the darkest value."""
    bits = int(dataset.BitsStored)
    largest = dataset.PhotometricInterpretation == "MONOCHROME1"
    if dataset.PixelRepresentation == 0:
        return (1 << bits) - 1 if largest else 0
    lowest = (1 << bits - 1) - 1 if largest else -(1 << bits - 1)
    return lowest % (1 << int(dataset.BitsAllocated))
