"""Headers of legal and illegal values: each file ends in frames or in one line, soon and small."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from dicom_files import scene, xa_dataset
from fuzz.hostile_dicom import file_of
from fuzz.hostile_pictures import gray_tags, nifti, png, tiff
from fuzz.reader_process import ReaderProcess
from fuzz.sound_files import GRAY, enhanced

cases = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
many_cases = settings(cases, max_examples=600)

_EXTREMES = (0, 1, 2, 7, 8, 16, 31, 32, 40, 56, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1)
_TEXTS = ("", "0", "-1", "1e400", "nan", "3\\4", "\\\\", "XA", "YBR_FULL_422", "RGB", "MONOCHROME1")
_LONG = ("OB", "OW", "SQ", "UN", "UT")
_KEYWORDS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept"),
    *("ImagerPixelSpacing", "PixelSpacing", "PixelSpacingCalibrationType", "FrameTimeVector"),
    *("FrameTime", "CineRate", "PositionerPrimaryAngle", "DistanceSourceToPatient"),
    *("EstimatedRadiographicMagnificationFactor", "Modality", "SpecificCharacterSet"),
    *("PatientID", "StudyDate", "SOPClassUID", "PixelIntensityRelationship"),
    *("ModalityLUTSequence", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"),
)


def numbers(size: int) -> st.SearchStrategy[int]:
    """Return whole numbers of `size` bytes, near the extremes as often as not."""
    most = 2 ** (8 * size) - 1
    return st.sampled_from([n for n in (*_EXTREMES, most) if n <= most]) | st.integers(0, most)


def values(vr: str) -> st.SearchStrategy[bytes]:
    """Return bytes for a value: of its type, and any others."""
    texts = st.sampled_from(_TEXTS) | st.floats().map(str) | st.integers().map(str)
    return (
        numbers(2).map(lambda number: struct.pack("<H", number))
        if vr == "US"
        else texts.map(lambda text: text.encode("ascii"))
    ) | st.binary(max_size=20)


@st.composite
def dicom_files(draw: st.DrawFn) -> bytes:
    """Return an angiogram of which some elements have other values, other types, or are gone."""
    elements = enhanced() if draw(st.booleans()) else {}
    dataset = xa_dataset(scene(), 12, **elements)
    dataset.PixelData = scene().tobytes()
    dataset["PixelData"].VR = "OW"
    changes = draw(st.dictionaries(st.sampled_from(_KEYWORDS), st.data(), min_size=1, max_size=4))
    encoded = {element.tag: _encoded(element) for element in dataset}
    for keyword, data in changes.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        vr = dictionary_VR(tag)
        vr = data.draw(st.just(vr) | st.sampled_from(["US", "DS", "UN", "OB", "SQ", "LO", "FD"]))
        value = data.draw(st.none() | values(vr))
        if value is None:
            encoded.pop(tag, None)
            continue
        stated = len(value) + data.draw(st.sampled_from([0, 0, 0, 1, -1, 1000, 60000]))
        form = "<HH2s2xL" if vr in _LONG else "<HH2sH"
        head = struct.pack(form, tag >> 16, tag & 0xFFFF, vr.encode(), max(stated, 0))
        encoded[tag] = head + value
    return file_of(b"".join(encoded[tag] for tag in sorted(encoded)))


def _encoded(element: DataElement) -> bytes:
    data = DicomBytesIO()
    data.is_little_endian, data.is_implicit_VR = True, False
    write_data_element(data, element)
    return data.getvalue()


@st.composite
def png_files(draw: st.DrawFn) -> bytes:
    """Return a PNG whose head states any size, depth, colour type and interlacing."""
    content = bytearray(png(56, 40))
    for place, size in draw(st.sets(st.sampled_from([(16, 4), (20, 4)]) | _bytes_at(24, 29))):
        content[place : place + size] = draw(numbers(size)).to_bytes(size, "big")
    content[29:33] = _crc(content[12:29])
    return bytes(content)


@st.composite
def bmp_files(draw: st.DrawFn) -> bytes:
    """Return a BMP whose headers state anything."""
    head = [54 + 1024, 40, 56, 40, 1 | 8 << 16, 0, 2240, 0, 0, 256, 0]
    for place in draw(st.sets(st.integers(0, len(head) - 1), max_size=3)):
        head[place] = draw(numbers(4))
    return b"BM" + bytes(8) + struct.pack("<11L", *head) + bytes(1024) + GRAY.tobytes()


@st.composite
def tiff_files(draw: st.DrawFn) -> bytes:
    """Return a TIFF of which some tags have other types, counts and values."""
    tags = {tag: [kind, count, value] for tag, kind, count, value in gray_tags()}
    more = st.sampled_from([254, 266, 284, 317, 320, 322, 323, 324, 325, 338, 339, 347, 530])
    for tag in draw(st.sets(st.sampled_from(sorted(tags)) | more, max_size=4)):
        kind, count = draw(st.integers(0, 18)), draw(st.just(1) | numbers(4))
        tags[tag] = [draw(st.just(4) | st.just(kind)), count, draw(numbers(4))]
    following = draw(st.just(0) | numbers(1))
    entries = [(tag, *entry) for tag, entry in tags.items()]
    return tiff(*entries, following=following, extra=GRAY.tobytes())


@st.composite
def pgm_files(draw: st.DrawFn) -> bytes:
    """Return a PGM whose head states anything."""
    words = [draw(st.just(word) | st.integers().map(str)) for word in ("56", "40", "255")]
    kind, space = draw(st.sampled_from(["P2", "P5"])), draw(st.sampled_from([" ", "\n", "# c\n"]))
    return (
        space.join([kind, *words]).encode() + b"\n" + draw(st.sampled_from([b"", GRAY.tobytes()]))
    )


@st.composite
def nifti_files(draw: st.DrawFn) -> bytes:
    """Return a NIfTI file of which some numbers of its header are others."""
    version = draw(st.sampled_from([1, 2]))
    length = 352 if version == 1 else 544
    content = bytearray(nifti((56, 40, 3), version, length, bytes(4) + bytes(56 * 40 * 3)))
    for place in draw(st.sets(st.integers(40, length // 2), max_size=4)):
        size = draw(st.sampled_from([1, 2, 4, 8]))
        content[2 * place : 2 * place + size] = draw(numbers(size)).to_bytes(size, "little")
    return bytes(content)


def _bytes_at(first: int, last: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(first, last - 1), st.just(1))


def _crc(content: bytes) -> bytes:
    return struct.pack(">L", zlib.crc32(content))


FILES: dict[str, Callable[[], st.SearchStrategy[bytes]]] = {
    "dcm": dicom_files,
    "png": png_files,
    "bmp": bmp_files,
    "tif": tiff_files,
    "pgm": pgm_files,
    "nii": nifti_files,
}


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    reader = ReaderProcess()
    yield reader
    reader.close()


def check(reader: ReaderProcess, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert reader.read(path)[1] == ""


@pytest.mark.parametrize("kind", FILES)
@cases
@given(data=st.data())
def test_any_header_ends_in_frames_or_one_line(
    reader: ReaderProcess, tmp_path: Path, kind: str, data: Any
) -> None:
    check(reader, tmp_path / f"a.{kind}", data.draw(FILES[kind]()))


@pytest.mark.long
@pytest.mark.parametrize("kind", FILES)
@many_cases
@given(data=st.data())
def test_600_headers_of_each_kind_end_in_frames_or_one_line(
    reader: ReaderProcess, tmp_path: Path, kind: str, data: Any
) -> None:
    check(reader, tmp_path / f"a.{kind}", data.draw(FILES[kind]()))
