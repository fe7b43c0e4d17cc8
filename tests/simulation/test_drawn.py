from pathlib import Path

import numpy as np
import pydicom
import pytest
from scipy.ndimage import binary_dilation, label

from coroseg.errors import OutputError
from coroseg.io.dicom import read_dicom
from coroseg.simulation.drawn import DrawnRun, draw_run, write_drawn_run

SIZE = 192


@pytest.fixture(scope="module", params=[0, 1], ids=["right", "left"])
def run(request: pytest.FixtureRequest) -> DrawnRun:
    return draw_run(seed=request.param, frames=12, size=SIZE)


def test_a_seed_is_a_run() -> None:
    first, again, other = draw_run(3, 2, SIZE), draw_run(3, 2, SIZE), draw_run(4, 2, SIZE)
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.frames, other.frames)


def test_both_arteries_are_drawn() -> None:
    assert {draw_run(seed, 1, 64).artery for seed in range(6)} == {"LCA", "RCA"}


def test_shapes_and_range(run: DrawnRun) -> None:
    assert run.frames.shape == run.masks.shape == (12, SIZE, SIZE)
    assert run.frames.dtype == np.uint16
    assert run.frames.max() <= 4095
    assert run.spacing.mm[0] * SIZE == pytest.approx(200 / 1050 * 765)


def test_contrast_arrives_fills_and_is_washed_out(run: DrawnRun) -> None:
    shown = run.masks.sum(axis=(1, 2))
    assert shown[:2].tolist() == [0, 0]
    assert shown[-1] == 0
    assert shown.max() > 0.03 * SIZE**2
    assert 4 <= shown.argmax() <= 9


def test_the_masked_lumen_is_darker_than_its_surroundings_and_one_tree(run: DrawnRun) -> None:
    lumen = run.masks[6]
    around = binary_dilation(lumen, iterations=4) & ~binary_dilation(lumen, iterations=2)
    full, before = run.frames[6].astype(float), run.frames[0].astype(float)
    assert full[lumen].mean() < 0.85 * full[around].mean()
    assert before[lumen].mean() == pytest.approx(before[around].mean(), rel=0.06)
    assert np.bincount(label(lumen, np.ones((3, 3)))[0].ravel())[1:].max() > 0.9 * lumen.sum()


def test_one_frame_shows_the_vessels() -> None:
    assert draw_run(frames=1, size=SIZE).masks.any()


def test_the_heart_moves(run: DrawnRun) -> None:
    assert (run.masks[6] ^ run.masks[7]).sum() > 0.1 * run.masks[6].sum()


def test_a_written_run_is_read_back(run: DrawnRun, tmp_path: Path) -> None:
    path = tmp_path / "run.dcm"
    write_drawn_run(path, run)
    read = read_dicom(path)
    frames = np.stack(list(read.frames))
    np.testing.assert_allclose(frames, run.frames / 4095, atol=1e-6)
    assert read.spacing is not None
    assert read.spacing.source == run.spacing.source == "distances"
    assert read.spacing.mm == pytest.approx(run.spacing.mm)
    assert read.frame_times_ms == pytest.approx([66.7 * i for i in range(12)])
    assert read.primary_angle_deg == {"RCA": 30, "LCA": -30}[run.artery]


def test_the_same_run_gives_the_same_valid_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.dcm", "b.dcm")]
    for path in paths:
        write_drawn_run(path, draw_run(5, 2, 64))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    dataset = pydicom.dcmread(paths[0])
    assert dataset.SOPInstanceUID.is_valid
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
    assert len({dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID}) == 3


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"missing.run.dcm: cannot be written \(No such file"):
        write_drawn_run(tmp_path / "missing" / "run.dcm", draw_run(0, 1, 64))
