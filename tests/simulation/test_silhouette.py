from dataclasses import replace

import numpy as np
import pytest
from straight_vessels import VIEW, full, in_view, marched, straight, tube

from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.scene import Array, Vessel, View
from coroseg.simulation.silhouette import VISIBLE_CONTRAST

SMALL = replace(VIEW, size=110)


def covered(vessels: list[Vessel], view: View) -> Array:
    return lumen_maps(vessels, full(vessels), view).coverage.astype(float)


def placed(start: tuple[float, ...], end: tuple[float, ...]) -> Array:
    return straight(*in_view(VIEW, *np.transpose([start, end])))


def crossing() -> list[Vessel]:
    points = placed((-9, -6, 5), (8, 7, -9))
    angle = np.linspace(0, 2.5, 60)
    bow = in_view(VIEW, 6 * np.cos(angle), 5 * np.sin(angle) - 2, 6 * np.sin(2 * angle))
    return [
        tube(points, np.linspace(1.6, 0.6, len(points)), np.linspace(1.0, 0.8, len(points))),
        tube(bow, 0.9, 0.5, name="B"),
        tube(placed((5, -7, -6), (6, -6, 9)), 1.3, name="C"),  # nearly end on
    ]


def test_coverage_is_the_share_of_rays_that_meet_lumen() -> None:
    vessels = crossing()
    found = covered(vessels, SMALL)
    edges = np.argwhere((found > 0) & (found < 1))[:, ::-1]
    chosen = edges[np.random.default_rng(0).choice(len(edges), 40, replace=False)]
    truth = (marched(vessels, SMALL, chosen, 0.06, fine=5) > 0).mean(axis=1)
    error = found[chosen[:, 1], chosen[:, 0]] - truth
    assert np.abs(error).mean() < 0.04
    assert error.mean() == pytest.approx(0, abs=0.02)
    whole = np.argwhere(found == 1)[::40, ::-1]
    assert (marched(vessels, SMALL, whole, 0.06, fine=2) > 0).all()
    beside = np.argwhere(found == 0)[::400, ::-1]
    assert not (marched(vessels, SMALL, beside, 0.06, fine=2) > 0).any()


@pytest.mark.parametrize("radius", [0.06, 0.1, 0.2, 0.7, 2.0])
@pytest.mark.parametrize("end", [(20, 3, 4), (9, -19, -6), (14, 14, 0)])
def test_the_covered_area_is_length_times_width(radius: float, end: tuple[float, ...]) -> None:
    points = placed((-end[0], -end[1], -end[2]), end)
    area = np.hypot(end[0], end[1]) * 2 * 2 * radius / VIEW.spacing_mm**2
    assert covered([tube(points, radius)], VIEW).sum() == pytest.approx(area, rel=0.06)


def test_a_shut_vessel_covers_nothing() -> None:
    points = placed((-15, 3, 0), (15, -2, 0))
    radius = np.where(np.abs(np.arange(len(points)) - 60) < 20, 0.0, 1.2)
    found = covered([tube(points, radius)], VIEW)
    assert found[:, 60].max() == found[:, 110].max() == 1
    assert found[:, 80].max() == 0


def test_lumen_with_little_contrast_is_not_covered() -> None:
    vessel = tube(placed((-15, 0, 0), (15, 0, 0)), 1.2)
    amount = np.linspace(1, 0, len(vessel.points_mm))
    found = lumen_maps([vessel], [amount], VIEW).coverage
    last = np.flatnonzero(found.max(axis=0) == 1).max()
    shown = (last - 79.5) * VIEW.spacing_mm / 30 + 0.5
    assert shown == pytest.approx(1 - VISIBLE_CONTRAST, abs=0.02)
