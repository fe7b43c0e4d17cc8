"""Bad DICOM files: one line that says what is wrong, where, and what to do."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import (
    JPEG2000,
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    JPEG2000Lossless,
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
from dicom_files import scene, write_dicom


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


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.102", "1.2.840\n10008.1.2.4.102"])
def test_a_syntax_that_nothing_decodes(tmp_path: Path, syntax: str) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), syntax=JPEGLSLossless)
    data = path.read_bytes()
    stated = struct.pack("<HH2sH", 0x0002, 0x0010, b"UI", 22) + b"1.2.840.10008.1.2.4.80"
    changed = struct.pack("<HH2sH", 0x0002, 0x0010, b"UI", 24) + syntax.encode() + b"\0"
    (length,) = struct.unpack("<L", data[140:144])
    data = data[:140] + struct.pack("<L", length + 2) + data[144:]
    assert data.count(stated) == 1
    path.write_bytes(data.replace(stated, changed))
    message = refusal(path)
    assert f"({' '.join(syntax.split())}) cannot be decoded: export the run" in message


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


def test_a_file_that_inflates_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), syntax=DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr("coroseg.io.dicom.file.MAX_INFLATED", path.stat().st_size)
    message = refusal(path)
    assert f"cannot be inflated (it holds more than {path.stat().st_size} bytes)" in message


def test_a_header_beyond_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(tmp_path / "x.dcm", scene(), PatientComments="a" * 5000)
    monkeypatch.setattr("coroseg.io.dicom.guarded.MAX_HEADER", 6000)
    assert len(read_dicom(path).frames) == 3  # with 13440 bytes of pixels
    monkeypatch.setattr("coroseg.io.dicom.guarded.MAX_HEADER", 4000)
    assert "there are more than 4000 bytes before the pixels" in refusal(path)
