"""What is checked of a PNG before it is decoded, by the lengths that it states."""

import struct
from pathlib import Path
from typing import Final

from coroseg.io.limits import MOST_INFLATED

_SIGNATURE: Final = 8  # bytes, before the first chunk
_HEAD: Final = struct.Struct(">L4s")
_CHECK: Final = 4  # bytes, after each


def check_chunks(path: Path, rows: int, columns: int) -> None:
    """Raise `ValueError` where a PNG is too short for its pixels, or for one of its chunks.

    Pillow would make up what is missing as black, and OpenCV reserve memory for any length.
    """
    end = path.stat().st_size
    if rows * (1 + columns // 8) > end * MOST_INFLATED:  # at the least: 1 bit a pixel, all black
        raise ValueError("the file is too short for its pixels")
    with path.open("rb") as file:
        position, kind = _SIGNATURE, b""
        while kind != b"IEND" and position < end:
            file.seek(position)
            length, kind = _HEAD.unpack(file.read(_HEAD.size))
            position += _HEAD.size + length + _CHECK
    if position > end:
        raise ValueError("the file ends within a chunk")
