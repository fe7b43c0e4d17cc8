"""The frames of a DICOM file, decoded one by one."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder
from pydicom.pixels.utils import as_pixel_options

from coroseg.angiogram import Frame
from coroseg.errors import InputError
from coroseg.io.dicom.codecs import check_stream, find_decoder
from coroseg.io.dicom.file import (
    DAMAGED,
    DicomHeader,
    compressed_offsets,
    one_line,
    opened,
    uncompressed_bytes,
)
from coroseg.io.dicom.view import default_view


@dataclass(frozen=True)
class DicomFrames:
    """The frames of one DICOM file, decoded from the file each time they are asked for.

    `offset` is where the value of the pixel element begins, `options` are what pydicom's decoder
    asks for. One frame at a time is in memory. Raises `InputError`, naming the frame (counted
    from 1), where one cannot be decoded.
    """

    path: Path
    dataset: Dataset
    offset: int
    decoder: Decoder = field(repr=False)
    plugin: str
    options: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return int(self.options["number_of_frames"])

    def __getitem__(self, index: int, /) -> Frame:
        with opened(self.path) as file:
            return self._decode(file, range(len(self))[index])

    def __iter__(self) -> Iterator[Frame]:
        with opened(self.path) as file:
            for index in range(len(self)):
                yield self._decode(file, index)

    def _decode(self, file: BinaryIO, index: int) -> Frame:
        place = f"{self.path}: frame {index + 1} of {len(self)}"
        file.seek(self.offset)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a frame is either decoded or refused
                self._check_stream(file, index)
                pixels, _ = self.decoder.as_array(
                    file, index=index, decoding_plugin=self.plugin, **self.options
                )
                return default_view(_gray(pixels), self.dataset, index)
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
        except Exception as error:
            raise InputError(f"{place} cannot be decoded ({one_line(error)}): {DAMAGED}") from error

    def _check_stream(self, file: BinaryIO, index: int) -> None:
        if self.decoder.UID.is_encapsulated:
            stream = get_frame(
                file,
                index,
                number_of_frames=len(self),
                extended_offsets=self.options.get("extended_offsets"),
            )
            check_stream(stream, self.decoder.UID, self.options["rows"], self.options["columns"])


def find_frames(path: Path, header: DicomHeader, frames: int) -> DicomFrames:
    """Return the `frames` frames of `path`, all of which are there.

    Raises `InputError` where one is cut or the transfer syntax is unknown, `MissingPackageError`
    where a package that decodes it is not installed.
    """
    dataset = header.dataset
    syntax = header.syntax
    decoder, plugin = find_decoder(path, syntax)
    options = as_pixel_options(
        dataset,
        transfer_syntax_uid=syntax,
        pixel_keyword="PixelData",
        pixel_vr=header.vr,
        number_of_frames=frames,
        allow_excess_frames=False,
    )
    if syntax.is_encapsulated:
        if offsets := compressed_offsets(path, header, frames):
            options["extended_offsets"] = offsets
    else:
        uncompressed_bytes(path, header, frames)
    return DicomFrames(path, dataset, header.offset, decoder, plugin, options)


def _gray(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (rows, columns) of that shape, or of (rows, columns, 3) where R = G = B."""
    if pixels.ndim == 2:  # noqa: PLR2004
        return pixels
    gray: NDArray[Any] = pixels[..., 0]
    if not (pixels == gray[..., np.newaxis]).all():
        raise InputError("this is a colour image, and an angiogram is gray: pass the gray original")
    return gray
