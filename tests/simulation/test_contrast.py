import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroseg.simulation.contrast import Bolus

SEEDS = st.integers(0, 2**32)
PATH_MM = np.arange(0, 200, 0.5)


def bolus(seed: int) -> Bolus:
    return Bolus.drawn(np.random.default_rng(seed), beat_s=0.9)


@given(SEEDS, st.floats(-1, 10))
def test_contrast_is_a_share(seed: int, seconds: float) -> None:
    contrast = bolus(seed).at(PATH_MM, seconds)
    assert contrast.shape == PATH_MM.shape
    assert (contrast >= 0).all()
    assert (contrast <= 1).all()


@given(SEEDS)
def test_contrast_comes_fills_and_goes(seed: int) -> None:
    injection = bolus(seed)
    assert not injection.at(PATH_MM, injection.arrival_s).any()
    full_s = injection.full_s(PATH_MM[-1])
    assert injection.at(PATH_MM[-1:], full_s)[0] >= 1 - injection.mixing
    assert injection.at(PATH_MM, full_s + injection.injection_s + 6).max() < 0.01


@settings(max_examples=20)
@given(SEEDS)
def test_the_front_reaches_a_distal_point_later_and_is_wider_there(seed: int) -> None:
    injection = bolus(seed)
    near_mm, far_mm = 10.0, 150.0
    times = np.linspace(0, injection.full_s(far_mm), 200)
    values = np.array([injection.at(np.array([near_mm, far_mm]), time) for time in times])
    near_s, far_s = times[np.argmax(values > 0.02, axis=0)]
    assert far_s - near_s >= (far_mm - near_mm) / injection.speed_mm_s - 2 * times[1]
    assert injection.full_s(far_mm) - far_s > injection.full_s(near_mm) - near_s


def test_the_fading_is_exponential() -> None:
    injection = Bolus(0.5, 200, 1.5, 0.2, fade_s=0.3, mixing=0, beat_s=0.9)
    start = 0.5 + 1.5
    (first, later) = (injection.at(np.zeros(1), start + t)[0] for t in (0.3, 0.9))
    assert first == pytest.approx(np.exp(-1))
    assert later == pytest.approx(np.exp(-3))


def test_blood_is_mixed_in_with_every_beat() -> None:
    injection = Bolus(0.5, 200, 1.5, 0.2, fade_s=0.3, mixing=0.2, beat_s=0.6)
    least = injection.at(np.zeros(1), 0.5 + 1.5 * 0.6)[0]
    most = injection.at(np.zeros(1), 0.5 + 2 * 0.6)[0]
    assert (least, most) == pytest.approx((0.8, 1))


def test_a_single_frame_mostly_shows_full_vessels_and_never_empty_ones() -> None:
    rng = np.random.default_rng(0)
    full = 0
    for seed in range(200):
        injection = bolus(seed)
        seconds = injection.single_frame_s(rng, 150)
        contrast = injection.at(np.arange(0, 150, 1.0), seconds)
        full += contrast.min() > 0.5
        assert contrast[:30].mean() > 0.3
    assert 0.7 < full / 200 < 0.95
