import subprocess
import sys
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pytest

from coroseg.errors import InputError, SpacingError
from coroseg.io import load
from coroseg.io.formats import format_of
from coroseg.spacing import SpacingSource

PIXELS = np.arange(40 * 56, dtype=np.uint16).reshape(40, 56).astype(np.uint8)


def png(folder: Path, name: str = "a.png") -> Path:
    (folder / name).write_bytes(cv2.imencode(".png", PIXELS)[1].tobytes())
    return folder / name


@pytest.mark.parametrize("name", ["a.png", "a", "a.dcm", "a.nii", "a.mp4", "1.2.840.7"])
def test_the_content_goes_before_the_name(tmp_path: Path, name: str) -> None:
    run = load(str(png(tmp_path, name)))
    assert (run.name, run.path, run.rows, run.columns) == (name, tmp_path / name, 40, 56)
    np.testing.assert_allclose(run.frames[0], PIXELS / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("jpg", "jpeg"), ("tif", "tiff"), ("bmp", "bmp"), ("pgm", "pgm")]
)
def test_images_are_known_by_their_content(tmp_path: Path, suffix: str, kind: str) -> None:
    (tmp_path / "a").write_bytes(cv2.imencode(f".{suffix}", PIXELS)[1].tobytes())
    assert format_of(tmp_path / "a") == kind


@pytest.mark.parametrize("image", [nib.Nifti1Image, nib.Nifti2Image])
def test_nifti_is_known_by_its_content(tmp_path: Path, image: type) -> None:
    nib.save(image(PIXELS.T, np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / "a")
    assert format_of(tmp_path / "a") == "nifti"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", bytes(128) + b"DICM", "dicom"),
        ("a", b"II*\0" + bytes(124) + b"DICM", "dicom"),  # a preamble that is a TIFF header
        ("a.DCM", b"\x08\x00", "dicom"),
        ("1.2.840.7", b"\x08\x00", "dicom"),
        ("IM0001", b"\x08\x00", "dicom"),
        ("a.PNG", b"text", "png"),
        ("a.nii.gz", b"\x1f\x8b", "nifti"),
        ("a.mp4", b"text", "video"),
    ],
)
def test_the_name_tells_where_the_content_does_not(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert format_of(tmp_path / name) == kind


def test_a_given_spacing_replaces_the_files(tmp_path: Path) -> None:
    image = nib.Nifti1Image(PIXELS.T, np.eye(4))
    image.header.set_xyzt_units("mm")
    nib.save(image, tmp_path / "a.nii")
    for given, mm in [(0.25, (0.25, 0.25)), ((0.5, 0.2), (0.5, 0.2)), (1, (1, 1))]:
        run = load(tmp_path / "a.nii", spacing_mm=given)
        assert run.spacing is not None
        assert (run.spacing.mm, run.spacing.source) == (mm, SpacingSource.USER)
    with pytest.raises(SpacingError, match="not positive"):
        load(png(tmp_path), spacing_mm=-0.2)


def test_as_run_reads_a_file_as_ever(tmp_path: Path) -> None:
    assert len(load(png(tmp_path), as_run=True).frames) == 1


def test_a_frame_past_the_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: there is no frame 2: the run has 1"):
        load(png(tmp_path)).frame(2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"", "the file is empty"),
        ("a.dcm", b"", "the file is empty"),
        ("a.png", b"this is text", "cannot be decoded"),
        ("a.tif", b"this is text", "cannot be decoded"),
        ("a.nii", b"this is text", "cannot be read as NIfTI"),
        ("a.nii.gz", b"this is text", "cannot be read as NIfTI"),
        ("a.txt", b"this is text", "of no known format"),
        ("a.gif", b"GIF89a", "of no known format"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No such file or directory.*check the path"):
        load(tmp_path / "missing.png")
    with pytest.raises(InputError, match="a folder: pass its files, or as_run"):
        load(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        load("/dev/null")


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = png(tmp_path)

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(InputError, match=r"a\.png: cannot be read \(Permission denied\)"):
        load(path)


def test_importing_the_reader_loads_nothing_heavy() -> None:
    heavy = {"cv2", "PIL", "nibabel", "pydicom", "scipy", "skimage", "matplotlib", "torch"}
    code = f"import sys, coroseg.io; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
