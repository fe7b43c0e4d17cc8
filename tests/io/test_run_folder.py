from pathlib import Path

import cv2
import numpy as np
import pytest

from coroseg.angiogram import Angiogram
from coroseg.errors import InputError
from coroseg.io import load
from coroseg.io.run_folder import read_run_folder
from coroseg.spacing import PixelSpacing, SpacingSource

ROWS, COLUMNS = 40, 56


def level(value: int, rows: int = ROWS) -> np.ndarray:
    return np.full((rows, COLUMNS), value, np.uint8)


def make(folder: Path) -> Path:
    """Twelve frames whose level is their number."""
    for number in range(1, 13):
        suffix = "bmp" if number == 7 else "png"
        cv2.imwrite(str(folder / f"frame_{number}.{suffix}"), level(number))
    (folder / "notes.txt").write_text("no frame")
    (folder / "sub").mkdir()
    cv2.imwrite(str(folder / "sub" / "frame_0.png"), level(99))
    return folder


def test_a_folder_of_frames_is_one_run_in_natural_order(tmp_path: Path) -> None:
    run = load(make(tmp_path), as_run=True)
    assert (run.name, run.path) == (tmp_path.name, tmp_path)
    assert (run.rows, run.columns, len(run.frames)) == (ROWS, COLUMNS, 12)
    assert [round(frame[0, 0] * 255) for frame in run.frames] == list(range(1, 13))
    assert run.frame(10)[3, 4] == pytest.approx(10 / 255)
    assert run.frame_times_ms is None


def test_a_stack_in_the_folder_gives_all_its_frames(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), level(1))
    assert cv2.imwritemulti(str(tmp_path / "b.tif"), [level(2), level(3)])
    cv2.imwrite(str(tmp_path / "c.png"), level(4))
    run = load(tmp_path, as_run=True)
    assert [round(frame[0, 0] * 255) for frame in run.frames] == [1, 2, 3, 4]
    assert [round(run.frame(n)[0, 0] * 255) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_the_first_frame_of_another_size_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    for number in (11, 3):
        cv2.imwrite(str(tmp_path / f"frame_{number}.png"), level(number, rows=COLUMNS))
    with pytest.raises(
        InputError, match=r"frame_3\.png: 56 x 56 pixels.*frame_1\.png, has 56 x 40"
    ):
        load(tmp_path, as_run=True)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no frame")
    with pytest.raises(InputError, match="holds no image"):
        load(tmp_path, as_run=True)


def test_frames_are_decoded_when_asked_for(tmp_path: Path) -> None:
    make(tmp_path)
    whole = (tmp_path / "frame_12.png").read_bytes()
    packed = whole.index(b"IDAT") + 6
    (tmp_path / "frame_12.png").write_bytes(whole[:packed] + bytes(9) + whole[packed + 9 :])
    run = load(tmp_path, as_run=True)
    run.frame(11)
    with pytest.raises(InputError, match=r"frame_12\.png: cannot be decoded"):
        run.frame(12)


@pytest.mark.parametrize(("last", "wanted"), [(0.2, (0.5, 0.2)), (0.3, None)])
def test_the_spacing_is_that_of_all_files_or_unknown(
    tmp_path: Path, last: float, wanted: tuple[float, float] | None
) -> None:
    make(tmp_path)

    def read_one(path: Path) -> Angiogram:
        mm = (0.5, last if path.stem == "frame_12" else 0.2)
        frames = [level(0).astype(np.float32)]
        spacing = PixelSpacing(mm, SpacingSource.FIDUCIAL)
        return Angiogram(path.name, frames, ROWS, COLUMNS, path, spacing=spacing)

    run = read_run_folder(tmp_path, read_one)
    assert (run.spacing and run.spacing.mm) == wanted


@pytest.mark.real
def test_a_real_run(pytestconfig: pytest.Config) -> None:
    folder = pytestconfig.rootpath.parent / "shared" / "data" / "angiodata" / "p1_c1"
    if not folder.is_dir():
        pytest.skip("no real angiograms here")
    run = load(folder, as_run=True)
    assert len(run.frames) == len(list(folder.glob("*.png")))
    assert run.frame(1).shape == (run.rows, run.columns) == (512, 512)
