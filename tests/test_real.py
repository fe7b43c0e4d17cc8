"""The model in the package on real cine runs, before and after the contrast arrives."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import coroseg
from coroseg.io.sources import image_files
from coroseg.segmentation.predictor import Predictor
from coroseg.segmentation.segment import Segmentation

RUNS = Path(__file__).parents[2] / "shared" / "data" / "angiodata"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not RUNS.is_dir(), reason="no real angiograms beside the project"),
]

# Judged by eye from the opening and the last frames of every run, contrast stretched. Without
# contrast: the catheter may be seen, but no lumen beyond its tip. Filled: an artery can be followed
# over several centimetres; that lasts to the end of all eight runs. The frames between, in which
# contrast just leaves the tip or a first haze is seen, are in neither list. Run p3_c1 begins with
# contrast in the right coronary artery. Numbers are those of the files.
WITHOUT_CONTRAST = {
    "p1_c1": range(2),
    "p1_c2": range(3),
    "p3_c4": range(2),
    "p3_c5": range(4),
    "p5_c1": range(4),
    "p5_c2": range(2),
    "p5_c4": range(4),
}
FILLED_FROM = {
    "p1_c1": 3,
    "p1_c2": 5,
    "p3_c1": 3,
    "p3_c4": 4,
    "p3_c5": 6,
    "p5_c1": 8,
    "p5_c2": 5,
    "p5_c4": 5,
}
WITHOUT_CONTRAST_FRAMES = [(run, n) for run, numbers in WITHOUT_CONTRAST.items() for n in numbers]


def numbered_frames(run: str) -> list[Path]:
    """Return the frames by number; a copy of a frame, as `frame_1(1).png`, is none of them."""
    return [path for path in image_files(RUNS / run) if "(" not in path.name]


@cache
def predictor() -> Predictor:
    return Predictor(threads=1)


@cache
def segmented(run: str, number: int) -> Segmentation:
    path = RUNS / run / f"frame_{number:05}.png"
    return coroseg.segment(coroseg.load(path), predictor=predictor())


@pytest.mark.parametrize(("run", "number"), WITHOUT_CONTRAST_FRAMES)
def test_a_frame_without_contrast_has_an_empty_mask_and_says_so(run: str, number: int) -> None:
    result = segmented(run, number)
    assert result.vessel_area_px == 0
    assert result.flags == ("no_vessel",)


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("run", FILLED_FROM)
def test_no_frame_filled_with_contrast_is_empty(run: str, step: int) -> None:
    numbers = range(FILLED_FROM[run], len(numbered_frames(run)), step)
    assert len(numbers) > 1
    assert [n for n in numbers if not segmented(run, n).mask.any()] == []


@pytest.mark.parametrize(
    "run",
    [
        "p1_c1",
        *(pytest.param(run, marks=pytest.mark.long) for run in FILLED_FROM if run != "p1_c1"),
    ],
)
def test_the_best_frame_is_a_filled_one(run: str) -> None:
    result = coroseg.segment(coroseg.load(RUNS / run, as_run=True), predictor=predictor())
    shown = image_files(RUNS / run)[result.frame - 1]
    assert result.vessel_area_px > 0
    assert shown in numbered_frames(run)[FILLED_FROM[run] :] or "(" in shown.name


@pytest.mark.parametrize("number", range(6, 27, 5))
def test_the_edges_of_a_collimated_field_are_no_vessel(number: int) -> None:
    """The blades of run p5_c2 cover its left 30, right 50, top 6, bottom 15 columns and rows."""
    mask = segmented("p5_c2", number).mask
    blades = np.ones_like(mask)
    blades[6:-15, 30:-50] = False
    assert not mask[blades].any()
