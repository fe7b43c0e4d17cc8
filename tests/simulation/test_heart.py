from __future__ import annotations

import numpy as np
import pytest

from coroseg.simulation.heart import TYPICAL_HEART, Heart, on_surface


@pytest.mark.parametrize("seed", range(5))
def test_axes_are_a_right_handed_frame(seed: int) -> None:
    axes = Heart.drawn(np.random.default_rng(seed)).axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)


def test_scaled_coordinates_there_and_back() -> None:
    rng = np.random.default_rng(3)
    heart = Heart(30.0, 20.0, 10.0, (60.0, 45.0, 35.0), (5.0, -7.0, 11.0))
    points = rng.normal(size=(7, 3)) * 40
    np.testing.assert_allclose(heart.to_patient(heart.to_scaled(points)), points, atol=1e-9)


def test_apex_and_grooves_lie_where_anatomy_has_them() -> None:
    apex, base, lateral, right, posterior = TYPICAL_HEART.to_patient(
        on_surface([0, 180, 90, 90, 90], [0, 0, 90, -90, 180])
    )
    assert np.linalg.norm(apex - base) == pytest.approx(2 * TYPICAL_HEART.half_axes_mm[0])
    assert (apex * [1, -1, -1] > 0).all()  # left, in front, below
    assert (lateral[:2] > 0).all()  # left ventricle: left, behind
    assert (right[:2] < 0).all()  # right ventricle: right, in front
    assert posterior[2] < 0  # on the diaphragm


def test_without_elevation_the_long_axis_is_level() -> None:
    heart = Heart(azimuth_deg=90.0, elevation_deg=0.0, half_axes_mm=(50.0, 40.0, 30.0))
    np.testing.assert_allclose(heart.to_patient([1.0, 0.0, 0.0]), [50, 0, 0], atol=1e-12)
    np.testing.assert_allclose(heart.to_patient([0.0, 1.0, 0.0]), [0, 40, 0], atol=1e-12)
    np.testing.assert_allclose(heart.to_patient([0.0, 0.0, 1.0]), [0, 0, 30], atol=1e-12)
