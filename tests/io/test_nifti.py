from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from coroseg.errors import InputError
from coroseg.io import load
from coroseg.spacing import SpacingSource

ROWS, COLUMNS, COUNT = 40, 56, 3


def frames(dtype: type = np.uint8) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, ROWS, COLUMNS))
    pixels[:, 0, :2] = 0, 255
    return pixels.astype(dtype)


def save(path: Path, data: np.ndarray, *, zooms: tuple[float, ...] = (), unit: str = "") -> Path:
    image = nib.Nifti1Image(data, np.eye(4))
    if zooms:
        image.header.set_zooms(zooms)
    if unit:
        image.header.set_xyzt_units(unit)
    nib.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_the_first_axis_is_the_column_and_the_last_the_frame(
    tmp_path: Path, name: str, dtype: type
) -> None:
    run = load(save(tmp_path / name, frames(dtype).transpose(2, 1, 0)))
    assert (run.rows, run.columns, len(run.frames)) == (ROWS, COLUMNS, COUNT)
    for frame, wanted in zip(run.frames, frames(), strict=True):
        np.testing.assert_allclose(frame, wanted / 255, atol=1e-6)
    np.testing.assert_array_equal(run.frames[1], list(run.frames)[1])
    assert run.frames[1].dtype == np.float32


@pytest.mark.parametrize("shape", [(56, 40), (56, 40, 1), (56, 40, 1, 3)])
def test_axes_of_length_1_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    count = shape[3] if len(shape) > 3 else 1
    data = frames()[:count].transpose(2, 1, 0).reshape(shape)
    run = load(save(tmp_path / "a.nii", data))
    np.testing.assert_allclose(list(run.frames), frames()[:count] / 255, rtol=1e-6)


@pytest.mark.parametrize(("unit", "mm"), [("mm", (0.5, 0.2)), ("micron", (0.0005, 0.0002))])
def test_spacing_is_row_then_column_in_mm(
    tmp_path: Path, unit: str, mm: tuple[float, float]
) -> None:
    run = load(save(tmp_path / "a.nii", frames().T, zooms=(0.2, 0.5, 1), unit=unit))
    assert run.spacing is not None
    assert run.spacing.mm == pytest.approx(mm)
    assert run.spacing.source is SpacingSource.IMAGE_HEADER


def test_without_units_the_spacing_is_unknown(tmp_path: Path) -> None:
    assert load(save(tmp_path / "a.nii", frames().T, zooms=(0.2, 0.5, 1))).spacing is None


def test_a_scaled_header_counts_as_deep_pixels(tmp_path: Path) -> None:
    image = nib.Nifti1Image(frames().T, np.eye(4))
    image.header.set_slope_inter(2, 10)
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(load(tmp_path / "a.nii").frames[0], frames()[0] / 255, atol=1e-6)


def test_only_the_frame_asked_for_is_decoded(tmp_path: Path) -> None:
    data = frames(np.float32)
    data[2, 5, 7] = np.nan
    run = load(save(tmp_path / "a.nii", data.T))
    run.frames[1]
    with pytest.raises(InputError, match=r"a\.nii, frame 3: 1 pixels are NaN"):
        run.frames[2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((56, 40, 3, 2), np.uint8), "is no run"),
        (np.zeros((50,), np.uint8), "is no run"),
        (np.zeros((56, 31), np.uint8), "too few"),
        (np.zeros((56, 40), np.complex64), "not gray"),
        (np.zeros((56, 40), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "not gray"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, data: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(save(tmp_path / "a.nii", data))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("left", [100, 0.5])
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, left: float) -> None:
    path = save(tmp_path / name, frames().T)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(left if left > 1 else left * len(whole))])
    with pytest.raises(InputError, match="damaged"):
        list(load(path).frames)


def test_units_that_do_not_exist_leave_the_spacing_unknown(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", frames().T, zooms=(0.2, 0.5, 1), unit="mm")
    content = bytearray(path.read_bytes())
    for units in (7, 0x80 | 4, 255):
        content[123] = units
        path.write_bytes(content)
        assert load(path).spacing is None


def test_odd_extensions_are_not_spoken_of(tmp_path: Path) -> None:
    image = nib.Nifti1Image(frames().T, np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"words"))
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[352] = 15  # bytes of the extension: no multiple of 16
    (tmp_path / "a.nii").write_bytes(content)
    assert len(list(load(tmp_path / "a.nii").frames)) == COUNT


def test_pixels_that_the_header_scales_to_nan_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", frames(np.float32).T)
    content = bytearray(path.read_bytes())
    content[112:116] = np.float32(2).tobytes()  # scl_slope
    content[352:356] = b"\x01\0\x80\x7f"  # a NaN that is not quiet
    path.write_bytes(content)
    with pytest.raises(InputError, match="NaN or infinite"):
        load(path).frames[0]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_cut_volume_is_refused_when_it_is_opened_or_read(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, frames().T)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="damaged or cut short"):
        list(load(path).frames)
