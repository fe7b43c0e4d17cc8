"""A DICOM file's header, and where its frames lie, found without reading the pixels."""

import struct
import tempfile
import warnings
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pydicom import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomFileLike
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from coroseg.errors import InputError
from coroseg.io.dicom.guarded import GuardedFile
from coroseg.io.limits import MAX_INFLATED

DAMAGED = "the file is damaged or incomplete: export or copy it again"

_META_GROUP = 0x0002
_META_LENGTH_END = 128 + 4 + 12  # preamble, DICM, and the element that holds the meta's length
_FLOATS, _DOUBLES, _PIXEL_DATA = 0x7FE00008, 0x7FE00009, 0x7FE00010
_ITEM = (0xFFFE, 0xE000)
_ITEM_HEAD = 8  # bytes: tag and length
_UNDEFINED_LENGTH = 0xFFFFFFFF
_CHUNK = 1 << 14  # bytes inflated at a time, to at most a thousand times as many
_BARE_STARTS = (b"\x08\x00", b"\x02\x00")  # first groups of a data set written without preamble


@dataclass(frozen=True)
class DicomHeader:
    """All elements before the pixels, and the pixel element.

    `offset` is where its value begins in the opened file; `length` is in bytes, None where it is
    undefined (compressed frames) and 0 where there are no pixels.
    """

    dataset: FileDataset
    offset: int
    length: int | None
    vr: str

    @property
    def syntax(self) -> UID:
        """Return the transfer syntax, as stated or, without meta information, as found."""
        stated = self.dataset.file_meta.get("TransferSyntaxUID")
        implicit = self.dataset.original_encoding[0]
        return UID(stated or (ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Yield the file open for reading; a deflated one as a temporary, inflated copy.

    Raises `InputError` where the file cannot be opened, is empty or no DICOM file.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be opened ({error.strerror}): check the path and its permissions"
        ) from error
    with file:
        meta = _meta_of_deflated(path, file)
        if meta is None:
            yield file
            return
        with tempfile.TemporaryFile() as temporary:
            copy = cast("BinaryIO", temporary)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    _inflate(file, meta, copy)
            except Exception as error:
                raise InputError(
                    f"{path}: cannot be inflated ({one_line(error)}): {DAMAGED}"
                ) from error
            yield copy


def read_header(path: Path, *, floats: bool = False) -> DicomHeader:
    """Return the header of `path`; with `floats`, floating-point pixels are a part of it.

    Raises `InputError` where it cannot be read.
    """
    stops = (_PIXEL_DATA,) if floats else (_FLOATS, _DOUBLES, _PIXEL_DATA)
    with opened(path) as file:
        guarded = cast("BinaryIO", GuardedFile(file, header=True))  # pydicom reads, seeks and tells
        try:
            dataset = read_partial(guarded, lambda tag, _vr, _length: tag in stops, force=True)
            dataset.buffer = None  # the file is closed by then
            implicit, little = dataset.original_encoding
            order = ">" if little is False else "<"
            start = file.read(8)
            if (
                len(start) < len(b"GGEEVR..")
                or Tag(struct.unpack(f"{order}HH", start[:4])) != _PIXEL_DATA
            ):
                return DicomHeader(dataset, file.tell(), 0, "")
            vr = "OW" if implicit else start[4:6].decode("ascii")
            (length,) = struct.unpack(f"{order}L", start[4:] if implicit else file.read(4))
        except Exception as error:
            raise InputError(
                f"{path}: the DICOM header cannot be read ({one_line(error)}): {DAMAGED}"
            ) from error
        return DicomHeader(
            dataset, file.tell(), None if length == _UNDEFINED_LENGTH else length, vr
        )


def uncompressed_bytes(path: Path, header: DicomHeader, frames: int) -> int:
    """Return how many bytes `frames` uncompressed frames take.

    Raises `InputError`, naming the frame, where not all of them are there.
    """
    dataset = header.dataset
    samples = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * frames
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = samples // 3 * 2
    size = int(samples * dataset.BitsAllocated + 7) // 8
    with opened(path) as file:
        held = file.seek(0, 2) - header.offset
    if header.length is not None:
        held = min(held, header.length)
    if held < size:
        raise InputError(
            f"{path}: frame {held * frames // size + 1} of {frames} is cut: the pixels take "
            f"{size} bytes and {held} are there; {DAMAGED}"
        )
    return size


def compressed_offsets(
    path: Path, header: DicomHeader, frames: int
) -> tuple[list[int], list[int]] | None:
    """Return each frame's offset and length in bytes, as pydicom's `extended_offsets`.

    None where frames are spread over several fragments, which pydicom then joins. Raises
    `InputError`, naming the frame, where one is not wholly there (PS3.5 A.4).
    """
    with opened(path) as file:
        size = file.seek(0, 2)
        table, fragments = _fragments(file, header.offset)
    first = fragments[0][0] if fragments else size
    whole = [(start - first, length) for start, length in fragments if start + length <= size]
    if len(whole) == frames:
        return [start for start, _ in whole], [length - _ITEM_HEAD for _, length in whole]

    end = whole[-1][0] + whole[-1][1] if whole else 0
    if len(table) == frames and (len(whole) < len(fragments) or end <= table[-1]):
        cut = bisect_right(table, end)
    elif len(whole) < frames:
        cut = len(whole) + 1
    elif len(whole) < len(fragments):
        cut = frames
    else:
        return None
    raise InputError(
        f"{path}: frame {cut} of {frames} is cut: the pixels end within it, after {end} bytes "
        f"of compressed frames; {DAMAGED}"
    )


def one_line(said: BaseException | str) -> str:
    """Return an error's message, or words out of a file, on one line, cut where it is a text."""
    if isinstance(said, RecursionError):
        return "sequences are nested too deeply"
    message = " ".join(str(said).split()) or type(said).__name__
    return message if len(message) <= 200 else f"{message[:197]}..."  # noqa: PLR2004


def _fragments(file: BinaryIO, offset: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the Basic Offset Table and each fragment's (item start, item length) in the file."""
    items = []
    position = file.seek(offset)
    while len(head := file.read(_ITEM_HEAD)) == _ITEM_HEAD:
        *tag, length = struct.unpack("<HHL", head)
        if tuple(tag) != _ITEM:
            break
        items.append((position, _ITEM_HEAD + length))
        position = file.seek(position + _ITEM_HEAD + length)
    if not items:
        return [], []
    file.seek(offset + _ITEM_HEAD)
    table = file.read(items[0][1] - _ITEM_HEAD)
    return [n for (n,) in struct.iter_unpack("<L", table[: len(table) // 4 * 4])], items[1:]


def _meta_of_deflated(path: Path, file: BinaryIO) -> FileMetaDataset | None:
    """Return the file meta information of a deflated file, None for any other DICOM file.

    `file` is `path`, opened, and stands at its beginning again.
    """
    start = file.read(2)
    if not start:
        raise InputError(f"{path}: the file is empty (0 bytes): export or copy it again")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meta = _meta(GuardedFile(file, header=True))
            deflated = meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
            return meta if deflated else None
    except InvalidDicomError as error:
        if start in _BARE_STARTS:
            return None
        raise InputError(
            f"{path}: no DICOM file (no DICM at byte 128): pass the DICOM file, or name an image "
            "by its own extension"
        ) from error
    except Exception as error:
        raise InputError(
            f"{path}: the DICOM file meta information cannot be read ({one_line(error)}): {DAMAGED}"
        ) from error
    finally:
        file.seek(0)


def _meta(file: GuardedFile) -> FileMetaDataset:
    guarded = cast("BinaryIO", file)  # pydicom reads, seeks and tells
    read_preamble(guarded, force=False)
    elements = read_dataset(
        guarded,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, _vr, _length: tag.group != _META_GROUP,
    )
    return FileMetaDataset(elements)


def _inflate(file: BinaryIO, meta: FileMetaDataset, copy: BinaryIO) -> None:
    """Write a deflated file to `copy` as an uncompressed one and rewind it.

    A stream cut short gives what it holds: which frames that is is checked later. Raises
    `ValueError` where it holds more than `MAX_INFLATED` bytes.
    """
    file.seek(_META_LENGTH_END + int(meta.FileMetaInformationGroupLength))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    copy.write(bytes(128) + b"DICM")
    write_file_meta_info(DicomFileLike(copy), meta)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while chunk := file.read(_CHUNK):
        copy.write(inflater.decompress(chunk))
        if copy.tell() > MAX_INFLATED:
            raise ValueError(f"it holds more than {MAX_INFLATED} bytes")
    copy.write(inflater.flush())
    copy.seek(0)
