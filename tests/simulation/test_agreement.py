"""Drawn by hand: a straight vessel, a second that crosses it, and trees measured of them."""

import numpy as np
import pytest

from coroseg.geometry.tree import Branch, Centreline, Diameters, Stenosis, VesselTree
from coroseg.simulation.agreement import compare
from coroseg.simulation.scene import BranchTruth, FrameTruth, Lesion, LesionTruth

ALONG_X = np.column_stack([np.arange(10.0, 91), np.full(81, 40.0)])
ALONG_Y = np.column_stack([np.full(61, 50.0), np.arange(10.0, 71)])


def true_branch(name: str, points: np.ndarray, width: float = 8.0) -> BranchTruth:
    count = len(points)
    return BranchTruth(
        name=name,
        parent=None,
        points=points,
        width_px=np.full(count, width),
        healthy_width_px=np.full(count, width),
        diameter_3d_mm=np.full(count, width / 4),
        contrast=np.ones(count),
        along_view=np.zeros(count),
        overlapped=np.zeros(count, dtype=bool),
        visible=np.ones(count, dtype=bool),
    )


def truth_of(*branches: BranchTruth, lesions: tuple[LesionTruth, ...] = ()) -> FrameTruth:
    empty = np.zeros((80, 120))
    return FrameTruth(
        empty.astype(np.float32), empty.astype(bool), empty.astype(bool), branches, lesions
    )


def measured(
    number: int, points: np.ndarray, diameter: np.ndarray | float, *stenoses: Stenosis
) -> Branch:
    count = len(points)
    marks = np.zeros(count, dtype=bool)
    arc = np.append(0, np.cumsum(np.hypot(*np.diff(points, axis=0).T)))
    px = np.broadcast_to(np.asarray(diameter, float), count).copy()
    return Branch(
        Centreline(number, None, None, points, arc, px, marks, marks),
        Diameters(px, marks, np.ones(count)),
        np.full(count, 8.0),
        stenoses,
    )


def test_a_shifted_line_is_as_far_as_it_was_shifted() -> None:
    tree = VesselTree((measured(1, np.add(ALONG_X[:-20:2], (0.3, 1.5)), 9.0),), None)
    result = compare(tree, truth_of(true_branch("a", ALONG_X)))
    np.testing.assert_allclose(result.centreline_px, 1.5, atol=0.001)
    assert result.stray == 0
    pairs = result.pairs
    assert pairs.length_px.sum() == pytest.approx(80)
    # Measured from x = 10.3 to 70.3, and a point reaches as far as the lumen is wide.
    reached = 70.3 + (4**2 - 1.5**2) ** 0.5 - 10
    assert pairs.length_px[pairs.found].sum() == pytest.approx(reached, abs=1)
    np.testing.assert_array_equal(pairs.measured_px[pairs.found], 9.0)
    assert np.isnan(pairs.measured_px[~pairs.found]).all()


def test_points_in_no_lumen_are_counted_as_stray() -> None:
    tree = VesselTree((measured(1, ALONG_X, 8.0), measured(2, np.add(ALONG_X, (0, 20)), 8.0)), None)
    result = compare(tree, truth_of(true_branch("a", ALONG_X)))
    assert (len(result.centreline_px), result.stray) == (81, 81)


def test_where_vessels_cross_each_is_matched_with_the_one_that_runs_its_way() -> None:
    tree = VesselTree((measured(1, ALONG_X, 7.0), measured(2, ALONG_Y, 9.0)), None)
    truth = truth_of(true_branch("a", ALONG_X), true_branch("b", ALONG_Y))
    pairs = compare(tree, truth).pairs
    np.testing.assert_array_equal(pairs.measured_px, [7.0] * 81 + [9.0] * 61)
    only = compare(VesselTree(tree.branches[1:], None), truth).pairs
    assert np.isnan(only.measured_px[:81]).all()
    np.testing.assert_array_equal(np.flatnonzero(only.found[:81]), np.arange(36, 45))
    assert only.found[81:].all()


