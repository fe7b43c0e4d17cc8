from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from coroseg.simulation import run as simulate
from coroseg.simulation.field import Field
from coroseg.simulation.lesions import narrowed
from coroseg.simulation.run import (
    SimulatedRun,
    draw_simulation,
    simulate_frame,
    simulate_run,
)
from coroseg.simulation.scene import Lesion, View

SIZE = 144
VIEW = View(1000, 750, primary_deg=-20, secondary_deg=-25, pitch_mm=0.95 * 4 / 3, size=SIZE)


@pytest.fixture(scope="module", params=[0, 5])
def run(request: pytest.FixtureRequest) -> SimulatedRun:
    return simulate_run(request.param, frames=9, size=SIZE)


def test_a_seed_is_a_frame() -> None:
    first, again, other = (simulate_frame(seed, size=SIZE) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.frames, again.frames)
    np.testing.assert_array_equal(first.truths[0].coverage, again.truths[0].coverage)
    assert not np.array_equal(first.frames, other.frames)


def test_shapes_and_range(run: SimulatedRun) -> None:
    assert run.frames.shape == (9, SIZE, SIZE)
    assert run.frames.dtype == np.uint16
    assert run.frames.max() <= 4095
    assert len(run.truths) == 9
    assert run.view.size == SIZE


def test_a_run_begins_without_contrast_and_fills(run: SimulatedRun) -> None:
    shown = [int(truth.mask.sum()) for truth in run.truths]
    assert shown[:3] == [0, 0, 0]  # the first 0.3 s
    assert max(shown) > 0.01 * SIZE**2


def test_the_mask_is_half_of_the_coverage_and_dark(run: SimulatedRun) -> None:
    best = int(np.argmax([truth.mask.sum() for truth in run.truths]))
    truth, frame = run.truths[best], run.frames[best].astype(float)
    assert truth.coverage[truth.mask].min() >= 0.5
    lumen = truth.mask & ~truth.catheter
    around = binary_dilation(lumen, iterations=4) & ~binary_dilation(lumen, iterations=2)
    assert frame[lumen].mean() < frame[around & ~truth.catheter].mean()


def test_the_heart_moves(run: SimulatedRun) -> None:
    first, later = (run.truths[index].branches[0].points for index in (0, 3))
    assert np.abs(first - later).max() > 0.5


def test_a_frame_does_not_depend_on_those_made_before() -> None:
    simulation = draw_simulation(2, frames=5, size=SIZE)
    alone = simulation.frame(4)
    *_, last = simulation.frames()
    np.testing.assert_array_equal(alone.pixels, last.pixels)
    np.testing.assert_array_equal(alone.truth.mask, last.truth.mask)


def test_what_is_given_is_kept_and_the_rest_is_as_it_was() -> None:
    free = draw_simulation(6, size=SIZE)
    fixed = draw_simulation(6, view=VIEW)
    assert fixed.view == VIEW
    assert free.view != VIEW
    assert fixed.exposure == free.exposure
    assert fixed.bolus == free.bolus
    for ours, theirs in zip(fixed.anatomy.vessels, free.anatomy.vessels, strict=True):
        np.testing.assert_array_equal(ours.points_mm, theirs.points_mm)
    assert fixed.frame(0).pixels.shape == (SIZE, SIZE)


def test_the_artery_and_lesions_can_be_chosen() -> None:
    for artery in ("LCA", "RCA"):
        anatomy = draw_simulation(1, artery=artery, lesions=False).anatomy
        assert anatomy.artery == artery
        assert not any(vessel.lesions for vessel in anatomy.vessels)


