"""Files made to take all memory or time: each is refused, or read as what it is, soon and small."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.hostile_dicom import HOSTILE_DICOM
from fuzz.hostile_pictures import HOSTILE_PICTURES
from fuzz.reader_process import ReaderProcess

SLOW = {"a million items", "a million items in the meta information", "pages"}
"""Seconds, till they come to the limit."""
MOST = 2**28
"""Bytes beside the libraries."""

FILES = {name: (".dcm", *file) for name, file in HOSTILE_DICOM.items()} | HOSTILE_PICTURES


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    reader = ReaderProcess(MOST)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.long) if n in SLOW else n for n in FILES],
)
def test_a_hostile_file_takes_little(reader: ReaderProcess, tmp_path: Path, name: str) -> None:
    extension, make, words = FILES[name]
    path = tmp_path / f"hostile{extension}"
    path.write_bytes(make(tmp_path))
    assert path.stat().st_size < 2**24 + 2**16
    said, bug = reader.read(path)
    assert bug == ""
    assert words in said
