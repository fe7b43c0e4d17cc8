from __future__ import annotations

import numpy as np
import pytest

from coroseg.simulation.courses import STEP_MM, plot_course, tangents_of, unit
from coroseg.simulation.heart import TYPICAL_HEART, Heart, on_surface

WAYPOINTS = on_surface([110, 90, 60, 35], [20, 5, -10, 15])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_a_course_passes_its_waypoints_and_counts_them(rng: np.random.Generator) -> None:
    course = plot_course(rng, TYPICAL_HEART, WAYPOINTS)
    for number, place in enumerate(TYPICAL_HEART.to_patient(WAYPOINTS)):
        nearest = np.linalg.norm(course.points_mm - place, axis=1).argmin()
        np.testing.assert_allclose(course.points_mm[nearest], place, atol=STEP_MM)
        assert course.waypoint[nearest] == pytest.approx(number, abs=0.03)


@pytest.mark.parametrize("waviness_mm", [0.0, 1.5])
def test_points_are_evenly_spaced(rng: np.random.Generator, waviness_mm: float) -> None:
    course = plot_course(rng, TYPICAL_HEART, WAYPOINTS, waviness_mm=waviness_mm)
    steps = np.linalg.norm(np.diff(course.points_mm, axis=0), axis=1)
    np.testing.assert_allclose(steps, STEP_MM, rtol=0.03)
    assert course.arc_mm[-1] == pytest.approx(steps.sum(), rel=0.005)


@pytest.mark.parametrize("depth", [1.0, 0.6])
def test_a_course_keeps_to_its_depth(rng: np.random.Generator, depth: float) -> None:
    course = plot_course(rng, TYPICAL_HEART, depth * WAYPOINTS)
    at = np.linalg.norm(TYPICAL_HEART.to_scaled(course.points_mm), axis=1)
    np.testing.assert_allclose(at, depth, atol=1e-3)


def test_on_a_sphere_a_course_between_near_places_is_a_great_circle(
    rng: np.random.Generator,
) -> None:
    sphere = Heart(half_axes_mm=(50.0, 50.0, 50.0))
    course = plot_course(rng, sphere, on_surface([70, 80, 90], [0, 0, 0]))
    assert course.arc_mm[-1] == pytest.approx(50 * np.radians(20), rel=1e-3)


@pytest.mark.parametrize(("waviness_mm", "off_deg"), [(0.0, 2), (1.0, 12)])
def test_a_branch_starts_in_the_direction_given(
    rng: np.random.Generator, waviness_mm: float, off_deg: float
) -> None:
    sphere = Heart(half_axes_mm=(50.0, 50.0, 50.0))
    start = sphere.to_patient(WAYPOINTS[0])
    leaving = unit(np.cross(start, [0.3, 0.2, 0.9]))  # along the surface
    course = plot_course(rng, sphere, WAYPOINTS[[0, 2]], leaving, waviness_mm)
    np.testing.assert_allclose(course.points_mm[0], start, atol=1e-9)
    assert course.tangents[0] @ leaving > np.cos(np.radians(off_deg))


def test_normals_are_across_and_do_not_jump(rng: np.random.Generator) -> None:
    course = plot_course(rng, TYPICAL_HEART, WAYPOINTS, waviness_mm=1.5)
    np.testing.assert_allclose(np.linalg.norm(course.normals, axis=1), 1)
    np.testing.assert_allclose(np.sum(course.normals * course.tangents, axis=1), 0, atol=1e-12)
    assert np.linalg.norm(np.diff(course.normals, axis=0), axis=1).max() < 0.2


def test_waves_are_as_high_as_asked_for_and_grow_from_none() -> None:
    calm = plot_course(np.random.default_rng(0), TYPICAL_HEART, WAYPOINTS)
    wavy = [
        plot_course(np.random.default_rng(seed), TYPICAL_HEART, WAYPOINTS, waviness_mm=1.0)
        for seed in range(40)
    ]
    ends = np.array([course.points_mm[-1] - calm.points_mm[-1] for course in wavy])
    across = ends - np.outer(ends @ calm.tangents[-1], calm.tangents[-1])
    spread = np.sqrt((across**2).sum(axis=1).mean() / 2)  # of two directions
    assert 0.8 < spread < 1.2
    starts = np.array([course.points_mm[2] - calm.points_mm[2] for course in wavy])
    assert np.abs(starts).max() < 0.05


def test_tangents_of_a_circle() -> None:
    angle = np.linspace(0, 1, 200)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    expected = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    np.testing.assert_allclose(tangents_of(circle)[1:-1], expected[1:-1], atol=1e-6)
