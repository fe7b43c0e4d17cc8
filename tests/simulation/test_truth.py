from dataclasses import replace

import numpy as np
import pytest
from straight_vessels import VIEW, full, in_view, straight, tube

from coroseg.simulation.camera import project
from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.scene import Anatomy, Array, FrameTruth, Lesion, Mask, Vessel
from coroseg.simulation.truth import frame_truth

WHOLE = np.ones((VIEW.size, VIEW.size), dtype=bool)
MIDDLE = (VIEW.size - 1) / 2


def placed(start: tuple[float, ...], end: tuple[float, ...]) -> Array:
    return straight(*in_view(VIEW, *np.transpose([start, end])))


def truth_of(
    *vessels: Vessel,
    contrast: list[Array] | None = None,
    catheter: Mask | None = None,
    field: Mask = WHOLE,
) -> FrameTruth:
    amount = contrast or full(list(vessels))
    catheter = ~WHOLE if catheter is None else catheter
    maps = lumen_maps(vessels, amount, VIEW)
    return frame_truth(Anatomy("LCA", "right", vessels), amount, VIEW, maps, catheter, field)


def extent_across(vessel: Vessel, index: int) -> float:
    """The width of the projected wall at a point, by many points of the wall."""
    place = project(vessel.points_mm, VIEW).points
    along = place[index + 1] - place[index - 1]
    along /= np.linalg.norm(along)
    fine = np.linspace(0, len(vessel.points_mm) - 1, 8001)
    whole = np.arange(len(vessel.points_mm))

    def between(values: Array) -> Array:
        return np.column_stack([np.interp(fine, whole, column) for column in values.T])

    middle, axis, size = map(between, (vessel.points_mm, vessel.axis, vessel.half_axes_mm))
    direction = np.gradient(middle, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    second = np.cross(direction, axis)
    found: list[Array] = []
    for angle in np.linspace(0, 2 * np.pi, 121):
        wall = middle + axis * size[:, :1] * np.cos(angle) + second * size[:, 1:] * np.sin(angle)
        offset = project(wall, VIEW).points - place[index]
        at = np.abs(offset @ along) < 0.08
        found.append(offset[at] @ [-along[1], along[0]])
    return float(np.ptp(np.concatenate(found)))


@pytest.mark.parametrize("axes", [(1.5, 1.5), (0.5, 1.4), (1.2, 0.3)])
@pytest.mark.parametrize(
    ("start", "end"),
    [((-20, 15, 0), (12, -4, 0)), ((14, -15, -30), (22, -8, 20)), ((-9, -20, 20), (-12, 20, -8))],
)
def test_the_width_is_that_of_the_projected_wall(
    axes: tuple[float, float], start: tuple[float, ...], end: tuple[float, ...]
) -> None:
    points = placed(start, end)
    vessel = tube(points, *axes, healthy_mm=1.5)
    branch = truth_of(vessel).branches[0]
    for index in (50, len(points) // 2, len(points) - 50):
        assert branch.width_px[index] == pytest.approx(extent_across(vessel, index), rel=0.005)
    np.testing.assert_allclose(branch.diameter_3d_mm, sum(axes))
    round_branch = truth_of(tube(points, 1.5)).branches[0]
    np.testing.assert_allclose(branch.healthy_width_px, round_branch.width_px)


def test_points_and_widths_are_magnified_by_depth() -> None:
    vessel = tube(placed((-10, 4, -50), (-10, 8, -50)), 1.0)
    branch = truth_of(vessel).branches[0]
    px_per_mm = 1050 / (760 - 50) / 0.4
    assert branch.width_px == pytest.approx(2 * px_per_mm, rel=1e-3)
    assert branch.points[0] == pytest.approx(MIDDLE + px_per_mm * np.array([-10, 4]))


def test_along_view_is_the_cosine_between_vessel_and_ray() -> None:
    tilted = tube(placed((-8, 0, -6), (8, 0, 6)), 1.0)
    end_on = tube(placed((0, 0, -9), (0, 0, 9)), 1.0, name="B")
    first, second = truth_of(tilted, end_on).branches
    assert first.along_view[len(first.points) // 2] == pytest.approx(0.6, abs=0.002)
    np.testing.assert_allclose(second.along_view, 1)
    nearest_px = 2 * project(end_on.points_mm, VIEW).px_per_mm.max()  # it covers the others
    np.testing.assert_allclose(second.width_px, nearest_px)


def test_crossing_vessels_overlap_where_they_cross() -> None:
    one = tube(placed((-20, 1, 8), (20, 1, 8)), 1.0)
    other = tube(placed((3, -20, -8), (3, 20, -8)), 1.5, name="B")
    first, second = truth_of(one, other).branches
    x = (first.points[:, 0] - MIDDLE) * VIEW.spacing_mm
    px = 752 / 760  # the other lies nearer to the source, but so does its edge's place
    for branch, along, middle, half in ((first, x, 3, 1.5), (second, None, 1, 1.0)):
        values = (branch.points[:, 1] - MIDDLE) * VIEW.spacing_mm if along is None else along
        clear = np.abs(np.abs(values - middle / px) - half) > 0.35
        expected = np.abs(values - middle / px) < half
        assert np.array_equal(branch.overlapped[clear], expected[clear])
    without = truth_of(one, other, contrast=[full([one])[0], 0 * full([other])[0]]).branches[0]
    assert not without.overlapped.any()


def test_a_catheter_covers_points() -> None:
    catheter = ~WHOLE
    catheter[:, 70:75] = True
    branch = truth_of(tube(placed((-20, 1, 0), (20, 1, 0)), 1.0), catheter=catheter).branches[0]
    column = np.rint(branch.points[:, 0])
    assert np.array_equal(branch.overlapped, (column >= 70) & (column < 75))


def test_a_bifurcation_is_no_overlap() -> None:
    parent = tube(placed((-14, 0, 0), (8, 0, 0)), 1.6, name="P")
    start, end = parent.points_mm[40], parent.points_mm[-1]
    side = tube(straight(start, start + in_view(VIEW, 2, 10, 0)), 1.0, name="B", parent="P")
    on = tube(straight(end, end + in_view(VIEW, 9, 4, 0)), 1.2, name="C", parent="P")
    off = tube(straight(end, end + in_view(VIEW, 9, -6, 0)), 1.1, name="D", parent="P")
    branches = truth_of(parent, side, on, off).branches
    assert not branches[0].overlapped.any()
    # To half a pixel, the side branch leaves the parent's lumen as it leaves its radius.
    assert not branches[1].overlapped[np.abs(side.path_mm - 1.6) > 0.4].any()
    # The two at the end part more slowly than they leave the parent's radius.
    for branch in branches[2:]:
        assert not branch.overlapped[:6].any()
        assert not branch.overlapped[20:].any()
    strangers = [replace(vessel, parent=None) for vessel in (parent, side)]
    assert all(branch.overlapped.any() for branch in truth_of(*strangers).branches)


def test_the_field_and_the_contrast_say_what_is_visible() -> None:
    field = WHOLE.copy()
    field[:, :60] = False
    vessel = tube(placed((-30, 1, 0), (20, 1, 0)), 1.2)
    amount = np.linspace(1, 0, len(vessel.points_mm))
    truth = truth_of(vessel, contrast=[amount], field=field, catheter=WHOLE)
    branch = truth.branches[0]
    expected = (np.rint(branch.points[:, 0]) >= 60) & (amount >= 0.25)
    assert np.array_equal(branch.visible, expected)
    assert expected.any()
    assert not truth.mask[:, :60].any()
    assert not truth.coverage[:, :60].any()
    assert np.array_equal(truth.catheter, field)
    assert np.array_equal(truth.mask, truth.coverage >= 0.5)
    assert truth.mask[81:84, 62:80].all()


def narrowed(eccentric_towards: Array) -> Vessel:
    points = placed((-20, 2, 10), (20, -3, 10))
    arc = np.linalg.norm(points - points[0], axis=1)
    healthy = np.linspace(1.8, 1.2, len(points))
    lesion = Lesion(middle_mm=15.0, length_mm=8.0, diameter_stenosis=0.4, eccentricity=0.5)
    depth = 0.5 * (1 + np.cos(2 * np.pi * np.clip((arc - 15) / 8, -0.5, 0.5)))
    return tube(
        points,
        healthy * (1 - 0.7 * depth),
        healthy * (1 - 0.1 * depth),
        towards=eccentric_towards,
        healthy_mm=healthy,
        lesions=(lesion,),
    )


@pytest.mark.parametrize(("seen_from", "stenosis"), [("narrow", 0.7), ("broad", 0.1)])
def test_an_eccentric_lesion_is_seen_as_its_axis_across_the_view(
    seen_from: str, stenosis: float
) -> None:
    across, along = in_view(VIEW, [0, 0], [1, 0], [0, 1])
    vessel = narrowed(across if seen_from == "narrow" else along)
    truth = truth_of(vessel)
    (lesion,), (branch,) = truth.lesions, truth.branches
    arc = vessel.path_mm
    assert arc[lesion.first] == pytest.approx(11, abs=0.25)
    assert arc[lesion.last] == pytest.approx(19, abs=0.25)
    assert lesion.branch == "A"
    assert lesion.lesion is vessel.lesions[0]
    if seen_from == "narrow":
        assert arc[lesion.minimum] == pytest.approx(15, abs=0.3)
        assert lesion.diameter_stenosis == pytest.approx(stenosis, abs=0.01)
    at_middle = np.abs(arc - 15).argmin()
    seen = 1 - branch.width_px[at_middle] / branch.healthy_width_px[at_middle]
    assert seen == pytest.approx(stenosis, abs=0.01)
    assert lesion.minimal_width_px == branch.width_px[lesion.first : lesion.last + 1].min()
    assert lesion.healthy_width_px == branch.healthy_width_px[lesion.minimum]


def test_a_lesion_beyond_the_end_of_a_shut_vessel_is_not_seen() -> None:
    vessel = replace(
        tube(placed((-20, 2, 10), (20, -3, 10)), 1.2), lesions=(Lesion(60.0, 5.0, 0.5, 0.0),)
    )
    assert truth_of(vessel).lesions == ()
