from dataclasses import replace

import numpy as np
import pytest
from straight_vessels import VIEW, rays

from coroseg.simulation.camera import camera_axes, project, project_vectors
from coroseg.simulation.scene import View

FRONT = View(1000.0, 800.0, 0.0, 0.0, 0.5, 100)
LEFT, BACK, HEAD = np.eye(3) * 10


def seen(point: np.ndarray, view: View) -> list[float]:
    return list(project(point[None], view).points[0] - (view.size - 1) / 2)


@pytest.mark.parametrize("angles", [(0, 0), (-33, 21), (90, -30)])
@pytest.mark.parametrize("size", [100, 101])
def test_the_isocentre_is_the_middle_of_the_image(angles: tuple[float, float], size: int) -> None:
    view = View(1000.0, 800.0, *angles, 0.5, size)
    place = project(np.zeros((1, 3)), view)
    np.testing.assert_allclose(place.points, [[(size - 1) / 2] * 2])
    assert place.px_per_mm[0] == pytest.approx(1 / view.spacing_mm) == pytest.approx(2.5)


def test_from_the_front_the_patients_left_is_right_and_the_feet_are_down() -> None:
    assert seen(LEFT, FRONT) == pytest.approx([25, 0])
    assert seen(HEAD, FRONT) == pytest.approx([0, -25])
    assert seen(BACK, FRONT) == pytest.approx([0, 0])


def test_lao_90_puts_the_detector_at_the_patients_left() -> None:
    view = replace(FRONT, primary_deg=90)
    assert seen(BACK, view) == pytest.approx([25, 0])
    assert seen(HEAD, view) == pytest.approx([0, -25])
    # What is near the detector is magnified less.
    sizes = project(np.stack([LEFT, -LEFT]), view).px_per_mm
    assert sizes == pytest.approx([1000 / 810 / 0.5, 1000 / 790 / 0.5])


def test_rao_shows_the_spine_left_and_lao_right() -> None:
    assert seen(BACK, replace(FRONT, primary_deg=-30))[0] == pytest.approx(-12.5, abs=0.2)
    assert seen(BACK, replace(FRONT, primary_deg=30))[0] == pytest.approx(12.5, abs=0.2)


def test_cranial_moves_the_detector_to_the_head() -> None:
    view = replace(FRONT, secondary_deg=90)
    assert seen(-BACK, view) == pytest.approx([0, 25])  # the breastbone is at the image's foot
    assert seen(LEFT, view) == pytest.approx([25, 0])
    assert project(HEAD[None], view).px_per_mm[0] == pytest.approx(1000 / 810 / 0.5)


def test_axes_are_orthonormal() -> None:
    axes = np.stack(camera_axes(VIEW))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_every_ray_meets_its_point() -> None:
    points = np.random.default_rng(1).uniform(-40, 40, (50, 3))
    place = project(points, VIEW)
    np.testing.assert_allclose(place.ray, rays(VIEW, *place.points.T), atol=1e-12)
    np.testing.assert_allclose(place.slant, place.ray @ camera_axes(VIEW)[2])


def test_short_vectors_are_differences_of_projections() -> None:
    points, vectors = np.random.default_rng(2).uniform(-40, 40, (2, 50, 3))
    tiny = vectors * 1e-5
    there, back = (project(points + sign * tiny, VIEW).points for sign in (1, -1))
    moved = project_vectors(tiny, project(points, VIEW), VIEW)
    np.testing.assert_allclose(moved, (there - back) / 2, rtol=1e-6, atol=1e-10)
