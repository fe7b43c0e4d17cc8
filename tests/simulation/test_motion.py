from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.courses import tangents_of
from coroseg.simulation.motion import Motion
from coroseg.simulation.scene import Anatomy

BEAT = Motion(
    heart_period_s=0.8,
    systole_s=0.28,
    relaxation_s=0.2,
    contraction=0.1,
    descent_mm=10.0,
    twist_deg=10.0,
    heart_phase=0.0,
    breath_period_s=4.0,
    breath_mm=0.0,
    breath_phase=0.0,
)
END_SYSTOLE = 0.28


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return grow_anatomy(np.random.default_rng(1), artery="LCA", dominance="right")


def _points(anatomy: Anatomy) -> np.ndarray:
    return np.concatenate([vessel.points_mm for vessel in anatomy.vessels])


def test_at_end_diastole_nothing_has_moved(anatomy: Anatomy) -> None:
    moved = BEAT.at(anatomy, 0.0)
    np.testing.assert_allclose(_points(moved), _points(anatomy), atol=1e-9)
    for a, b in zip(anatomy.vessels, moved.vessels, strict=True):
        np.testing.assert_allclose(a.axis, b.axis, atol=1e-6)


@pytest.mark.parametrize("seconds", [0.1, 0.28, 0.37])
def test_the_beat_is_periodic(anatomy: Anatomy, seconds: float) -> None:
    once, again = (_points(BEAT.at(anatomy, seconds + k * 0.8)) for k in (0, 3))
    np.testing.assert_allclose(once, again, atol=1e-6)


def test_systole_rises_falls_and_rests() -> None:
    assert BEAT.systole(0.14) == pytest.approx(0.5)
    assert BEAT.systole(END_SYSTOLE) == pytest.approx(1)
    assert BEAT.systole(0.38) == pytest.approx(0.5)
    assert [BEAT.systole(t) for t in (0.0, 0.5, 0.7, 0.8)] == pytest.approx([0, 0, 0, 0])


def test_the_lumen_is_carried_along(anatomy: Anatomy) -> None:
    moved = BEAT.at(anatomy, END_SYSTOLE)
    for a, b in zip(anatomy.vessels, moved.vessels, strict=True):
        np.testing.assert_array_equal(a.half_axes_mm, b.half_axes_mm)
        np.testing.assert_array_equal(a.healthy_radius_mm, b.healthy_radius_mm)
        np.testing.assert_array_equal(a.path_mm, b.path_mm)
        assert (a.name, a.parent, a.lesions) == (b.name, b.parent, b.lesions)
        np.testing.assert_allclose(np.linalg.norm(b.axis, axis=1), 1)
        across = np.sum(b.axis * tangents_of(b.points_mm), axis=1)
        np.testing.assert_allclose(across, 0, atol=1e-9)


def test_branches_stay_on_their_parents(anatomy: Anatomy) -> None:
    moved = {vessel.name: vessel for vessel in BEAT.at(anatomy, 0.2).vessels}
    for vessel in moved.values():
        if vessel.parent:
            gaps = np.linalg.norm(moved[vessel.parent].points_mm - vessel.points_mm[0], axis=1)
            assert gaps.min() == pytest.approx(0, abs=1e-9)


def test_systole_draws_the_vessels_to_the_axis_and_the_base_to_the_apex(anatomy: Anatomy) -> None:
    still = replace(BEAT, twist_deg=0.0)
    before = anatomy.heart.to_scaled(_points(anatomy))
    after = anatomy.heart.to_scaled(_points(still.at(anatomy, END_SYSTOLE)))
    down = (after - before)[:, 0] * anatomy.heart.half_axes_mm[0]
    assert down.max() == pytest.approx(10.0, abs=0.01)
    near_apex = before[:, 0] > 0.95
    assert np.abs(down[near_apex]).max() < 1.0
    base = np.abs(before[:, 0] + 0.4) < 0.05
    np.testing.assert_allclose(after[base, 1:], 0.9 * before[base, 1:], atol=2e-3)


def test_the_apex_turns_against_the_base(anatomy: Anatomy) -> None:
    twist = replace(BEAT, contraction=0.0, descent_mm=0.0)
    heart = anatomy.heart

    def angles(points: np.ndarray) -> np.ndarray:
        place = (points - heart.centre_mm) @ heart.axes.T
        return np.degrees(np.arctan2(place[:, 2], place[:, 1]))

    before = _points(anatomy)
    turned = angles(_points(twist.at(anatomy, END_SYSTOLE))) - angles(before)
    turned = (turned + 180) % 360 - 180
    up = heart.to_scaled(before)[:, 0]
    np.testing.assert_allclose(turned, -10 * (up + 0.4) / 1.4, atol=1e-6)


def test_breathing_in_moves_everything_to_the_feet(anatomy: Anatomy) -> None:
    breath = replace(BEAT, breath_mm=6.0)
    moved = breath.at(anatomy, 2.0)  # half of 4 s: in; whether it beats is taken out
    shift = _points(moved) - _points(BEAT.at(anatomy, 2.0))
    np.testing.assert_allclose(shift, shift[:1].repeat(len(shift), axis=0), atol=1e-9)
    assert shift[0, 2] == pytest.approx(-6.0, abs=0.2)
    np.testing.assert_allclose(
        np.subtract(moved.heart.centre_mm, anatomy.heart.centre_mm), shift[0]
    )
    assert breath.breath(4.0) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_drawn_motion_is_smooth(anatomy: Anatomy, seed: int) -> None:
    motion = Motion.drawn(np.random.default_rng(seed))
    assert motion.systole_s + motion.relaxation_s < motion.heart_period_s
    times = np.arange(0.0, motion.heart_period_s, 0.005)
    state = np.array([motion.systole(t) for t in times])
    assert np.abs(np.diff(state)).max() < 0.06
    assert state.max() == pytest.approx(1, abs=0.01)
    steps = [
        np.linalg.norm(
            _points(motion.at(anatomy, t + 0.01)) - _points(motion.at(anatomy, t)), axis=1
        )
        for t in times[::40]
    ]
    assert max(step.max() for step in steps) < 2.5  # mm in 10 ms
