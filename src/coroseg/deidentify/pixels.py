"""Pixel data as it is passed on: nothing beside the pixels, and rectangles blank in all frames.

Where nothing is masked, compressed frames stay as they are and every pixel keeps its bits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGLSLossless

from coroseg.deidentify.streams import READABLE, without_comments
from coroseg.errors import InputError
from coroseg.io.dicom.codecs import check_stream, find_decoder
from coroseg.io.dicom.file import DAMAGED, one_line

Rectangle = tuple[int, int, int, int]
"""x and y of the top left pixel, width, height."""

_COLOURS: Final = 3


def frame_count(dataset: Dataset) -> int:
    """Return the number of frames, 1 where it is not said."""
    return int(dataset.get("NumberOfFrames") or 1)


def clean_pixels(path: Path, dataset: Dataset, syntax: UID) -> None:
    """Take out of `dataset` what stands beside its pixels.

    That is what follows the last frame, bits above those stored (old overlays) and comments in
    compressed streams. Raises `InputError` where pixels are missing or in a form that cannot be
    searched.
    """
    if syntax.is_encapsulated:
        _clean_compressed(path, dataset, syntax)
    else:
        _clean_native(path, dataset)


def blank(path: Path, dataset: Dataset, syntax: UID, rectangles: Sequence[Rectangle]) -> UID:
    """Blank the rectangles in all frames of `dataset`, and return its new transfer syntax.

    Uncompressed pixels stay so, compressed gray ones become JPEG-LS lossless, compressed colour
    ones uncompressed RGB. `dataset` must hold the pixels as `clean_pixels` leaves them.
    """
    if dataset.BitsAllocated not in (8, 16) or dataset.PhotometricInterpretation == "YBR_FULL_422":
        raise InputError(
            f"{path}: pixels of {dataset.BitsAllocated} bits, {dataset.PhotometricInterpretation}, "
            "cannot be masked: leave the file out"
        )
    if not syntax.is_encapsulated:
        _blank_native(dataset, syntax, rectangles)
        return syntax
    colour = dataset.SamplesPerPixel == _COLOURS
    frames = []
    for frame in _decoded(path, dataset, syntax, raw=not colour):
        pixels = frame.copy()
        _blank_frame(pixels, rectangles, 0 if colour else _black(dataset))
        frames.append(pixels.tobytes() if colour else _encoded(pixels, dataset))
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        dataset.pop(keyword, None)
    if not colour:
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        return JPEGLSLossless
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    joined = b"".join(frames)
    dataset.PixelData = joined + bytes(len(joined) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated <= 8 else "OW"  # noqa: PLR2004
    dataset["PixelData"].is_undefined_length = False
    return ExplicitVRLittleEndian


def _clean_native(path: Path, dataset: Dataset) -> None:
    samples = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * frame_count(dataset)
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = samples // 3 * 2
    size = (samples * dataset.BitsAllocated + 7) // 8
    stored = bytes(dataset.PixelData)
    if len(stored) < size:
        raise InputError(
            f"{path}: the pixels take {size} bytes and {len(stored)} are there; {DAMAGED}"
        )
    cleaned = stored[:size] + bytes(size % 2)
    if dataset.BitsAllocated == 16 and dataset.PixelRepresentation == 0:  # noqa: PLR2004
        cleaned = _without_unused_bits(cleaned, dataset)
    if cleaned != stored:
        dataset["PixelData"].value = cleaned


def _without_unused_bits(stored: bytes, dataset: Dataset) -> bytes:
    """Return 16-bit words without the bits above those stored: groups 60xx could lie there."""
    if dataset.HighBit != dataset.BitsStored - 1:
        return stored
    order = "<" if dataset.original_encoding[1] is not False else ">"
    words = np.frombuffer(stored, f"{order}u2")
    used = np.uint16((1 << dataset.BitsStored) - 1)
    return (words & used).astype(words.dtype).tobytes()


def _clean_compressed(path: Path, dataset: Dataset, syntax: UID) -> None:
    if syntax not in READABLE:
        raise InputError(
            f"{path}: text within {syntax.name} cannot be found: export the run uncompressed or as "
            "JPEG lossless"
        )
    number = frame_count(dataset)
    try:
        streams = list(generate_frames(dataset.PixelData, number_of_frames=number))
        for stream in streams:
            check_stream(stream, syntax, int(dataset.Rows), int(dataset.Columns))
        cleaned = [without_comments(stream, syntax) for stream in streams]
    except Exception as error:
        raise InputError(
            f"{path}: the frames cannot be read ({one_line(error)}): {DAMAGED}"
        ) from error
    if len(streams) != number:
        raise InputError(f"{path}: {number} frames stated and {len(streams)} there; {DAMAGED}")
    if cleaned != streams:
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            dataset.pop(keyword, None)
        dataset["PixelData"].value = encapsulate(cleaned)


def _blank_native(dataset: Dataset, syntax: UID, rectangles: Sequence[Rectangle]) -> None:
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    stored = np.frombuffer(bytearray(dataset.PixelData), f"{order}u{dataset.BitsAllocated // 8}")
    samples = dataset.SamplesPerPixel
    size = dataset.Rows * dataset.Columns * samples
    planes = samples > 1 and dataset.PlanarConfiguration == 1
    shape = (
        (samples, dataset.Rows, dataset.Columns)
        if planes
        else (1, dataset.Rows, dataset.Columns, samples)
    )
    for index in range(frame_count(dataset)):
        for plane in stored[index * size : (index + 1) * size].reshape(shape):
            _blank_frame(plane, rectangles, _black(dataset))
    dataset["PixelData"].value = stored.tobytes()


def _blank_frame(frame: NDArray[Any], rectangles: Sequence[Rectangle], value: int) -> None:
    for x, y, width, height in rectangles:
        frame[y : y + height, x : x + width] = value


def _black(dataset: Dataset) -> int:
    """Return the stored bits of the darkest value."""
    bits = int(dataset.BitsStored)
    largest = dataset.PhotometricInterpretation == "MONOCHROME1"
    if dataset.PixelRepresentation == 0:
        return (1 << bits) - 1 if largest else 0
    lowest = (1 << bits - 1) - 1 if largest else -(1 << bits - 1)
    return lowest % (1 << int(dataset.BitsAllocated))


def _decoded(path: Path, dataset: Dataset, syntax: UID, *, raw: bool) -> Iterator[NDArray[Any]]:
    decoder, plugin = find_decoder(path, syntax)
    try:
        for frame, _ in decoder.iter_array(dataset, raw=raw, decoding_plugin=plugin):
            yield frame.view(f"u{frame.itemsize}")
    except Exception as error:
        raise InputError(
            f"{path}: a frame cannot be decoded ({one_line(error)}): {DAMAGED}"
        ) from error


def _encoded(frame: NDArray[Any], dataset: Dataset) -> bytes:
    signed = dataset.PixelRepresentation == 1
    return get_encoder(JPEGLSLossless).encode(
        frame.view(f"i{frame.itemsize}") if signed else frame,
        encoding_plugin="pyjpegls",
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        samples_per_pixel=1,
        number_of_frames=1,
        bits_allocated=int(dataset.BitsAllocated),
        bits_stored=int(dataset.BitsStored),
        pixel_representation=int(dataset.PixelRepresentation),
        photometric_interpretation=str(dataset.PhotometricInterpretation),
    )
