"""What the headers of a TIFF file say of its pages, before any pixel is decoded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

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

    Raises `InputError` for a page too small or too large; Pillow's errors for damaged headers.
    """
    pages = []
    with path.open("rb") as file:
        start = file.read(8)
        if start[2] == 43 or start[3] == 43:  # BigTIFF  # noqa: PLR2004
            start += file.read(8)
        directory = ImageFileDirectory_v2(start)
        seen: set[int] = set()
        while directory.next and directory.next not in seen:
            seen.add(directory.next)
            file.seek(directory.next)
            directory.load(file)
            page = _page(path, directory)
            check_size(path, page.rows, page.columns)
            pages.append(page)
    if not pages:
        raise ValueError("no page")
    return pages


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
