"""Lesions of branches whose diameters are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_branches import STEP, found, lesion, line, noise, plateau
from scipy.signal import find_peaks

from coroseg.geometry.stenosis import RECOVERY, deepest_points

COUNT = 800
TAPER = np.linspace(10, 7, COUNT)


@pytest.mark.parametrize("stenosis", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("middle", [200, 430, 600])
def test_a_lesion_is_where_and_what_it_is(stenosis: float, middle: int) -> None:
    length = 100
    (lesion_found,) = found(line(COUNT), TAPER * lesion(COUNT, middle, length, stenosis))
    assert lesion_found.flags == ()
    assert lesion_found.branch == 3
    assert lesion_found.minimum == pytest.approx(middle, abs=4)
    assert lesion_found.diameter_stenosis == pytest.approx(stenosis, abs=0.03)
    assert lesion_found.reference_diameter_px == pytest.approx(TAPER[middle], rel=0.02)
    assert lesion_found.minimal_diameter_px == pytest.approx(
        TAPER[middle] * (1 - stenosis), abs=0.03 * TAPER[middle]
    )
    # A cosine is within a tenth of the reference again where 1 + cos = 0.2 / stenosis.
    half = length / 2 * np.arccos(0.2 / stenosis - 1) / np.pi
    assert lesion_found.first == pytest.approx(middle - half, abs=6)
    assert lesion_found.last == pytest.approx(middle + half, abs=6)
    assert lesion_found.length_px == (lesion_found.last - lesion_found.first) * STEP


def test_less_than_a_fifth_is_no_lesion() -> None:
    assert found(line(COUNT), TAPER * lesion(COUNT, 400, 100, 0.17)) == ()
    assert len(found(line(COUNT), TAPER * lesion(COUNT, 400, 100, 0.23))) == 1


def test_two_lesions_are_two_and_one_with_a_notch_is_one() -> None:
    two = lesion(COUNT, 300, 80, 0.6) * lesion(COUNT, 400, 80, 0.4)
    first, second = found(line(COUNT), TAPER * two)
    assert (first.minimum, second.minimum) == (
        pytest.approx(300, abs=3),
        pytest.approx(400, abs=3),
    )
    assert first.last <= second.first
    notched = plateau(COUNT, 300, 400, 0.5) + 0.1 * (np.abs(np.arange(COUNT) - 350) < 8)
    assert len(found(line(COUNT), TAPER * notched)) == 1


def test_diffuse_disease_of_half_the_branch_is_one_long_lesion() -> None:
    (diffuse,) = found(line(COUNT), TAPER * plateau(COUNT, 200, 580, 0.4))
    assert diffuse.length_px == pytest.approx(380 * STEP, abs=6)
    assert diffuse.diameter_stenosis == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize(("deviation", "most"), [(0.03, 0), (0.06, 1), (0.1, 6)])
def test_noise_alone_hardly_gives_lesions(deviation: float, most: int) -> None:
    """Of 60 branches: about three frames of whole trees."""
    centreline = line(COUNT)
    counted = [
        stenosis
        for seed in range(60)
        for stenosis in found(centreline, TAPER * noise(seed, COUNT, deviation))
        if not stenosis.flags
    ]
    assert len(counted) <= most


def test_what_noise_may_have_made_is_listed_with_a_flag() -> None:
    """Whatever takes a fifth of the diameter is told, counted or not."""
    px = TAPER * lesion(COUNT, 300, 40, 0.27) * noise(4, COUNT, 0.1)
    near = [each for each in found(line(COUNT), px) if abs(each.minimum - 300) < 20]
    assert [each.flags for each in near] == [("uneven",)]


def test_half_is_found_in_noise() -> None:
    px = TAPER * lesion(COUNT, 400, 80, 0.55)
    hits = 0
    for seed in range(30):
        lesions = found(line(COUNT), px * noise(seed, COUNT, 0.08))
        hits += any(abs(each.minimum - 400) < 25 and not each.flags for each in lesions)
    assert hits >= 28


def test_calibre_lost_at_a_junction_is_no_lesion() -> None:
    px = np.where(np.arange(COUNT) < 400, 10.0, 7.0)
    assert found(line(COUNT, [(390, 410)]), px) == ()


def test_a_lesion_is_found_around_points_that_are_not_known() -> None:
    px = TAPER * lesion(COUNT, 400, 120, 0.6)
    px[405:425] = np.nan
    (lesion_found,) = found(line(COUNT), px)
    assert lesion_found.minimum == pytest.approx(400, abs=4)
    assert lesion_found.last > 430


def test_short_dips_and_thin_vessels_are_no_lesions() -> None:
    assert found(line(COUNT), TAPER * plateau(COUNT, 400, 402, 0.5)) == ()
    assert found(line(COUNT), 0.3 * TAPER * lesion(COUNT, 400, 60, 0.6)) == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hardly_any_point_has_no_lesion(count: int) -> None:
    assert found(line(count), np.full(count, 4.0)) == ()


def test_all_unknown_has_no_lesion() -> None:
    assert found(line(50), np.full(50, np.nan)) == ()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    stenosis=st.floats(0.4, 0.9),
    middle=st.integers(150, 450),
    length=st.integers(40, 120),
)
def test_measures_agree_with_each_other(
    seed: int, stenosis: float, middle: int, length: int
) -> None:
    count = 600
    centreline = line(count)
    px = (
        np.linspace(9, 7, count)
        * lesion(count, middle, length, stenosis)
        * noise(seed, count, 0.04)
    )
    for each in found(centreline, px):
        assert 0 <= each.first <= each.minimum <= each.last < count
        assert 0.2 <= each.diameter_stenosis <= 1
        assert each.minimal_diameter_px == pytest.approx(
            (1 - each.diameter_stenosis) * each.reference_diameter_px
        )
        assert each.minimal_diameter_px >= 0.9 * np.nanmin(px)


@given(st.lists(st.integers(-20, 100), min_size=1, max_size=60), st.floats(0.05, 0.6))
def test_deepest_points_are_the_peaks_of_that_prominence(percent: list[int], depth: float) -> None:
    stenosis = np.array(percent) / 100 + np.arange(len(percent)) * 1e-6  # no level stretches
    padded = np.concatenate([[0.0], np.maximum(stenosis, 0), [0.0]])
    peaks, peak = find_peaks(padded, height=depth, prominence=0)
    enough = peak["prominences"] >= RECOVERY * peak["peak_heights"]
    assert deepest_points(stenosis, depth) == list(peaks[enough] - 1)
