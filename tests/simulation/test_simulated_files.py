import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command_line import Command, names, pixels_of
from coroseg.errors import OutputError
from coroseg.io.dicom import read_dicom
from coroseg.simulation import files
from coroseg.simulation.files import is_finished, write_sample
from coroseg.simulation.run import SimulatedFrame, Simulation, draw_simulation
from coroseg.simulation.truth_file import Request, read_truth

SIZE = 112
SINGLE = Request(seed=8, frames=1, size=SIZE, images=True)
RUN = Request(seed=8, frames=2, size=SIZE, images=False)


def simulation(request: Request) -> Simulation:
    return draw_simulation(request.seed, frames=request.frames, size=request.size)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulatedFrame]:
    """Return the folder of a single frame, and the frame."""
    folder = tmp_path_factory.mktemp("out") / "deep" / "8"
    write_sample(folder, simulation(SINGLE), SINGLE)
    return folder, simulation(SINGLE).frame(0)


def test_the_files_of_a_single_frame(sample: tuple[Path, SimulatedFrame]) -> None:
    folder, frame = sample
    pictures = {"image.png", "mask.png", "coverage.png", "catheter.png"}
    assert names(folder) == {"run.dcm", "truth.json"} | pictures
    assert names(folder.parent) == {"8"}
    np.testing.assert_array_equal(pixels_of(folder / "mask.png") == 255, frame.truth.mask)
    np.testing.assert_array_equal(pixels_of(folder / "catheter.png") == 255, frame.truth.catheter)
    coverage = pixels_of(folder / "coverage.png")
    assert coverage.max() > 255  # 16 bits
    np.testing.assert_allclose(coverage / 65535, frame.truth.coverage, atol=1e-5)
    run = read_dicom(folder / "run.dcm")
    np.testing.assert_allclose(run.frames[0], frame.pixels / 4095, atol=1e-6)
    image = pixels_of(folder / "image.png")
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image / 255, run.frames[0], atol=0.5 / 255 + 1e-6)


def test_the_truth_of_a_single_frame(sample: tuple[Path, SimulatedFrame]) -> None:
    folder, frame = sample
    made = simulation(SINGLE)
    truth = json.loads((folder / "truth.json").read_text())
    asked = {"seed": 8, "frames": 1, "size": SIZE, "images": True, "least_mm": 0.0}
    assert truth["request"] == asked
    assert (truth["rows"], truth["columns"]) == (SIZE, SIZE)
    assert truth["spacing_mm"] == pytest.approx([made.view.spacing_mm] * 2)
    assert truth["view"]["primary_deg"] == made.view.primary_deg
    assert truth["artery"] == made.anatomy.artery
    assert truth["catheter_french"] == made.french
    assert truth["exposure"]["contrast_to_noise"] == made.exposure.contrast_to_noise
    for vessel, shown in zip(made.anatomy.vessels, truth["vessels"], strict=True):
        assert (vessel.name, vessel.parent) == (shown["name"], shown["parent"])
        assert len(vessel.lesions) == len(shown["lesions"])
    (only,) = truth["truths"]
    assert only["mask_px"] == frame.truth.mask.sum()
    for branch, shown in zip(frame.truth.branches, only["branches"], strict=True):
        assert branch.name == shown["name"]
        np.testing.assert_allclose(shown["points_px"], branch.points, atol=6e-4)
        np.testing.assert_allclose(
            shown["width_mm"], branch.width_px * made.view.spacing_mm, atol=6e-4
        )
        assert np.array_equal(np.array(shown["visible"], dtype=bool), branch.visible)
    assert len(only["lesions"]) == len(frame.truth.lesions)


