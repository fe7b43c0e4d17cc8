"""The object in an answer of WADO-RS, written to disk as it comes."""

from collections.abc import Iterable
from email.message import Message
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from coroseg.pacs.archive import ArchiveError


def write_first_part(
    place: str, content_type: str, chunks: Iterable[bytes], file: BinaryIO
) -> None:
    """Write the first part of a multipart/related body, or a whole application/dicom, to `file`.

    Raises `ArchiveError`, about `place`, for a body of another kind, or one that ends too early.
    """
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() == "application/dicom":
        file.writelines(chunks)
        return
    boundary = header.get_param("boundary")
    if header.get_content_maintype() != "multipart" or not isinstance(boundary, str):
        raise ArchiveError(
            f"{place}: the answer is {content_type or 'of no stated kind'}, no DICOM object"
        )
    parts = _Parts(file)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_part_data": parts.data,
                "on_end": parts.end,
            },
        )
        for chunk in chunks:
            parser.write(chunk)
    except FormParserError as error:
        raise ArchiveError(
            f"{place}: the answer is no sound multipart message ({error})"
        ) from error
    if not parts.ended:
        raise ArchiveError(
            f"{place}: the transfer broke off in the middle of the object", again=True
        )


class _Parts:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._number, self.ended = file, 0, False

    def begin(self) -> None:
        self._number += 1

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._number == 1:
            self._file.write(memoryview(data)[start:end])

    def end(self) -> None:
        self.ended = True
