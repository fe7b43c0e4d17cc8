"""Compressed frames on their way from one file to another, one in memory at a time."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_fragmented_frames, itemize_fragment
from pydicom.filebase import ReadableBuffer
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import JPEGLSLossless

from coroseg.deidentify.streams import READABLE, without_comments
from coroseg.errors import CorosegError, InputError
from coroseg.io.dicom.codecs import check_stream, find_decoder
from coroseg.io.dicom.file import DAMAGED, DicomHeader, compressed_offsets, one_line, opened
from coroseg.io.dicom.guarded import GuardedFile

NO_TABLE: Final = itemize_fragment(b"")
"""The item of a Basic Offset Table that is empty."""

END: Final = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
"""What ends a value of undefined length."""

_ITEM_HEAD: Final = 8  # bytes


def frame_count(dataset: Dataset) -> int:
    """Return the number of frames, 1 where it is not said."""
    return int(dataset.get("NumberOfFrames") or 1)


def check_readable(path: Path, header: DicomHeader) -> None:
    """Raise `InputError` where frames are in a form that cannot be searched, or not all there."""
    if header.syntax not in READABLE:
        raise InputError(
            f"{path}: text within {header.syntax.name} cannot be found: export the run "
            "uncompressed or as JPEG lossless"
        )
    compressed_offsets(path, header, frame_count(header.dataset))


def cleaned_items(path: Path, header: DicomHeader) -> Iterator[bytes]:
    """Yield the value of the pixel element as it is, without the comments in its frames.

    Its lengths and so its offsets stay. Raises `InputError` where a frame is damaged.
    """
    with opened(path) as file:
        file.seek(header.offset)
        head = file.read(_ITEM_HEAD)
        yield head + file.read(int.from_bytes(head[4:], "little"))
    for fragments in _cleaned_frames(path, header):
        yield b"".join(itemize_fragment(fragment) for fragment in fragments)
    yield END


def decoded_frames(path: Path, header: DicomHeader) -> Iterator[NDArray[Any]]:
    """Yield the frames decoded, as unsigned words: gray as stored, colour as RGB.

    Raises `InputError` where one cannot be.
    """
    syntax, dataset = header.syntax, header.dataset
    decoder, plugin = find_decoder(path, syntax)
    options = as_pixel_options(
        dataset,
        transfer_syntax_uid=syntax,
        pixel_keyword="PixelData",
        pixel_vr=header.vr,
        number_of_frames=1,
    )
    for fragments in _cleaned_frames(path, header):
        try:
            frame, _ = decoder.as_array(
                encapsulate([b"".join(fragments)]),
                index=0,
                raw=dataset.SamplesPerPixel == 1,
                decoding_plugin=plugin,
                **options,
            )
        except Exception as error:
            raise InputError(
                f"{path}: a frame cannot be decoded ({one_line(error)}): {DAMAGED}"
            ) from error
        yield frame.copy().view(f"u{frame.itemsize}")


def as_jpeg_ls(frame: NDArray[Any], dataset: Dataset) -> bytes:
    """Return the item of a gray frame as JPEG-LS lossless."""
    signed = dataset.PixelRepresentation == 1
    stream = get_encoder(JPEGLSLossless).encode(
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
    return itemize_fragment(stream + bytes(len(stream) % 2))


def _cleaned_frames(path: Path, header: DicomHeader) -> Iterator[list[bytes]]:
    """Yield the fragments of each frame, of the lengths that they had."""
    number, found = frame_count(header.dataset), 0
    offsets = compressed_offsets(path, header, number)
    with opened(path) as file:
        file.seek(header.offset)
        try:
            frames = generate_fragmented_frames(
                cast("ReadableBuffer", GuardedFile(file)),
                number_of_frames=number,
                extended_offsets=offsets,
            )
            for fragments in frames:
                found += 1
                yield _cleaned(fragments, header)
        except CorosegError:
            raise
        except Exception as error:
            raise InputError(
                f"{path}: the frames cannot be read ({one_line(error)}): {DAMAGED}"
            ) from error
    if found != number:
        raise InputError(f"{path}: {number} frames stated and {found} there; {DAMAGED}")


def _cleaned(fragments: tuple[bytes, ...], header: DicomHeader) -> list[bytes]:
    stream = b"".join(fragments)
    rows, columns = int(header.dataset.Rows), int(header.dataset.Columns)
    check_stream(stream, header.syntax, rows, columns)
    cleaned = without_comments(stream, header.syntax)
    pieces, start = [], 0
    for fragment in fragments:
        pieces.append(cleaned[start : start + len(fragment)])
        start += len(fragment)
    return pieces