def test_nothing_fills_beyond_an_occlusion() -> None:
    healthy = draw_simulation(1, view=VIEW, artery="RCA", lesions=False)
    occlusion = Lesion(middle_mm=60, length_mm=8, diameter_stenosis=1, eccentricity=0)
    closed = replace(healthy, anatomy=narrowed(healthy.anatomy, {"RCA": [occlusion]}))
    # Taken when all is full.
    full, shut = (
        replace(s, seconds=(s.bolus.full_s(230),)).frame(0).truth for s in (healthy, closed)
    )
    assert 0 < shut.mask.sum() < 0.6 * full.mask.sum()
    beside = shut.mask & ~full.mask  # the new end's cross-section stands a little otherwise
    assert beside.sum() <= 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_outlined_is_the_wide_part_of_the_mask(seed: int) -> None:
    least_mm = 1.5
    simulation = draw_simulation(seed, least_mm=least_mm)
    frame = simulation.frame(0)
    truth, mm = frame.truth, simulation.view.spacing_mm
    assert not (frame.outlined & ~truth.mask).any()
    assert not np.array_equal(frame.outlined, truth.mask)
    points = np.concatenate([branch.points[branch.visible] for branch in truth.branches])
    vessels = zip(simulation.anatomy.vessels, truth.branches, strict=True)
    wide_mm = np.concatenate([2 * v.healthy_radius_mm[branch.visible] for v, branch in vessels])
    column, row = np.rint(points).astype(int).T
    surely, perhaps = (
        marked(column[wide_mm > share * least_mm], row[wide_mm > share * least_mm])
        for share in (1.02, 0.98)
    )
    assert frame.outlined[surely & truth.mask].mean() > 0.98
    narrow = marked(column, row) & ~binary_dilation(perhaps, iterations=round(2.5 / mm))
    assert narrow.sum() > 100
    assert not frame.outlined[narrow].any()


def marked(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    mask = np.zeros((512, 512), bool)
    mask[row, column] = True
    return mask


def test_without_a_least_width_all_is_outlined() -> None:
    frame = draw_simulation(1, size=SIZE).frame(0)
    np.testing.assert_array_equal(frame.outlined, frame.truth.mask)


@pytest.mark.parametrize("part", ["spilled_contrast", "blush"])
def test_contrast_outside_the_vessels_darkens_a_frame_and_is_in_no_mask(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = draw_simulation(0, size=SIZE)
    without_display = replace(simulation, exposure=replace(simulation.exposure, display=None))
    monkeypatch.setattr(simulate, part, lambda *_: np.float32(0))
    before = without_display.frame(0)
    patch = np.zeros((SIZE, SIZE), np.float32)
    patch[60:84, 60:84] = 2  # mm
    monkeypatch.setattr(simulate, part, lambda *_: patch)
    after = without_display.frame(0)
    share = after.pixels[patch > 0].mean() / before.pixels[patch > 0].mean()
    assert share < 0.95 * after.pixels[patch == 0].mean() / before.pixels[patch == 0].mean()
    np.testing.assert_array_equal(after.truth.mask, before.truth.mask)


def test_nothing_is_outlined_outside_the_field() -> None:
    whole = draw_simulation(1, size=SIZE, least_mm=1.5)
    narrow = replace(whole, exposure=replace(whole.exposure, field=Field((0.5, 0, 0, 0))))
    assert whole.frame(0).outlined[:, : SIZE // 3].any()
    assert not narrow.frame(0).outlined[:, : SIZE // 3].any()


def test_the_catheter_fills_with_what_is_injected(monkeypatch: pytest.MonkeyPatch) -> None:
    filled: list[float] = []

    def attenuation(*given: object, contrast: float, iodine_per_mm: float) -> np.float32:
        filled.append(contrast)
        return np.float32(0)

    monkeypatch.setattr(simulate, "catheter_attenuation", attenuation)
    simulation = draw_simulation(0, frames=9, size=SIZE)
    first, *_, later = (frame for frame in simulation.frames())
    at_ostium = simulation.bolus.at(np.zeros(1), later.seconds)[0]
    assert first.seconds == 0
    assert filled[0] == pytest.approx(0.4)
    assert filled[-1] == pytest.approx(at_ostium)
    assert at_ostium > 0.4
