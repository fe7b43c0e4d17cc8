"""Pictures, volumes and videos that ask for far more than they hold."""

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from fuzz.hostile_dicom import inflating
from fuzz.sound_files import GRAY, sound_files


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    check = struct.pack(">L", zlib.crc32(kind + content))
    return struct.pack(">L", len(content)) + kind + content + check


def png(columns: int, rows: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    """Return a gray PNG of this size with other chunks before its pixels."""
    head = chunk(b"IHDR", struct.pack(">LLBBBBB", columns, rows, 8, 0, 0, 0, 0))
    middle = b"".join(chunks) + chunk(b"IDAT", pixels or zlib.compress(bytes(57 * 40)))
    return b"\x89PNG\r\n\x1a\n" + head + middle + chunk(b"IEND", b"")


def bomb(size: int) -> bytes:
    """Return `size` zeros as zlib packs them."""
    return b"\x78\xda" + inflating(size) + bytes(4)


def tiff(*tags: tuple[int, int, int, int], following: int = 0, extra: bytes = b"") -> bytes:
    """Return a TIFF with one directory of (tag, type, count, value), and `extra` at its end."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in sorted(tags))
    return (
        struct.pack("<2sHLH", b"II", 42, 8, len(tags))
        + entries
        + struct.pack("<L", following)
        + extra
    )


def gray_tags(columns: int = 56, rows: int = 40, **values: int) -> list[tuple[int, int, int, int]]:
    """Return the tags of an uncompressed gray page; `t279=5` sets tag 279."""
    tags = {256: columns, 257: rows, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: rows, 279: 2240}
    tags |= {int(name[1:]): value for name, value in values.items()}
    return [(tag, 4, 1, value) for tag, value in tags.items()]


def jpeg_size(columns: int, rows: int) -> bytes:
    """Return a JPEG that states another size."""
    data = io.BytesIO()
    Image.fromarray(GRAY).save(data, "jpeg")
    content = data.getvalue()
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", rows, columns) + content[place + 4 :]


def many_scans() -> bytes:
    """Return a progressive JPEG of 4000 x 4000 whose last scan comes 3000 times."""
    data = io.BytesIO()
    Image.new("L", (4000, 4000), 9).save(data, "jpeg", progressive=True)
    content = data.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * 3000 + content[-2:]


def many_pages(count: int) -> bytes:
    """Return a TIFF of this many directories that share their pixels."""
    tags = gray_tags()
    size = 2 + 12 * len(tags) + 4
    pages = []
    for number in range(1, count + 1):
        page = tiff(*tags, following=8 + number * size if number < count else 0)
        pages.append(page[8:])
    return struct.pack("<2sHL", b"II", 42, 8) + b"".join(pages)


def shared_tags() -> bytes:
    """Return a TIFF of 4000 tags that each are the same 4 MB."""
    tags = [(40000 + number, 1, 4 * 10**6, 60000) for number in range(4000)]
    return tiff(*gray_tags(), *tags, extra=bytes(5 * 10**6))


def nifti(shape: tuple[int, ...], version: int = 1, offset: int = 352, tail: bytes = b"") -> bytes:
    """Return a NIfTI header that states a shape and where its pixels begin, and a few bytes."""
    header = nib.Nifti1Header() if version == 1 else nib.Nifti2Header()
    header.set_data_dtype(np.uint8)
    header["dim"][: len(shape) + 1] = (len(shape), *shape)
    header["vox_offset"] = offset
    header["magic"] = b"n+1" if version == 1 else header["magic"]
    return bytes(header.binaryblock) + tail


def gzipped(start: bytes, size: int) -> bytes:
    """Return a .gz file of `start` and this many zeros."""
    first = gzip.compress(start)
    zeros = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + inflating(size) + struct.pack("<LL", 0, size % 2**32)
    return first + zeros


def video(folder: Path, name: str, mark: bytes, offset: int, new: bytes) -> bytes:
    """Return a video with other bytes `offset` after every `mark`."""
    content = sound_files(folder)[name]
    place = content.find(mark)
    while place >= 0:
        content = content[: place + offset] + new + content[place + offset + len(new) :]
        place = content.find(mark, place + offset)
    return content


_EXTENSION = struct.pack("<4BLL", 1, 0, 0, 0, 2**30, 6)

HOSTILE_PICTURES: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "size": (".png", lambda _: png(2**31 - 1, 2**31 - 1), "pixels are too many: reduce"),
    "text": (
        ".png",
        lambda _: png(56, 40, *[chunk(b"zTXt", b"a\0\0" + bomb(2**30))] * 3),
        "Decompressed data too large",
    ),
    "profile": (
        ".png",
        lambda _: png(56, 40, chunk(b"iCCP", b"a\0\0" + bomb(2**30))),
        "Decompressed data too large",
    ),
    "more pixels": (".png", lambda _: png(56, 40, pixels=bomb(2**30)), "1 frames"),
    "tall": (".png", lambda _: png(56, 3522098), "the file is too short for its pixels"),
    "chunk of 2 GB": (
        ".png",
        lambda _: png(56, 40)[:33] + b"\x7f\xff\xff\xffabcd",
        "Truncated File Read",
    ),
    "pixels of 4 GB": (
        ".png",
        lambda _: png(56, 40)[:24] + b"\x10\x02\0\0\0t\xa2r\x91\xff\0\0\0IDAT" + bytes(999),
        "the file ends within a chunk",
    ),
    "jpeg": (".jpg", lambda _: jpeg_size(65500, 65500), "65500 x 65500 pixels are too many"),
    "scans": (".jpg", lambda _: many_scans(), "it holds more than 500 scans"),
    "bmp": (
        ".bmp",
        lambda _: (
            b"BM" + struct.pack("<LLLLllHHLLLLLL", 0, 0, 54, 40, 2**30, 2**30, 1, 8, *[0] * 6)
        ),
        "pixels are too many",
    ),
    "pgm": (".pgm", lambda _: b"P5 99999999 99999999 255\n", "pixels are too many"),
    "plain pgm": (".pgm", lambda _: b"P2 16000 16000 255\n1 2 3\n", "cannot be decoded"),
    "tiff": (".tif", lambda _: tiff(*gray_tags(2**31, 2**31)), "pixels are too many"),
    "strip": (".tif", lambda _: tiff(*gray_tags(t279=2**32 - 1, t278=2**31)), "cannot be decoded"),
    "packed strip": (
        ".tif",
        lambda _: tiff(*gray_tags(t259=8, t273=200, t279=10**6, t278=2**31), extra=bomb(2**30)),
        "cannot be decoded",
    ),
    "tiles": (
        ".tif",
        lambda _: tiff(*gray_tags(t259=8, t322=2**30, t323=2**30, t324=8, t325=2**30)),
        "cannot be decoded",
    ),
    "loop": (".tif", lambda _: tiff(*gray_tags(t273=0, t279=10), following=8), "cannot be decoded"),
    "pages": (".tif", lambda _: many_pages(70000), "65537 frames are too many"),
    "shared tags": (".tif", lambda _: shared_tags(), "the tags are longer than the file"),
    "nifti": (".nii", lambda _: nifti((30000, 30000)), "pixels are too many"),
    "volume": (".nii", lambda _: nifti((512, 512, 30000)), "the file holds"),
    "second": (
        ".nii",
        lambda _: nifti((2**12, 2**12, 2**60), version=2, offset=544),
        "frames are too many",
    ),
    "overflow": (
        ".nii",
        lambda _: nifti((2**12, 2**12, 2**40, 2**40), version=2, offset=544),
        "is no run",
    ),
    "extension": (
        ".nii.gz",
        lambda _: gzipped(nifti((64, 64, 9), offset=2**30, tail=_EXTENSION), 2**30),
        "bytes before the pixels",
    ),
    "inflated": (
        ".nii.gz",
        lambda _: gzipped(nifti((16000, 16000, 9)), 2**32),
        "are too many for a compressed file",
    ),
    "unheld": (".nii.gz", lambda _: gzipped(nifti((16000, 16000, 8)), 2**24), "the file holds"),
    "avi size": (
        ".avi",
        lambda f: video(f, "xvid.avi", b"strf", 12, struct.pack("<ll", 30000, 30000)),
        "frames",
    ),
    "avi frames": (
        ".avi",
        lambda f: video(f, "xvid.avi", b"vids", 32, struct.pack("<L", 2**31 - 1)),
        "frames are too many",
    ),
    "mp4 size": (
        ".mp4",
        lambda f: video(f, "mp4v.mp4", b"mp4v", 28, struct.pack(">HH", 65535, 65535)),
        "3 frames",
    ),
    "mp4 samples": (
        ".mp4",
        lambda f: video(f, "mp4v.mp4", b"stsz", 8, struct.pack(">LL", 1, 10**8)),
        "0 x 0 pixels are too few",
    ),
}
"""The files, each with its extension and words of what is said of it."""
