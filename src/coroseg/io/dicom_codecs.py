"""Which package decodes a compressed frame, and what is checked before it may.

gdcm ends the whole process on some damaged streams, so it is used only where nothing else of the
base packages decodes (JPEG lossless), after a check of the stream, and not at all where
imagecodecs, an optional package, is installed. 12-bit JPEG needs imagecodecs. The names
`is_available` and `DECODER_DEPENDENCIES` are those that pydicom asks a plugin for.
"""

from importlib.util import find_spec
from pathlib import Path

from pydicom.pixels.decoders.base import Decoder, DecodeRunner, get_decoder
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from coroseg.errors import InputError, MissingPackageError

DECODER_DEPENDENCIES = dict.fromkeys(
    (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1), ("imagecodecs",)
)

_PLUGINS = {
    JPEGBaseline8Bit: ("pillow",),
    JPEGExtended12Bit: ("pillow", "imagecodecs"),
    JPEGLossless: ("imagecodecs", "gdcm"),
    JPEGLosslessSV1: ("imagecodecs", "gdcm"),
    JPEGLSLossless: ("pyjpegls",),
    JPEGLSNearLossless: ("pyjpegls",),
    JPEG2000Lossless: ("pylibjpeg",),
    JPEG2000: ("pylibjpeg",),
    RLELossless: ("pylibjpeg",),
}
"""pydicom's names of the plugins for a syntax, the preferred first; any other syntax: its own."""

_PACKAGES = {
    "gdcm": "python-gdcm",
    "pillow": "pillow",
    "pyjpegls": "pyjpegls",
    "pylibjpeg": "pylibjpeg[openjpeg,rle]",
}

_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
_FRAME_HEADERS = (0xC0, 0xC1, 0xC3)  # baseline, extended, lossless


def is_available(uid: str) -> bool:
    """Return whether the package that decodes `uid` for `decode_frame` is installed."""
    return uid in DECODER_DEPENDENCIES and find_spec("imagecodecs") is not None


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """Return the decoded pixels of one JPEG frame, 8 or 16 bits a sample, little endian."""
    import imagecodecs

    pixels = imagecodecs.jpeg8_decode(src)
    runner.set_option("bits_allocated", 8 * pixels.itemsize)
    return bytes(pixels.tobytes())


def find_decoder(path: Path, syntax: UID, bits_stored: int) -> tuple[Decoder, str]:
    """Return pydicom's decoder for `syntax` and the plugin to use ('' is its own choice).

    Raises `MissingPackageError` where none is installed, `InputError` where there is none.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise InputError(
            f"{path}: the transfer syntax {syntax.name} ({syntax}) cannot be decoded: convert the "
            "file to an uncompressed one, for example with `gdcmconv --raw`"
        ) from error
    if not syntax.is_encapsulated:
        return decoder, ""
    if is_available(syntax) and "imagecodecs" not in decoder.available_plugins:
        decoder.add_plugin("imagecodecs", (__name__, "decode_frame"))
    wanted = _PLUGINS.get(syntax, ("pylibjpeg",))
    if syntax == JPEGExtended12Bit and bits_stored > 8:  # noqa: PLR2004
        wanted = ("imagecodecs",)
    for plugin in wanted:
        if plugin in decoder.available_plugins:
            return decoder, plugin
    package = _PACKAGES.get(wanted[-1], "coroseg[dicom]")
    raise MissingPackageError(
        wanted[-1], f"{path}: {syntax.name} ({syntax})", f'pip install "{package}"'
    )


def check_jpeg(stream: bytes, rows: int, columns: int) -> None:
    """Raise `ValueError` where a JPEG stream is incomplete or of another size (ITU-T T.81, B)."""
    if not stream.startswith(_START) or not stream.rstrip(b"\0").endswith(_END):
        raise ValueError("the JPEG stream is incomplete")
    position, size = 2, None
    while size is None or stream[position + 1] != _SCAN:
        segment = stream[position : position + 9]
        if len(segment) < 9 or segment[0] != _START[0]:  # noqa: PLR2004
            raise ValueError(f"the JPEG stream is damaged at byte {position}")
        if segment[1] in _FRAME_HEADERS:
            size = int.from_bytes(segment[5:7], "big"), int.from_bytes(segment[7:9], "big")
            if size != (rows, columns) or not 2 <= segment[4] <= 16:  # noqa: PLR2004
                raise ValueError(
                    f"the JPEG stream has {size[1]} x {size[0]} pixels of {segment[4]} bits"
                )
        position += 2 + int.from_bytes(segment[2:4], "big")
        if position + 2 > len(stream):
            raise ValueError("the JPEG stream is incomplete")
