from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.errors import ConfigError
from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.lesions import add_drawn_lesions, add_lesions, arc_mm, narrow, narrowed
from coroseg.simulation.scene import Anatomy, Lesion, Vessel


def _tube(name: str = "tube", radius_mm: float = 1.5, points: int = 161) -> Vessel:
    line = np.zeros((points, 3))
    line[:, 1] = 0.25 * np.arange(points)
    radius = np.full(points, radius_mm)
    across = np.zeros((points, 3))
    across[:, 2] = 1
    both = np.stack([radius, radius], axis=1)
    return Vessel(name, None, line, across, both, radius, 7.0 + line[:, 1])


@pytest.fixture(scope="module")
def healthy() -> Anatomy:
    return grow_anatomy(np.random.default_rng(2), artery="LCA", dominance="right", lesions=False)


@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_the_middle_has_the_stenosis_and_the_eccentricity(stenosis: float, uneven: float) -> None:
    vessel = narrow(_tube(), [Lesion(20.0, 10.0, stenosis, uneven)])
    short, long = vessel.half_axes_mm[80]
    assert (short + long) / 2 == pytest.approx(1.5 * (1 - stenosis))
    if long < 1.5 - 1e-9:  # plaque takes lumen all round
        assert (long - short) / (long + short) == pytest.approx(uneven, abs=1e-9)
    assert (vessel.half_axes_mm <= 1.5 + 1e-12).all()
    assert (vessel.half_axes_mm >= 0).all()


def test_the_profile_is_a_cosine_over_its_length() -> None:
    vessel = narrow(_tube(), [Lesion(20.0, 10.0, 0.6, 0.0)])
    lost = 1 - vessel.half_axes_mm[:, 0] / 1.5
    assert lost[80] == pytest.approx(0.6)
    assert lost[[70, 90]] == pytest.approx([0.3, 0.3])  # a quarter of its length away
    assert np.abs(lost[(arc_mm(vessel) <= 15) | (arc_mm(vessel) >= 25)]).max() < 1e-12
    np.testing.assert_array_equal(vessel.healthy_radius_mm, 1.5)


def test_a_lesion_of_none_leaves_the_lumen_as_it_is() -> None:
    vessel = narrow(_tube(), [Lesion(20.0, 10.0, 0.0, 0.5)])
    np.testing.assert_array_equal(vessel.half_axes_mm, 1.5)


def test_an_occluded_vessel_ends_at_the_occlusion() -> None:
    vessel = narrow(_tube(), [Lesion(20.0, 10.0, 1.0, 0.5)])
    assert 18.5 < arc_mm(vessel)[-1] < 20
    assert 0 < vessel.half_axes_mm[-1].min() < 0.1 * 1.5
    lengths = {
        len(vessel.points_mm),
        len(vessel.axis),
        len(vessel.half_axes_mm),
        len(vessel.healthy_radius_mm),
        len(vessel.path_mm),
    }
    assert len(lengths) == 1


def test_branches_beyond_an_occlusion_are_not_there(healthy: Anatomy) -> None:
    lad = next(vessel for vessel in healthy.vessels if vessel.name == "LAD")
    middle = arc_mm(lad)[-1] / 2
    shut = narrowed(healthy, {"LAD": [Lesion(middle, 8.0, 1.0, 0.0)]})
    reached = lad.path_mm[0] + middle
    before = {v.name for v in healthy.vessels if v.parent == "LAD" and v.path_mm[0] < reached - 5}
    beyond = {v.name for v in healthy.vessels if v.parent == "LAD" and v.path_mm[0] > reached}
    left = {vessel.name for vessel in shut.vessels}
    assert before
    assert beyond
    assert before <= left
    assert not beyond & left
    assert {vessel.parent for vessel in shut.vessels} - {None} <= left


@pytest.mark.parametrize("seed", range(4))
def test_lesions_asked_for_are_placed_clear_of_each_other(healthy: Anatomy, seed: int) -> None:
    stenoses = [0.1, 0.5, 0.9]
    anatomy = add_lesions(np.random.default_rng(seed), healthy, stenoses)
    placed = [(vessel, lesion) for vessel in anatomy.vessels for lesion in vessel.lesions]
    assert sorted(lesion.diameter_stenosis for _, lesion in placed) == stenoses
    for vessel, lesion in placed:
        at = int(np.argmin(np.abs(arc_mm(vessel) - lesion.middle_mm)))
        assert vessel.healthy_radius_mm[at] >= 0.75
        share = vessel.half_axes_mm[at].mean() / vessel.healthy_radius_mm[at]
        assert 1 - share == pytest.approx(lesion.diameter_stenosis)
    for vessel in anatomy.vessels:
        ends = [
            (x.middle_mm - x.length_mm / 2, x.middle_mm + x.length_mm / 2) for x in vessel.lesions
        ]
        assert all(one[1] <= two[0] + 1e-9 for one, two in pairwise(ends))


def test_no_lesions_change_nothing(healthy: Anatomy) -> None:
    same = add_lesions(np.random.default_rng(0), healthy, [])
    for a, b in zip(healthy.vessels, same.vessels, strict=True):
        np.testing.assert_array_equal(a.half_axes_mm, b.half_axes_mm)


def test_drawn_lesions_span_none_to_many_and_mild_to_tight(healthy: Anatomy) -> None:
    trees = [add_drawn_lesions(np.random.default_rng(seed), healthy) for seed in range(40)]
    found = [[x.diameter_stenosis for v in tree.vessels for x in v.lesions] for tree in trees]
    counts = [len(stenoses) for stenoses in found]
    assert min(counts) == 0
    assert max(counts) >= 3
    everything = np.concatenate(found)
    assert everything.min() < 0.3
    assert everything.max() > 0.8


@pytest.mark.parametrize(
    ("lesion", "message"),
    [
        (Lesion(20.0, 8.0, 1.2, 0.0), "diameter stenosis 1.2"),
        (Lesion(20.0, 8.0, 0.5, 1.0), "eccentricity 1"),
    ],
)
def test_impossible_lesions_are_refused(lesion: Lesion, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        narrow(_tube(), [lesion])


def test_more_lesions_than_there_is_room_for_are_refused(healthy: Anatomy) -> None:
    with pytest.raises(ConfigError, match="no room"):
        add_lesions(np.random.default_rng(0), healthy, [0.5] * 80)
