"""Reference diameters of branches whose healthy diameter is known."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_branches import lesion, line, measured, noise, plateau

from coroseg.geometry.reference import STEEPEST, reference_diameter

COUNT = 800
TAPER = np.linspace(10, 7, COUNT)
ECTASIA = 2 - plateau(COUNT, 200, 400, 0.4)
DISEASES = {
    "none": np.ones(COUNT),
    "one lesion": lesion(COUNT, 300, 120, 0.6),
    "two lesions": lesion(COUNT, 200, 150, 0.5) * lesion(COUNT, 600, 100, 0.7),
    "half of the branch": plateau(COUNT, 200, 590, 0.4),
    "the beginning": plateau(COUNT, 0, 150, 0.4),
    "ectasia": ECTASIA,
}


@pytest.mark.parametrize("deviation", [0.0, 0.02, 0.08])
@pytest.mark.parametrize("disease", DISEASES)
def test_neither_disease_nor_noise_pulls_the_reference_away(disease: str, deviation: float) -> None:
    for seed in range(5):
        centreline = line(COUNT)
        px = TAPER * DISEASES[disease] * noise(seed, COUNT, deviation)
        relative = reference_diameter(centreline, measured(centreline, px)) / TAPER - 1
        assert np.sqrt((relative**2).mean()) < 0.01 + 0.5 * deviation, (seed, relative.mean())


def test_vessel_that_loses_calibre_at_a_junction_keeps_both_diameters() -> None:
    centreline = line(COUNT, [(390, 410)])
    px = np.where(np.arange(COUNT) < 400, 10.0, 7.0) * lesion(COUNT, 500, 100, 0.5)
    reference = reference_diameter(centreline, measured(centreline, px))
    np.testing.assert_allclose(reference[:389], 10, rtol=0.02)
    np.testing.assert_allclose(reference[412:], 7, rtol=0.02)
    between = reference[389:412]
    assert (np.diff(between) <= 0).all()
    assert between[11] == pytest.approx(8.5, abs=0.3)


def test_a_step_without_a_junction_is_no_step_of_the_reference() -> None:
    centreline = line(COUNT)
    px = np.where(np.arange(COUNT) < 700, 10.0, 5.0)
    reference = reference_diameter(centreline, measured(centreline, px))
    assert reference[705] > 9


def test_a_branch_that_narrows_to_its_end_keeps_a_reference() -> None:
    centreline = line(COUNT)
    px = np.maximum(np.linspace(23, -23, COUNT), 1.0)
    reference = reference_diameter(centreline, measured(centreline, px))
    assert (reference >= 1.0).all()


def test_points_that_are_not_known_change_nothing() -> None:
    centreline = line(COUNT)
    whole = reference_diameter(centreline, measured(centreline, TAPER))
    px = TAPER.copy()
    px[100:180], px[::7] = np.nan, np.nan
    holes = reference_diameter(centreline, measured(centreline, px))
    np.testing.assert_allclose(holes, whole, rtol=0.01)
    np.testing.assert_allclose(whole, TAPER, rtol=0.01)


def test_uncertain_points_count_less() -> None:
    centreline = line(COUNT)
    diameters = measured(centreline, np.where(np.arange(COUNT) < 450, 8.0, 9.5))
    sure = np.arange(COUNT) < 450
    diameters.confidence[:] = np.where(sure, 0.95, 0.3)
    reference = reference_diameter(centreline, diameters)
    np.testing.assert_allclose(reference, 8, rtol=0.05)


def test_no_known_diameter_gives_no_reference() -> None:
    centreline = line(20)
    reference = reference_diameter(centreline, measured(centreline, np.full(20, np.nan)))
    assert reference.shape == (20,)
    assert np.isnan(reference).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shortest_branches_have_their_diameter(count: int) -> None:
    centreline = line(count)
    reference = reference_diameter(centreline, measured(centreline, np.full(count, 4.0)))
    np.testing.assert_allclose(reference, 4, rtol=1e-3)


@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.3, 8),
    junctions=st.sampled_from([[], [(60, 75)], [(0, 12), (100, 110), (180, 199)]]),
    stenosis=st.floats(0, 0.9),
)
def test_reference_falls_within_limits_and_scales_with_the_image(
    seed: int, scale: float, junctions: list[tuple[int, int]], stenosis: float
) -> None:
    count = 200
    px = np.linspace(6, 4, count) * lesion(count, 130, 60, stenosis) * noise(seed, count, 0.1)
    one, other = line(count, junctions), line(count, junctions, scale=scale)
    reference = reference_diameter(one, measured(one, px))
    np.testing.assert_allclose(
        reference_diameter(other, measured(other, scale * px)), scale * reference, rtol=1e-3
    )
    falls = -np.diff(reference) / np.diff(one.arc_px)
    assert (falls >= -1e-9).all()
    beside = one.junction[1:] | one.junction[:-1]
    assert (falls[~beside] <= STEEPEST + 1e-9).all()


def test_a_tree_takes_few_milliseconds() -> None:
    centreline = line(COUNT, [(200, 215), (500, 520)])
    diameters = measured(centreline, TAPER * noise(0, COUNT, 0.05))
    seconds = []
    for _ in range(15):
        start = time.process_time()
        reference_diameter(centreline, diameters)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.005