def test_a_vessel_hidden_in_a_wider_one_is_found_but_not_measured() -> None:
    beside = np.add(ALONG_X, (0, 3))
    truth = truth_of(true_branch("wide", ALONG_X, 12.0), true_branch("thin", beside, 7.0))
    pairs = compare(VesselTree((measured(1, ALONG_X, 12.0),), None), truth).pairs
    np.testing.assert_array_equal(pairs.measured_px[:81], 12.0)
    assert pairs.found[81:].all()
    assert np.isnan(pairs.measured_px[81:]).all()


def test_the_gap_to_the_next_vessel_is_from_wall_to_wall() -> None:
    beside = np.add(ALONG_X, (0, 9))
    truth = truth_of(true_branch("wide", ALONG_X, 12.0), true_branch("thin", beside, 7.0))
    pairs = compare(VesselTree((), None), truth).pairs
    np.testing.assert_allclose(pairs.gap_px, 9 - (12 + 7) / 2)
    alone = compare(VesselTree((), None), truth_of(true_branch("a", ALONG_X))).pairs
    assert np.isinf(alone.gap_px).all()


def test_what_shows_no_contrast_is_not_asked_for() -> None:
    branch = true_branch("a", ALONG_X)
    branch.visible[40:] = False
    pairs = compare(VesselTree((), None), truth_of(branch)).pairs
    assert len(pairs.width_px) == 40
    assert not pairs.found.any()


def narrowing(minimum: int, share: float, *flags: str) -> Stenosis:
    return Stenosis(1, minimum - 5, minimum, minimum + 5, 8 * (1 - share), 8, share, 10, flags)


def test_lesions_are_measured_where_they_are_and_touched_by_what_is_reported_there() -> None:
    diameter = np.full(81, 8.0)
    diameter[28:33] = [7, 5, 3.2, 5, 7]
    lesion = LesionTruth("a", 25, 30, 35, 3.0, 8.0, 0.625, Lesion(7.5, 2.5, 0.6, 0.0))
    truth = truth_of(true_branch("a", ALONG_X), lesions=(lesion,))
    found = (narrowing(30, 0.6), narrowing(60, 0.3), narrowing(70, 0.5, "end"))
    result = compare(VesselTree((measured(1, ALONG_X, diameter, *found),), None), truth)
    (pair,) = result.lesions
    assert (pair.minimal_px, pair.diameter_stenosis) == (3.2, pytest.approx(0.6))
    assert [(n.stenosis.minimum, n.touched) for n in result.narrowings] == [(30, (0,)), (60, ())]


def test_a_lesion_is_not_measured_by_what_lies_beside_its_narrowest_place() -> None:
    diameter = np.full(81, 8.0)
    diameter[25:36] = 6.0
    diameter[27:34] = np.nan
    lesion = LesionTruth("a", 25, 30, 35, 3.0, 8.0, 0.625, Lesion(7.5, 2.5, 0.6, 0.0))
    truth = truth_of(true_branch("a", ALONG_X), lesions=(lesion,))
    (pair,) = compare(VesselTree((measured(1, ALONG_X, diameter),), None), truth).lesions
    assert np.isnan(pair.minimal_px)
    assert np.isnan(pair.diameter_stenosis)


def test_an_empty_tree_misses_all() -> None:
    lesion = LesionTruth("a", 25, 30, 35, 3.0, 8.0, 0.625, Lesion(7.5, 2.5, 0.6, 0.0))
    truth = truth_of(true_branch("a", ALONG_X), lesions=(lesion,))
    result = compare(VesselTree((), None), truth)
    assert np.isnan(result.lesions[0].minimal_px)
    assert not result.pairs.found.any()
    assert (len(result.centreline_px), result.stray, result.narrowings) == (0, 0, ())
