from dataclasses import replace

import numpy as np
import pytest
from straight_vessels import STEP_MM, VIEW, full, in_view, marched, straight, tube

from coroseg.simulation.camera import project
from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.scene import Vessel, View

FAR = replace(VIEW, source_to_detector_mm=4e5, source_to_isocentre_mm=3e5)  # rays all but parallel


def iodine(vessels: list[Vessel], view: View) -> np.ndarray:
    return lumen_maps(vessels, full(vessels), view).iodine_mm.astype(float)


def placed(view: View, start: tuple[float, ...], end: tuple[float, ...]) -> np.ndarray:
    """Points from start to end, given as image x, image y, towards the detector."""
    return straight(*in_view(view, *np.transpose([start, end])))


@pytest.mark.parametrize("radius", [0.5, 1.0, 2.4])
@pytest.mark.parametrize("steep_deg", [0, 35, 60])
def test_a_straight_tubes_rays_are_its_chords(radius: float, steep_deg: float) -> None:
    rise = np.tan(np.deg2rad(steep_deg))
    vessel = tube(placed(FAR, (-21, 9, -21 * rise), (21, -9, 21 * rise)), radius)
    found = iodine([vessel], FAR)
    normal, middle = np.array([9.0, 21.0]) / np.hypot(9, 21), (FAR.size - 1) / 2
    slope = np.hypot(np.hypot(21, 9), 21 * rise) / np.hypot(21, 9)
    fine = (np.arange(20) + 0.5) / 20 - 0.5
    y, x = np.mgrid[65:95, 65:95]
    across = (y - middle) * normal[1] + (x - middle) * normal[0]
    places = across[..., None, None] + np.add.outer(fine * normal[1], fine * normal[0])
    chords = 2 * np.sqrt(np.maximum(radius**2 - (places * FAR.spacing_mm) ** 2, 0))
    error = found[65:95, 65:95] / slope - chords.mean(axis=(2, 3))
    assert np.abs(error).max() < 0.035 * 2 * radius
    assert error[np.abs(across) < radius].std() < 0.012 * 2 * radius
    assert error.mean() == pytest.approx(0, abs=1e-3 * radius)


@pytest.mark.parametrize("axes", [(0.07, 0.07), (0.15, 0.1), (0.4, 0.9), (2.0, 0.7)])
@pytest.mark.parametrize("end", [(9, 14, 3), (-12, 2, 20), (1, -2, 25)])
def test_no_volume_is_lost(axes: tuple[float, float], end: tuple[float, ...]) -> None:
    vessel = tube(placed(VIEW, (-8, 5, 4), end), *axes)
    length = np.linalg.norm(vessel.points_mm[-1] - vessel.points_mm[0])
    place = project(vessel.points_mm, VIEW)
    enlarged = np.mean(place.px_per_mm**2 / place.slant)
    volume = np.pi * axes[0] * axes[1] * length
    assert iodine([vessel], VIEW).sum() == pytest.approx(volume * enlarged, rel=1e-3)


def test_nearer_to_the_source_is_larger() -> None:
    near, far = (
        iodine([tube(placed(VIEW, (-5, 3, depth), (5, -3, depth)), 1.0)], VIEW)
        for depth in (-90, 90)
    )
    assert near.sum() / far.sum() == pytest.approx((850 / 670) ** 2, rel=1e-3)
    assert near.max() == pytest.approx(far.max(), rel=0.02) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("towards", [0, 1, 2])
def test_an_elliptic_tube_is_as_deep_as_its_axis_along_the_ray(towards: int) -> None:
    right, down, detector = in_view(FAR, *np.eye(3))
    deep, wide = {0: (1.6, 0.8), 1: (0.8, 1.6), 2: (np.sqrt(2 / (1 / 1.6**2 + 1 / 0.8**2)), 0)}[
        towards
    ]
    way = {0: detector, 1: down, 2: detector + down}[towards]
    vessel = tube(straight(-20 * right, 20 * right), 1.6, 0.8, towards=way)
    found = iodine([vessel], FAR)[:, 60]
    assert found.max() == pytest.approx(2 * deep, rel=0.035)
    if wide:
        assert (found > 0.15 * deep).sum() == pytest.approx(2 * wide / FAR.spacing_mm, abs=1.5)


def test_a_cone_narrows() -> None:
    points = placed(FAR, (-20, 0, 0), (20, 0, 0))
    vessel = tube(points, np.linspace(2.5, 0.5, len(points)))
    columns = iodine([vessel], FAR).sum(axis=0) * FAR.spacing_mm
    x = (np.arange(FAR.size) - (FAR.size - 1) / 2) * FAR.spacing_mm
    inner = np.abs(x) < 19
    np.testing.assert_allclose(columns[inner], np.pi * (1.5 - x[inner] * 0.05) ** 2, rtol=0.02)


def test_a_bend_is_as_thick_outside_as_inside() -> None:
    angle = np.linspace(0, np.pi, 80)
    points = in_view(FAR, 6 * np.cos(angle), 6 * np.sin(angle) - 3, 0)
    found = iodine([tube(points, 2.0)], FAR)
    middle, side = (FAR.size - 1) / 2, 1.2 / FAR.spacing_mm
    axis = 6 / FAR.spacing_mm
    top = round(middle - 3 / FAR.spacing_mm)
    for offset in (-side, 0, side):
        x, y = round(middle), round(top + axis + offset)
        d = (y - middle + 3 / FAR.spacing_mm - axis) * FAR.spacing_mm
        assert found[y, x] == pytest.approx(2 * np.sqrt(4 - d**2), rel=0.03)


