"""The demo and the model in the package, held against the truth of the simulated run."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import coroseg
from coroseg import cli
from coroseg.demo import SEED, run_demo
from coroseg.errors import OutputError
from coroseg.segmentation.predictor import Predictor
from coroseg.simulation.run import SimulatedRun, simulate_frame, simulate_run
from dicom_files import write_dicom

WHITE = 4095  # of the simulated frames, 12 bits


@dataclass(frozen=True)
class Demo:
    """What `coroseg demo` printed, and the folder it wrote to."""

    lines: list[str]
    out: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    program = [sys.executable, "-c", "from coroseg.cli import main; main()"]
    ended = subprocess.run(
        [*program, "demo", "--out", out], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return Demo(ended.stdout.splitlines(), out)


@pytest.fixture(scope="module")
def simulated() -> SimulatedRun:
    return simulate_run(SEED)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_the_demo_prints_every_file_it_wrote(demo: Demo) -> None:
    written = {str(path) for path in demo.out.rglob("*") if path.is_file()}
    assert len(written) == 12
    assert {line.split(": ")[0] for line in demo.lines if line.startswith(str(demo.out))} == written
    assert demo.lines[-1] == "Research software, not a medical device."


def test_the_demo_finds_a_filled_frame_and_its_vessels(demo: Demo, simulated: SimulatedRun) -> None:
    record = json.loads((demo.out / "run" / "result.json").read_text())
    truth = simulated.truths[record["frame"] - 1]
    shown = [int(truth.mask.sum()) for truth in simulated.truths]
    assert shown[0] == 0
    assert truth.mask.sum() > 0.8 * max(shown)
    with Image.open(demo.out / "run" / "mask.png") as image:
        mask = np.asarray(image) == 255
    # A bound for sanity: a simulation is not what the model was trained on, and chance gives 0.05.
    assert dice(mask, truth.mask) > 0.3


def test_the_demo_s_numbers_are_in_mm(demo: Demo, simulated: SimulatedRun) -> None:
    record = json.loads((demo.out / "run" / "result.json").read_text())
    side_mm = simulated.view.spacing_mm
    assert record["spacing_mm"] == pytest.approx([side_mm, side_mm])
    assert record["spacing_source"] == "magnification"
    area_mm2 = record["vessel_area_px"] * side_mm**2
    assert record["vessel_area_mm2"] == pytest.approx(area_mm2)
    shown = f"frame {record['frame']} of 24 shows most vessel: {area_mm2:.0f} mm²"
    assert demo.lines[-2].startswith(shown)


def test_a_demo_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["coroseg", "demo", "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert "a file stands where a folder is needed" in line


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(threads=1)


@pytest.fixture(scope="module")
def scene() -> NDArray[np.uint16]:
    """Return a frame full of contrast, (1, rows, columns), 12 bits."""
    return simulate_frame(SEED).frames


@pytest.fixture(scope="module")
def mask(
    scene: NDArray[np.uint16], predictor: Predictor, tmp_path_factory: pytest.TempPathFactory
) -> NDArray[np.bool_]:
    """Return the mask of the scene stored as it is."""
    path = write_dicom(tmp_path_factory.mktemp("scene") / "12.dcm", scene, bits=12)
    found = coroseg.segment(coroseg.load(path), predictor=predictor).mask
    assert found.any()
    return found


DICOM_KINDS = {
    "8 bits": {"bits": 8},
    "16 bits": {"bits": 16},
    "16 bits, signed": {"bits": 16},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1"},
    "rescaled": {"RescaleSlope": 2.5, "RescaleIntercept": -1000},
    "rescaled to its negative": {"RescaleSlope": -1, "RescaleIntercept": WHITE},
    "window": {"WindowCenter": 2048, "WindowWidth": 4096},
}


def stored(kind: str, scene: NDArray[np.uint16], folder: Path) -> Path:
    """Write the scene in one of `DICOM_KINDS`, or as a PNG of 8 or 16 bits."""
    eight = np.rint(scene / WHITE * 255).astype(np.uint8)
    sixteen = scene << 4 | scene >> 8  # 0 to 65535
    signed = (sixteen.astype(np.int32) - 32768).astype(np.int16)
    negative = WHITE - scene
    pixels = {
        "8 bits": eight,
        "16 bits": sixteen,
        "16 bits, signed": signed,
        "MONOCHROME1": negative,
        "rescaled to its negative": negative,
        "PNG, 8 bits": eight,
        "PNG, 16 bits": sixteen,
    }.get(kind, scene)
    if kind in DICOM_KINDS:
        return write_dicom(folder / "scene.dcm", pixels, **DICOM_KINDS[kind])
    Image.fromarray(pixels[0]).save(folder / "scene.png")
    return folder / "scene.png"


@pytest.mark.parametrize("kind", [*DICOM_KINDS, "PNG, 8 bits", "PNG, 16 bits"])
def test_a_scene_has_one_mask_however_it_is_stored(
    kind: str,
    scene: NDArray[np.uint16],
    mask: NDArray[np.bool_],
    predictor: Predictor,
    tmp_path: Path,
) -> None:
    run = coroseg.load(stored(kind, scene, tmp_path))
    assert dice(coroseg.segment(run, predictor=predictor).mask, mask) >= 0.99


@pytest.mark.parametrize("is_dicom", [True, False])
def test_another_run_is_not_written_over(tmp_path: Path, is_dicom: bool) -> None:
    path = tmp_path / "run.dcm"
    if is_dicom:
        write_dicom(path, np.zeros((1, 40, 48), np.uint16))
    else:
        path.write_text("mine")
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"run\.dcm: is no simulated run"):
        list(run_demo(tmp_path))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
