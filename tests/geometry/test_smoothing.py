import numpy as np
import pytest

from coroseg.geometry.smoothing import arc_length, normals, resample, smooth

HALF_TURN = np.linspace(0, np.pi, 200)
ARC = 12 * np.stack([np.cos(HALF_TURN), np.sin(HALF_TURN)], axis=1)  # 0.19 px apart


@pytest.mark.parametrize("sigma_px", [1.5, 3.0])
def test_a_curve_is_not_drawn_inwards(sigma_px: float) -> None:
    sigma = sigma_px / (np.pi * 12 / 199)
    radius = np.hypot(*smooth(ARC, sigma).T)[80:120]
    inwards = sigma_px**2 / 2 / 12  # what one Gaussian does
    assert np.abs(radius - 12).max() < max(inwards / 5, 0.01)


def test_the_ends_stay_and_noise_goes() -> None:
    noisy = ARC + np.random.default_rng(3).normal(0, 0.4, ARC.shape)
    smoothed = smooth(noisy, 15)
    np.testing.assert_allclose(smoothed[[0, -1]], noisy[[0, -1]])
    assert (np.hypot(*smoothed[40:-40].T) - 12).std() < 0.15


def test_a_straight_line_stays() -> None:
    line = np.linspace((3, 9), (40, -5), 50)
    np.testing.assert_allclose(smooth(line, 6), line, atol=1e-9)


def test_a_closed_curve_has_no_seam() -> None:
    turn = np.linspace(0, 2 * np.pi, 301)
    circle = 20 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    radius = np.hypot(*smooth(circle, 8, closed=True).T)
    assert np.ptp(radius) < 1e-6
    assert radius[0] == pytest.approx(20, abs=0.02)


def test_resampled_points_are_even_and_values_go_along() -> None:
    line = np.array([(0, 0, 0), (3, 0, 3), (3, 4, 7)], dtype=float)  # the third is the arc length
    even = resample(line, 0.5)
    assert len(even) == 15
    np.testing.assert_allclose(even[:, 2], np.arange(15) / 2)
    np.testing.assert_allclose(arc_length(even), np.arange(15) / 2)
    np.testing.assert_allclose(even[[0, -1]], line[[0, -1]])


def test_normals_are_the_direction_turned_from_x_to_y() -> None:
    line = np.linspace((0, 0), (30, 0), 10)
    np.testing.assert_allclose(normals(line), np.broadcast_to((0.0, 1.0), (10, 2)), atol=1e-12)