def test_end_on_the_whole_length_is_passed() -> None:
    vessel = tube(placed(FAR, (2, -3, -8), (2, -3, 9)), 1.5)
    found = iodine([vessel], FAR)
    x, y = np.rint(np.array([2, -3]) / FAR.spacing_mm + (FAR.size - 1) / 2).astype(int)
    inner = found[y - 2 : y + 3, x - 2 : x + 3]
    np.testing.assert_allclose(inner, 17.0, rtol=0.06)
    assert inner.mean() == pytest.approx(17.0, rel=0.01)


def test_tubes_that_cross_in_the_image_add_up() -> None:
    one = tube(placed(VIEW, (-20, -4, 10), (20, 6, 12)), 1.2)
    other = tube(placed(VIEW, (-7, 18, -12), (9, -18, -15)), 1.6, name="B")
    both = iodine([one, other], VIEW)
    np.testing.assert_allclose(both, iodine([one], VIEW) + iodine([other], VIEW), atol=1e-5)
    assert both.max() == pytest.approx(2.4 + 3.2, rel=0.1)


def test_contrast_weighs_the_path() -> None:
    vessel = tube(placed(VIEW, (-20, 0, 0), (20, 0, 0)), 1.2)
    amount = np.linspace(1.0, 0.0, len(vessel.points_mm))
    weighed = lumen_maps([vessel], [amount], VIEW).iodine_mm
    whole = iodine([vessel], VIEW)
    for x in (40, 80, 120):
        share = 0.5 - (x - 79.5) * VIEW.spacing_mm / 40
        assert weighed[:, x].sum() / whole[:, x].sum() == pytest.approx(share, abs=0.005)


def test_beside_the_image_nothing_is_seen_and_nothing_fails() -> None:
    half = tube(placed(VIEW, (-60, 3, 0), (0, 3, 0)), 1.2)
    outside = tube(placed(VIEW, (-300, 3, 0), (-280, 3, 0)), 1.2, name="B")
    found = iodine([half, outside], VIEW)
    np.testing.assert_allclose(found, iodine([half], VIEW))
    inner = tube(placed(VIEW, (-15, 3, 0), (0, 3, 0)), 1.2)
    np.testing.assert_allclose(found[:, 50:], iodine([inner], VIEW)[:, 50:], atol=0.08)
    assert found[:, 0].sum() == pytest.approx(found[:, 60].sum(), rel=0.02)


def fork(view: View, angle_deg: float = 50.0) -> list[Vessel]:
    """A parent, a branch from its middle and two that go on from its end."""
    turn = np.deg2rad(angle_deg)
    parent = tube(placed(view, (-14, 2, -2), (8, -1, 3)), 1.7, name="P")
    start = parent.points_mm[40]
    side = in_view(view, 9 * np.cos(turn), 9 * np.sin(turn), 4.0)
    end = parent.points_mm[-1]
    first, second = in_view(view, [8, 7], [-5, 6], [3, -4])
    return [
        parent,
        tube(straight(start, start + side), 1.1, 1.4, name="B", parent="P"),
        tube(straight(end, end + first), 1.5, name="C", parent="P"),
        tube(straight(end, end + second), 1.3, 1.0, name="D", parent="P"),
    ]


@pytest.mark.parametrize("angle_deg", [25.0, 50.0, 110.0])
def test_a_fork_is_one_lumen(angle_deg: float) -> None:
    view = replace(VIEW, size=110)
    vessels = fork(view, angle_deg)
    found = iodine(vessels, view)
    alone = sum(iodine([vessel], view) for vessel in vessels)
    fork_at = project(vessels[1].points_mm[:1], view).points[0]
    end_at = project(vessels[2].points_mm[:1], view).points[0]
    pixels = np.concatenate(
        [np.rint(place) + np.mgrid[-4:9:3, -4:9:3].reshape(2, -1).T for place in (fork_at, end_at)]
    ).astype(np.intp)
    truth = marched(vessels, view, pixels, 0.04).mean(axis=1)
    ours = found[pixels[:, 1], pixels[:, 0]]
    np.testing.assert_allclose(ours, truth, atol=0.3)
    assert np.mean(ours) == pytest.approx(np.mean(truth), rel=0.015)
    assert (alone[pixels[:, 1], pixels[:, 0]] - truth).max() > 1  # adding them up would be wrong


def test_a_random_tree_is_what_rays_find() -> None:
    rng = np.random.default_rng(5)
    view = replace(VIEW, size=90)
    vessels: list[Vessel] = []
    for name, parent in (("A", None), ("B", "A"), ("C", "A"), ("D", "B")):
        start = rng.uniform(-7, 7, 3)
        if parent:
            before = next(vessel for vessel in vessels if vessel.name == parent)
            start = before.points_mm[rng.integers(20, 50)]
        way = np.cumsum(rng.normal(size=(64, 3)), axis=0) * 0.06 + rng.normal(size=3)
        way *= STEP_MM / np.linalg.norm(way, axis=1, keepdims=True)
        size = rng.uniform(1.0, 1.5, 2) * (0.7 if parent else 1.2)
        taper = np.linspace(1, 0.6, len(way))
        line = start + np.cumsum(way, axis=0) - way[0]
        vessels.append(tube(line, size[0] * taper, size[1] * taper, name=name, parent=parent))
    found = iodine(vessels, view)
    lumen = np.argwhere(found > 0.3)[:, ::-1]
    pixels = lumen[rng.choice(len(lumen), 60, replace=False)]
    truth = marched(vessels, view, pixels, 0.05).mean(axis=1)
    ours = found[pixels[:, 1], pixels[:, 0]]
    assert np.abs(ours - truth).mean() < 0.05
    assert np.mean(ours - truth) == pytest.approx(0, abs=0.03)
