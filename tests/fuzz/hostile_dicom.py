"""DICOM files that ask for far more than they hold, made to take memory or time."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    XRayAngiographicImageStorage,
)

from dicom_files import scene, write_dicom

ENDLESS = 0xFFFFFFFF
_ITEM = b"\xfe\xff\x00\xe0"
_ITEM_END, _SEQUENCE_END = b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_PER_FRAME = (0x5200, 0x9230)
_PRIVATE = (0x0009, 0x1001)


def element(tag: tuple[int, int], vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """Return an element of a VR with a long length, in explicit VR little endian."""
    stated = len(value) if length is None else length
    return struct.pack("<HH2sHL", *tag, vr, 0, stated) + value


def file_of(elements: bytes, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Return a file that holds `elements`."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        XRayAngiographicImageStorage,
        "1.2.3",
    )
    start = DicomBytesIO()
    write_file_meta_info(start, meta)
    return bytes(128) + b"DICM" + start.getvalue() + elements


def with_elements(folder: Path, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a sound angiogram with elements before its image elements, or before its pixels."""
    content = write_dicom(folder / "sound.dcm", scene()).read_bytes()
    image = content.index(struct.pack("<HH", 0x0028, 0x0002))
    pixels = content.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
    return content[:image] + before + content[image:pixels] + after + content[pixels:]


def inflating(size: int) -> bytes:
    """Return a deflated stream of `size` zeros, without making them all."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = 2**24
    unit = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    return unit * (size // block) + packer.flush()


def changed_stream(folder: Path, syntax: UID, mark: bytes, offset: int, new: bytes) -> bytes:
    """Return an angiogram whose frames state something else `offset` bytes after a `mark`."""
    content = write_dicom(folder / "s.dcm", scene(frames=1), syntax=syntax).read_bytes()
    place = content.index(mark) + offset
    return content[:place] + new + content[place + len(new) :]


def _run_lengths(folder: Path) -> bytes:
    """Return a frame of run lengths that make 64 times as many bytes, and too many."""
    content = write_dicom(folder / "s.dcm", scene(frames=1), syntax=RLELossless).read_bytes()
    start = content.index(struct.pack("<2L", 2, 64))
    stream = struct.pack("<16L", 2, 64, 3 * 10**6, *[0] * 13) + bytes([129, 7]) * (3 * 10**6)
    item = _ITEM + struct.pack("<L", len(stream)) + stream + _SEQUENCE_END
    return content[: start - 8] + item


def _implicit_text(folder: Path) -> bytes:
    """Return an angiogram with a list of eight million numbers as text."""
    content = write_dicom(folder / "s.dcm", scene(), syntax=ImplicitVRLittleEndian).read_bytes()
    place = content.index(struct.pack("<HH", 0x0028, 0x0002))
    times = b"1\\" * (8 * 10**6)
    vector = struct.pack("<HHL", 0x0018, 0x1065, len(times)) + times
    return content[:place] + vector + content[place:]


def _meta(content: bytes) -> bytes:
    """Return a file whose meta information holds a million items."""
    items = element((0x0002, 0x0200), b"SQ", (_ITEM + bytes(4)) * 10**6 + _SEQUENCE_END, ENDLESS)
    return content[:158] + items + content[158:]


_LEVELS = 100_000
_DEEP = element(_PRIVATE, b"SQ", _ITEM + struct.pack("<L", ENDLESS), ENDLESS) * _LEVELS
_J2K, _JPEG_LS = b"\xff\x4f\xff\x51", b"\xff\xf7"

HOSTILE_DICOM: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "65535 x 65535": (
        lambda f: write_dicom(f / "s.dcm", scene(), Rows=65535, Columns=65535).read_bytes(),
        "65535 x 65535 pixels are too many: reduce",
    ),
    "a billion frames": (
        lambda f: write_dicom(f / "s.dcm", scene(), NumberOfFrames=10**9).read_bytes(),
        "1000000000 frames are too many",
    ),
    "60000 frames": (
        lambda f: write_dicom(f / "s.dcm", scene(), NumberOfFrames=60000).read_bytes(),
        "frame 4 of 60000 is cut",
    ),
    "60000 compressed frames": (
        lambda f: write_dicom(
            f / "s.dcm", scene(), syntax=JPEGLSLossless, NumberOfFrames=60000
        ).read_bytes(),
        "of 60000 is cut",
    ),
    "64 bits": (
        lambda f: write_dicom(f / "s.dcm", scene(), BitsAllocated=64).read_bytes(),
        "is cut: the pixels take",
    ),
    "an element of 4 GB": (
        lambda f: with_elements(f, before=element(_PRIVATE, b"OB", b"x", ENDLESS - 1)),
        "states 4294967294 bytes, and the file ends after",
    ),
    "a value without end": (
        lambda f: with_elements(f, before=element(_PRIVATE, b"OB", bytes(10**7), ENDLESS)),
        "neither a Modality (0008,0060) nor pixels",
    ),
    "a million items": (
        lambda f: with_elements(
            f,
            before=element(_PRIVATE, b"SQ", (_ITEM + bytes(4)) * 10**6 + _SEQUENCE_END, ENDLESS),
        ),
        "more than 524288 elements, items and values",
    ),
    "a million items, read later": (
        lambda f: with_elements(f, after=element(_PER_FRAME, b"SQ", (_ITEM + bytes(4)) * 10**6)),
        "more than 524288 elements, items and values",
    ),
    "a million items in the meta information": (
        lambda f: _meta(with_elements(f)),
        "more than 524288 elements, items and values",
    ),
    "nested without end": (lambda f: with_elements(f, before=_DEEP), "nested too deeply"),
    "eight million numbers": (_implicit_text, "more than 524288 elements, items and values"),
    "deflated without preamble": (
        lambda _: file_of(inflating(2**28), DeflatedExplicitVRLittleEndian)[132:],
        "it is deflated, and has no preamble",
    ),
    "10201 tiles": (
        lambda f: changed_stream(
            f,
            JPEG2000Lossless,
            _J2K,
            8,
            struct.pack(">8L", 10056, 10040, 10000, 10000, 100, 100, 0, 0),
        ),
        "the compressed stream has 10201 tiles",
    ),
    "16384 components": (
        lambda f: changed_stream(f, JPEG2000Lossless, _J2K, 40, struct.pack(">H", 16384)),
        "the compressed stream has 16384 components",
    ),
    "255 components": (
        lambda f: changed_stream(f, JPEGLSLossless, _JPEG_LS, 9, b"\xff"),
        "the compressed stream has 255 components",
    ),
    "run lengths of 384 MB": (_run_lengths, "cannot be decoded"),
}
"""The files, each with words of the line that refuses it."""
