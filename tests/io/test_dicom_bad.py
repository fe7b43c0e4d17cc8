"""Bad DICOM files: one line that says what is wrong, where, and what to do."""

import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.uid import (
    JPEG2000,
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MRImageStorage,
    RLELossless,
)

from coroseg.errors import CorosegError, InputError, NotAnAngiogramError
from coroseg.io.dicom import read_dicom
from dicom_files import LOSSLESS, scene, write_dicom


def refusal(path: Path, kind: type[CorosegError] = InputError, **options: Any) -> str:
    """Return the one line with which `path` is refused, at reading or at decoding."""
    with pytest.raises(CorosegError) as caught:
        list(read_dicom(path, **options).frames)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert "\n" not in message
    assert str(path) in message
    return message


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.touch()
    assert "the file is empty" in refusal(path)


def test_text_named_dcm(tmp_path: Path) -> None:
    path = tmp_path / "text.dcm"
    path.write_text("Dear colleague, please find enclosed\n" * 20)
    assert "no DICOM file" in refusal(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.dcm")


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene())

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be opened (Permission denied): check" in refusal(path)


@pytest.mark.parametrize("frame", [1, 2, 3])
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless],
    ids=lambda uid: uid.keyword,
)
@pytest.mark.parametrize("offset_table", [True, False])
def test_a_cut_names_the_frame(tmp_path: Path, syntax: UID, frame: int, offset_table: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (3, 40, 56)).astype(np.uint16)
    path = write_dicom(tmp_path / "run.dcm", noise, syntax=syntax, offset_table=offset_table)
    data = path.read_bytes()
    pixels = 3 * 40 * 56 * 2 if not syntax.is_encapsulated else len(data) - data.find(b"\xe0\x7f")
    middle = len(data) - round(pixels * (3.5 - frame) / 3)
    path.write_bytes(data[:middle])
    if syntax == DeflatedExplicitVRLittleEndian:
        assert "of 3 is cut" in refusal(path)
    else:
        assert f"frame {frame} of 3 is cut" in refusal(path)


def test_a_cut_in_several_fragments_names_the_frame(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(rows=64), syntax=JPEGLSLossless, fragments=3)
    path.write_bytes(path.read_bytes()[:-200])
    assert "frame 3 of 3 is cut" in refusal(path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLosslessSV1])
def test_more_frames_promised_than_held(tmp_path: Path, syntax: UID) -> None:
    path = write_dicom(
        tmp_path / "run.dcm", scene(), syntax=syntax, offset_table=False, NumberOfFrames=5
    )
    assert "frame 4 of 5 is cut" in refusal(path)


def test_larger_frames_promised_than_held(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), Rows=80)
    assert "frame 2 of 3 is cut: the pixels take 26880 bytes and 13440 are there" in refusal(path)


SIZED = [
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
]


def jpeg_scene(syntax: UID) -> tuple[NDArray[Any], int]:
    """Return frames and bits that `syntax` can hold."""
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    return scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16), bits


@pytest.mark.parametrize("syntax", SIZED, ids=lambda uid: uid.keyword)
def test_a_stream_of_another_size(tmp_path: Path, syntax: UID) -> None:
    pixels, bits = jpeg_scene(syntax)
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=bits, syntax=syntax, Rows=56, Columns=40)
    assert "frame 1 of 3 cannot be decoded (the compressed stream has 56 x 40" in refusal(path)


@pytest.mark.parametrize("syntax", SIZED, ids=lambda uid: uid.keyword)
def test_a_stream_whose_end_was_never_written(tmp_path: Path, syntax: UID) -> None:
    pixels, bits = jpeg_scene(syntax)
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=bits, syntax=syntax)
    data = path.read_bytes()
    path.write_bytes(data[:-300] + bytes(292) + data[-8:])  # zeros, and the pixels' own end
    assert "frame 3 of 3 cannot be decoded (the compressed stream is incomplete" in refusal(path)


def test_run_lengths_that_overrun_the_frame(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(frames=1), syntax=RLELossless)
    data = bytearray(path.read_bytes())
    first = data.index(struct.pack("<2L", 2, 64)) + 64  # two segments, the first after 64 bytes
    data[first : first + 400] = bytes([129, 7]) * 200  # each pair stands for 128 bytes
    path.write_bytes(data)
    assert "frame 1 of 1 cannot be decoded" in refusal(path)


@pytest.mark.parametrize("promised", [0, -3, None])
def test_no_frames(tmp_path: Path, promised: int | None) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene())
    element = struct.pack("<HH2sH2s", 0x0028, 0x0008, b"IS", 2, b"3 ")
    stated = b"" if promised is None else str(promised).encode().ljust(2)
    changed = struct.pack("<HH2sH", 0x0028, 0x0008, b"IS", len(stated)) + stated
    data = path.read_bytes()
    assert data.count(element) == 1
    path.write_bytes(data.replace(element, changed))
    found = "empty" if promised is None else str(promised)
    assert f"Number of Frames (0028,0008) is {found}" in refusal(path)


def test_no_pixels(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene())
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\xe0\x7f\x10\x00")])
    assert "no Pixel Data (7FE0,0010)" in refusal(path)


