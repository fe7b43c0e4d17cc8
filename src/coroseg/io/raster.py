"""Angiograms in PNG, JPEG, TIFF (stacks too), BMP and PGM files.

Pillow decodes: it is light, and an image that is cut short is an error there, where OpenCV
returns half of a JPEG. OpenCV decodes the deep pixels that Pillow reduces to 8 bits or does not
know: 16-bit colour, float and PGM. What a file says of its resolution (TIFF tags, PNG's pHYs) is
the size on paper, not in the patient: the spacing is unknown.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import InputError
from coroseg.io.gray import to_frame
from coroseg.io.limits import MAX_SCANS, check_size
from coroseg.io.opencv_log import quiet_opencv
from coroseg.io.png_chunks import check_chunks
from coroseg.io.tiff_pages import Page, read_pages

# The classes themselves, because Image.open warns of images that are within our limits.
_OPENERS: Final[dict[str, type[ImageFile.ImageFile]]] = {
    "png": PngImageFile,
    "jpeg": JpegImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
    "pgm": PpmImageFile,
}
# What Pillow raises for damaged files, found by damaging files.
DAMAGE: Final = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_PART: Final = 2**20  # bytes
_GRAY_MODES: Final = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_raster(path: Path, kind: str) -> Angiogram:
    """Return the image, or the stack of images, in a file of format `kind` (a key of `_OPENERS`).

    Raises `InputError` for a file that is damaged, too small or too large, and for a stack whose
    pages differ in size; damaged pixels are found when a frame is decoded.
    """
    pages = _pages(path, kind)
    first = pages[0]
    for number, page in enumerate(pages, start=1):
        if (page.rows, page.columns) != (first.rows, first.columns):
            raise InputError(
                f"{path}: page {number} is {page.columns} x {page.rows} pixels and the first "
                f"{first.columns} x {first.rows}: the frames of a run need one size: split the file"
            )
    return Angiogram(path.name, RasterFrames(path, kind, pages), first.rows, first.columns, path)


@dataclass(frozen=True)
class RasterFrames:
    """The pages of one image file."""

    path: Path
    kind: str
    pages: list[Page]

    def __len__(self) -> int:
        return len(self.pages)

    def __getitem__(self, index: int, /) -> Frame:
        number = range(len(self))[index]
        if self.pages[number].needs_opencv:
            return self._frame(number, self._by_opencv(number))
        with self._open() as image:
            return self._frame(number, self._by_pillow(image, number))

    def __iter__(self) -> Iterator[Frame]:
        if any(page.needs_opencv for page in self.pages):
            yield from (self[number] for number in range(len(self)))
            return
        with self._open() as image:
            for number in range(len(self)):
                yield self._frame(number, self._by_pillow(image, number))

    def _frame(self, number: int, pixels: NDArray[Any]) -> Frame:
        frame = to_frame(pixels, self._place(number))
        return 1 - frame if self.pages[number].inverted else frame

    def _open(self) -> ImageFile.ImageFile:
        with _explained(str(self.path)):
            return _OPENERS[self.kind](self.path)

    def _by_pillow(self, image: ImageFile.ImageFile, number: int) -> NDArray[Any]:
        with _explained(self._place(number)):
            if len(self) > 1:
                image.seek(number)
            if image.mode in _GRAY_MODES:
                return np.asarray(image)
            return np.asarray(image.convert("L" if image.mode == "LA" else "RGB"))

    def _by_opencv(self, number: int) -> NDArray[Any]:
        import cv2

        with quiet_opencv():
            try:
                read, images = cv2.imreadmulti(
                    str(self.path), start=number, count=1, flags=cv2.IMREAD_UNCHANGED
                )
            except cv2.error as error:
                raise InputError(_damaged(self._place(number), error.err)) from error
        if not read:
            raise InputError(_damaged(self._place(number), "OpenCV cannot read it"))
        pixels = np.asarray(images[0])
        return pixels if pixels.ndim == 2 else pixels[..., 2::-1]  # noqa: PLR2004

    def _place(self, number: int) -> str:
        return f"{self.path}, page {number + 1}" if len(self) > 1 else str(self.path)


def _pages(path: Path, kind: str) -> list[Page]:
    """Return what the headers say of each page, its size checked."""
    if kind == "tiff":
        with _explained(str(path)):
            return read_pages(path)
    with _explained(str(path)), _OPENERS[kind](path) as image:
        check_size(path, image.height, image.width)
        if kind == "png":
            check_chunks(path, image.height, image.width)
        if kind == "jpeg" and _scans(path) > MAX_SCANS:
            raise ValueError(f"it holds more than {MAX_SCANS} scans")
        layout = image.tile[0].args
        stored = layout[0] if isinstance(layout, tuple) else layout
        deep_colour = ";16" in str(stored) and image.mode != "I;16"
        return [Page(image.height, image.width, needs_opencv=image.mode == "I" or deep_colour)]


def _scans(path: Path) -> int:
    """Return the number of scans in a JPEG: two bytes that stand nowhere else in compressed data.

    Those at the seams of the parts read are missed, which is no matter: it is to find thousands.
    """
    with path.open("rb") as file:
        return sum(part.count(b"\xff\xda") for part in iter(lambda: file.read(_PART), b""))


@contextmanager
def _explained(place: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):  # the error, if there is one, says it
            yield
    except DAMAGE as error:
        raise InputError(_damaged(place, str(error))) from error


def _damaged(place: str, reason: str) -> str:
    line = reason.strip().partition("\n")[0]
    return f"{place}: cannot be decoded ({line}): damaged, or of a kind not read: export it again"
