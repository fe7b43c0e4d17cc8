"""Compressed frames without the words that encoders leave in them.

JPEG, JPEG-LS and JPEG 2000 have segments for comments and applications. Their content becomes
zeros, so that no length changes; the pixels are not touched.
"""

import re
import struct
from typing import Final

from pydicom.uid import (
    HTJ2K,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

_JPEG: Final = frozenset((*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes))
_J2K: Final = frozenset((*JPEG2000TransferSyntaxes, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL))
READABLE: Final = _JPEG | _J2K | {RLELossless}
"""The compressed transfer syntaxes whose comments are found."""

_MAKERS: Final = re.compile(
    rb"(Created by OpenJPEG version|Kakadu-v?|LEAD Technologies Inc\. V)\s?[\d.]*\0?"
)
"""What well known encoders write into every frame."""

_NEXT_MARKER: Final = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # neither stuffing nor restart
_COMMENT, _END, _SCAN, _COLOURS = 0xFE, 0xD9, 0xDA, 0xEE
_APPLICATIONS: Final = range(0xE0, 0xF0)
_KEPT_BYTES: Final = {b"JFIF\0": 14, b"SPIFF\0": 30, b"\0\0\0\1\xff\xd8": 6}
"""How many bytes of numbers follow these starts: JFIF before its thumbnail, SPIFF and its end."""
_J2K_COMMENT, _J2K_TILE, _J2K_DATA, _J2K_END = 0xFF64, 0xFF90, 0xFF93, 0xFFD9


def without_comments(stream: bytes, syntax: UID) -> bytes:
    """Return a frame of one of `READABLE`, of the same length.

    Raises `ValueError` or `struct.error` where it cannot be followed to its end.
    """
    if syntax in _JPEG:
        return _jpeg(stream)
    return _j2k(stream) if syntax in _J2K else stream


def _jpeg(stream: bytes) -> bytes:
    """Return JPEG or JPEG-LS (ITU-T T.81 B, T.87 C) with blank comments."""
    if not stream.startswith(b"\xff\xd8"):
        raise ValueError("the compressed stream does not begin as JPEG")
    cleaned = bytearray(stream)
    position = 2
    while True:
        while stream[position : position + 2] == b"\xff\xff":
            position += 1
        start, marker = struct.unpack_from("BB", stream, position)
        if start != 0xFF:  # noqa: PLR2004
            raise ValueError(f"the compressed stream is damaged at byte {position}")
        if marker == _END:
            _blank(cleaned, position + 2, len(stream))
            return bytes(cleaned)
        (length,) = struct.unpack_from(">H", stream, position + 2)
        first, after = position + 4, position + 2 + length
        if marker == _COMMENT or (marker in _APPLICATIONS and marker != _COLOURS):
            kept = (n for begin, n in _KEPT_BYTES.items() if stream.startswith(begin, first))
            _blank(cleaned, min(first + next(kept, 0), after), after)
        position = after
        if marker == _SCAN:
            following = _NEXT_MARKER.search(stream, after)
            if following is None:
                raise ValueError("the compressed stream is incomplete")
            position = following.start()


def _j2k(stream: bytes) -> bytes:
    """Return a JPEG 2000 codestream (ITU-T T.800 A) with blank comments, out of any boxes."""
    start = stream.find(b"\xff\x4f\xff\x51")
    if start < 0:
        raise ValueError("the compressed stream does not begin as JPEG 2000")
    cleaned = bytearray(stream)
    _blank(cleaned, 0, start if stream[4:8] != b"jP  " else 0)
    position, tile_end = start + 2, 0
    while True:
        (marker,) = struct.unpack_from(">H", stream, position)
        if marker == _J2K_END:
            _blank(cleaned, position + 2, len(stream))
            return bytes(cleaned)
        if marker == _J2K_DATA:
            position = tile_end
            continue
        (length,) = struct.unpack_from(">H", stream, position + 2)
        if marker == _J2K_TILE:
            (size,) = struct.unpack_from(">L", stream, position + 6)
            tile_end = position + size if size else stream.rindex(b"\xff\xd9")
        if marker == _J2K_COMMENT:
            _blank(cleaned, position + 6, position + 2 + length)
        position += 2 + length


def _blank(cleaned: bytearray, start: int, end: int) -> None:
    if not _MAKERS.fullmatch(cleaned[start:end]):
        cleaned[start:end] = bytes(max(0, min(end, len(cleaned)) - start))