def test_a_run_has_a_file_a_frame_and_images_on_request(tmp_path: Path) -> None:
    write_sample(tmp_path / "8", simulation(RUN), RUN)
    found = {path.relative_to(tmp_path / "8").as_posix() for path in tmp_path.rglob("*.png")}
    assert found == {
        f"{folder}/{number}.png"
        for folder in ("masks", "catheters", "coverages")
        for number in ("001", "002")
    }
    assert len(read_dicom(tmp_path / "8" / "run.dcm").frames) == 2
    truth = read_truth(tmp_path / "8")
    assert truth is not None
    assert [frame["frame"] for frame in truth["truths"]] == [1, 2]
    assert truth["truths"][1]["files"]["mask"] == "masks/002.png"
    assert truth["frame_time_ms"] == pytest.approx(133.333, abs=1e-3)


def test_the_same_seed_gives_the_same_bytes(
    sample: tuple[Path, SimulatedFrame], tmp_path: Path
) -> None:
    write_sample(tmp_path / "8", simulation(SINGLE), SINGLE)
    for path in sample[0].iterdir():
        assert path.read_bytes() == (tmp_path / "8" / path.name).read_bytes(), path.name


def test_a_sample_is_finished_for_the_same_request_only(
    sample: tuple[Path, SimulatedFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = sample
    assert is_finished(folder, SINGLE)
    assert not is_finished(folder, RUN)
    assert not is_finished(tmp_path, SINGLE)
    monkeypatch.setattr(files, "version", lambda _: "another")
    assert not is_finished(folder, SINGLE)


def test_an_earlier_sample_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_sample(tmp_path / "8", simulation(RUN), RUN)
    write_sample(tmp_path / "8", simulation(SINGLE), SINGLE)
    assert not (tmp_path / "8" / "masks").exists()
    assert is_finished(tmp_path / "8", SINGLE)


def test_what_is_no_sample_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="8: is no simulated sample: choose another folder"):
        write_sample(tmp_path / "8", simulation(SINGLE), SINGLE)
    assert names(tmp_path / "8") == {"thesis.txt"}


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_xa", fail)
    with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
        write_sample(tmp_path / "8", simulation(SINGLE), SINGLE)
    assert names(tmp_path) == set()


def test_the_command_makes_samples_and_a_manifest_and_goes_on(
    coroseg: Command, tmp_path: Path
) -> None:
    out = tmp_path / "sim"
    options = ("simulate", "--out", out, "--size", SIZE)
    first = coroseg(*options, "--count", 2, "--seed", 4)
    assert (first.status, first.err) == (0, "")
    assert names(out) == {"000004", "000005", "manifest.csv"}
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.dcm")}
    again = coroseg(*options, "--count", 3, "--seed", 4)
    assert again.out.splitlines() == [
        f"{out}: 3 samples (2 before)",
        f"{out / 'manifest.csv'}: 3 images",
    ]
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert coroseg("data", "check", out / "manifest.csv").status == 0
    listed = coroseg("data", "simulated", out, "--out", tmp_path / "list.csv")
    assert listed.out == f"{tmp_path / 'list.csv'}: 3 images\n"


def test_a_run_without_images_makes_no_manifest(coroseg: Command, tmp_path: Path) -> None:
    out = tmp_path / "sim"
    ended = coroseg("simulate", "--out", out, "--count", 1, "--frames", 2, "--size", SIZE)
    assert ended.out == f"{out}: 1 samples\n"
    assert names(out) == {"000000"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("count", 0), ("seed", -1), ("frames", 0), ("size", 10), ("size", 9999), ("seed", 10**18)],
)
def test_numbers_out_of_range_are_wrong_usage(
    coroseg: Command, tmp_path: Path, option: str, value: int
) -> None:
    options = {"count": 1, option: value}
    arguments = [f"--{name}={number}" for name, number in options.items()]
    ended = coroseg("simulate", "--out", tmp_path / "sim", *arguments)
    assert ended.status == 2
    assert f"--{option} {value}: " in ended.err
    assert names(tmp_path) == set()


def test_the_mask_is_one_that_training_reads(sample: tuple[Path, SimulatedFrame]) -> None:
    with Image.open(sample[0] / "mask.png") as mask, Image.open(sample[0] / "image.png") as image:
        assert (mask.mode, image.mode) == ("L", "L")
        assert mask.size == image.size == (SIZE, SIZE)
