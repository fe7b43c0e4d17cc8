"""Which package decodes a compressed frame, and what is checked before it may.

`is_available`, `decode_frame` and `DECODER_DEPENDENCIES` are what pydicom asks a decoder for.
"""

import math
import struct
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from pydicom.pixels.decoders.base import Decoder, DecodeRunner, get_decoder
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from coroseg.errors import InputError, MissingPackageError
from coroseg.io.dicom.file import one_line
from coroseg.io.limits import MAX_COMPONENTS

DECODER_DEPENDENCIES = dict.fromkeys(
    (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, RLELossless), ("imagecodecs",)
)

_PLUGINS = {
    JPEGBaseline8Bit: "pillow",
    **dict.fromkeys(DECODER_DEPENDENCIES, "imagecodecs"),
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
}
"""pydicom's name of the decoder; pylibjpeg for any other syntax (JPEG 2000)."""

_PACKAGES = {"pylibjpeg": "pylibjpeg[openjpeg]"}

_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
_FRAME_HEADERS = (0xC0, 0xC1, 0xC3, 0xF7)  # baseline, extended, lossless, JPEG-LS
_MAX_TILES = 4096  # OpenJPEG reserves memory for each that is stated
_J2K_START = b"\xff\x4f\xff\x51"  # start of codestream and its size segment


def is_available(uid: str) -> bool:
    """Return whether the package that decodes `uid` for `decode_frame` is installed."""
    return uid in DECODER_DEPENDENCIES and find_spec("imagecodecs") is not None


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Return the decoded pixels of one JPEG or RLE frame, 8 or 16 bits a sample, little endian."""
    import imagecodecs

    if runner.transfer_syntax == RLELossless:
        runner.set_option("planar_configuration", 1)
        size = int(runner.frame_length(unit="bytes"))  # run lengths can stand for 64 times as many
        return bytes(imagecodecs.dicomrle_decode(src, f"<u{runner.bits_allocated // 8}", out=size))
    pixels = imagecodecs.jpeg8_decode(src)
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return bytes(pixels.tobytes())


def find_decoder(path: Path, syntax: UID) -> tuple[Decoder, str]:
    """Return pydicom's decoder for `syntax` and the plugin to use ('' is its own choice).

    Raises `MissingPackageError` where it is not installed, `InputError` where there is none.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        stated = one_line(f"{syntax.name} ({syntax})")
        raise InputError(
            f"{path}: the transfer syntax {stated} cannot be decoded: export the run uncompressed "
            "or as JPEG lossless"
        ) from error
    if not syntax.is_encapsulated:
        return decoder, ""
    plugin = _PLUGINS.get(syntax, "pylibjpeg")
    if is_available(syntax) and plugin not in decoder.available_plugins:
        decoder.add_plugin(plugin, (__name__, "decode_frame"))
    if plugin not in decoder.available_plugins:
        command = f'pip install "{_PACKAGES.get(plugin, plugin)}"'
        raise MissingPackageError(plugin, f"{path}: {syntax.name} ({syntax})", command)
    return decoder, plugin


def check_stream(stream: bytes, syntax: UID, rows: int, columns: int) -> None:
    """Raise `ValueError` or `struct.error` where a frame is incomplete or of another size.

    The decoders themselves fill what is missing with gray, reserve memory for whatever size a
    damaged stream states, and follow run-length segments out of the stream.
    """
    if syntax == RLELossless:
        _check_segments(stream)
        return
    find_size = _j2k_size if syntax in JPEG2000TransferSyntaxes else _jpeg_size
    height, width, components = find_size(stream)
    if (height, width) != (rows, columns):
        raise ValueError(f"the compressed stream has {width} x {height} pixels")
    if components > MAX_COMPONENTS:
        raise ValueError(f"the compressed stream has {components} components")


def _jpeg_size(stream: bytes) -> tuple[int, int, int]:
    """Return (rows, columns, components) of JPEG and JPEG-LS (ITU-T T.81 B, T.87 C)."""
    if not stream.startswith(_START):
        raise ValueError("the compressed stream does not begin as JPEG")
    position, size = 2, None
    while stream[position : position + 2] != _SCAN:
        segment = stream[position : position + 10]
        if len(segment) < 10 or segment[0] != _START[0]:  # noqa: PLR2004
            raise ValueError(f"the compressed stream is damaged at byte {position}")
        if segment[1] in _FRAME_HEADERS:
            size = struct.unpack(">HHB", segment[5:])
        position += 2 + int.from_bytes(segment[2:4], "big")
    if size is None:
        raise ValueError("the compressed stream is neither baseline, lossless JPEG nor JPEG-LS")
    if _END not in stream[position:]:
        raise ValueError("the compressed stream is incomplete")
    return size


def _j2k_size(stream: bytes) -> tuple[int, int, int]:
    """Return (rows, columns, components) of JPEG 2000 (ITU-T T.800 A.5.1)."""
    start = stream.find(_J2K_START)
    if start < 0:
        raise ValueError("the compressed stream does not begin as JPEG 2000")
    if _END not in stream[start:]:
        raise ValueError("the compressed stream is incomplete")
    right, bottom, left, top, width, height, first_left, first_top, components = struct.unpack_from(
        ">8LH", stream, start + 8
    )
    across = (right - first_left) / max(width, 1)
    down = (bottom - first_top) / max(height, 1)
    tiles = math.ceil(across) * math.ceil(down)
    if tiles > _MAX_TILES:
        raise ValueError(f"the compressed stream has {tiles} tiles")
    return bottom - top, right - left, components


def _check_segments(stream: bytes) -> None:
    """Raise where a run-length segment lies outside the stream, which states no size (PS3.5 G)."""
    count, *offsets = struct.unpack_from("<16L", stream)
    if not all(start < end for start, end in pairwise([*offsets[:count], len(stream)])):
        raise ValueError("the compressed stream is incomplete")