@pytest.mark.parametrize(
    ("modality", "sop_class"), [("CT", CTImageStorage), ("MR", MRImageStorage), ("US", None)]
)
def test_another_modality_is_skipped_unless_asked_for(
    tmp_path: Path, modality: str, sop_class: UID | None
) -> None:
    elements = {"SOPClassUID": sop_class} if sop_class else {}
    path = write_dicom(tmp_path / "x.dcm", scene(), Modality=modality, **elements)
    message = refusal(path, NotAnAngiogramError)
    assert f"modality {modality}" in message
    assert "--any-modality" in message
    assert len(list(read_dicom(path, any_modality=True).frames)) == 3


@pytest.mark.parametrize("any_modality", [False, True])
@pytest.mark.parametrize("modality", ["SR", "DOC"])
def test_a_document_is_skipped_in_any_case(
    tmp_path: Path, modality: str, any_modality: bool
) -> None:
    path = write_dicom(
        tmp_path / "x.dcm", scene(), Modality=modality, SOPClassUID=EncapsulatedPDFStorage
    )
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"\xe0\x7f\x10\x00")])
    message = refusal(path, NotAnAngiogramError, any_modality=any_modality)
    assert "has no pixels" in message


def test_a_colour_picture(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 56, 3)).astype(np.uint8)
    path = write_dicom(tmp_path / "x.dcm", pixels, bits=8)
    with pytest.raises(InputError, match="colour image"):
        read_dicom(path)


def test_a_palette_colour_picture(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), PhotometricInterpretation="PALETTE COLOR")
    assert "colour image (PALETTE COLOR)" in refusal(path)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (31, 56), (40, 31)])
def test_too_few_pixels(tmp_path: Path, rows: int, columns: int) -> None:
    path = write_dicom(tmp_path / "x.dcm", np.zeros((1, rows, columns), np.uint16))
    assert f"{columns} x {rows} pixels are too few" in refusal(path)


def test_absurdly_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), Rows=20000, Columns=20000)
    assert "20000 x 20000 pixels are too many" in refusal(path)


@pytest.mark.parametrize("bits", [0, 17])
def test_bits_that_cannot_be(tmp_path: Path, bits: int) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), BitsStored=bits)
    assert f"{bits} bits stored in 16" in refusal(path)


@pytest.mark.parametrize("keyword", ["Rows", "BitsStored", "PixelRepresentation"])
def test_a_missing_element_is_named(tmp_path: Path, keyword: str) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), **{keyword: None})
    assert f"{keyword} is missing" in refusal(path)


def test_a_syntax_that_nothing_decodes(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), syntax=JPEGLSLossless)
    video = b"1.2.840.10008.1.2.4.102"  # MPEG-4
    data = path.read_bytes()
    stated = struct.pack("<HH2sH", 0x0002, 0x0010, b"UI", 22) + b"1.2.840.10008.1.2.4.80"
    changed = struct.pack("<HH2sH", 0x0002, 0x0010, b"UI", 24) + video + b"\0"
    (length,) = struct.unpack("<L", data[140:144])
    data = data[:140] + struct.pack("<L", length + 2) + data[144:]
    assert data.count(stated) == 1
    path.write_bytes(data.replace(stated, changed))
    message = refusal(path)
    assert "1.2.840.10008.1.2.4.102" in message
    assert "gdcmconv --raw" in message


_HIDDEN = ("imagecodecs", "jpeg_ls", "pylibjpeg")
_READ_WITHOUT_THEM = f"""
import sys
sys.modules.update(dict.fromkeys({_HIDDEN}))
from pathlib import Path
from coroseg.errors import MissingPackageError
from coroseg.io.dicom import read_dicom
for name in sys.argv[1:]:
    try:
        read_dicom(Path(name))
    except MissingPackageError as error:
        print(error)
"""


def test_a_missing_decoder_names_its_package(tmp_path: Path) -> None:
    packages = {
        JPEGExtended12Bit: "imagecodecs",
        JPEGLossless: "imagecodecs",
        JPEGLosslessSV1: "imagecodecs",
        JPEGLSLossless: "pyjpegls",
        JPEGLSNearLossless: "pyjpegls",
        JPEG2000Lossless: "pylibjpeg[openjpeg]",
        JPEG2000: "pylibjpeg[openjpeg]",
        RLELossless: "imagecodecs",
    }
    paths = [write_dicom(tmp_path / uid.keyword, scene(), syntax=uid) for uid in packages]
    command = [sys.executable, "-c", _READ_WITHOUT_THEM, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert (len(lines), done.stderr) == (len(packages), "")
    for line, path, (syntax, package) in zip(lines, paths, packages.items(), strict=True):
        name = package.partition("[")[0]
        assert line == (
            f'{path}: {syntax.name} ({syntax}) needs the package {name}: pip install "{package}"'
        )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(syntax=st.sampled_from(LOSSLESS), cut=st.floats(0, 0.995))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, syntax: UID, cut: float) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), syntax=syntax)
    data = path.read_bytes()
    whole = len(data) - (8 if syntax.is_encapsulated else 0)  # the end mark may be missing
    path.write_bytes(data[: int(whole * cut)])
    refusal(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    syntax=st.sampled_from(LOSSLESS),
    changes=st.lists(st.tuples(st.integers(132, 1500), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    tmp_path: Path, syntax: UID, changes: list[tuple[int, int]]
) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), syntax=syntax)
    data = bytearray(path.read_bytes())
    for place, byte in changes:
        data[place % len(data)] = byte
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            run = read_dicom(path)
            for index in range(min(len(run.frames), 4)):
                assert run.frames[index].shape == (run.rows, run.columns)
        except CorosegError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either way is right
