"""What the headers of a TIFF file say of its pages, before any pixel is decoded."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from coroseg.errors import InputError
from coroseg.io.limits import check_size

_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _SAMPLES, _PLANAR, _SAMPLE_FORMAT = (
    256,
    257,
    258,
    262,
    277,
    284,
    339,
)
_SIZES: Final = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
"""Bytes of a value of each type of tag."""
_BIG: Final = 43  # the version of BigTIFF
_MAX_TAGS: Final = 2**16
_SHARED: Final = 2**20  # bytes of tags that may lie in one place of a sound file
_WHITE_IS_ZERO: Final = 0
_FLOAT: Final = 3
_SEPARATE: Final = 2


@dataclass(frozen=True)
class Page:
    """The size of one image, and how its pixels are decoded."""

    rows: int
    columns: int
    needs_opencv: bool = False
    inverted: bool = False
    """White is 0, and the decoder leaves it so."""


def read_pages(path: Path) -> list[Page]:
    """Return the pages of a TIFF file, in its order.

    Raises `InputError` for a page too small or too large and for too many of them, and Pillow's
    errors or `ValueError` for damaged headers.
    """
    pages = []
    with path.open("rb") as file:
        room = file.seek(0, 2) + _SHARED
        file.seek(0)
        start = file.read(8)
        is_big = _BIG in start[2:4]
        start += file.read(8) if is_big else b""
        order = ">" if start[:1] == b"M" else "<"
        directory = ImageFileDirectory_v2(start)
        seen: set[int] = set()
        while directory.next and directory.next not in seen:
            seen.add(directory.next)
            room -= _tag_bytes(file, directory.next, order, is_big=is_big)
            if room < 0:
                raise ValueError("the tags are longer than the file")
            file.seek(directory.next)
            directory.load(file)
            page = _page(path, directory)
            pages.append(page)
            check_size(path, page.rows, page.columns, len(pages))
    if not pages:
        raise ValueError("no page")
    return pages


def _tag_bytes(file: BinaryIO, start: int, order: str, *, is_big: bool) -> int:
    """Return how many bytes the tags of the directory at `start` state, before they are read."""
    file.seek(start)
    (count,) = struct.unpack(f"{order}{'Q' if is_big else 'H'}", file.read(8 if is_big else 2))
    entry = struct.Struct(f"{order}{'HHQ8x' if is_big else 'HHL4x'}")
    stated = file.read(min(count, _MAX_TAGS) * entry.size)
    tags = entry.iter_unpack(stated[: len(stated) // entry.size * entry.size])
    return sum(length * _SIZES.get(kind, 0) for _, kind, length in tags)


def _page(path: Path, tags: ImageFileDirectory_v2) -> Page:
    bits = max(tags.get(_BITS, (1,)))
    gray = tags.get(_SAMPLES, 1) == 1
    is_float = _FLOAT in tags.get(_SAMPLE_FORMAT, (1,))
    needs_opencv = bits > 8 and (is_float or bits > 16 or not gray)  # noqa: PLR2004
    if needs_opencv and not gray and tags.get(_PLANAR) == _SEPARATE:  # OpenCV would mix them up
        raise InputError(
            f"{path}: {bits}-bit colour in separate planes is not read: save the image in gray"
        )
    # Pillow inverts white-is-zero up to 8 bits only, OpenCV not at all.
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and bits > 8  # noqa: PLR2004
    return Page(tags[_LENGTH], tags[_WIDTH], needs_opencv=needs_opencv, inverted=inverted)
