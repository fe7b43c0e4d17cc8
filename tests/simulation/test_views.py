import numpy as np
import pytest

from coroseg.simulation.views import draw_view

SIZE = 384


@pytest.fixture(scope="module", params=["LCA", "RCA"])
def views(request: pytest.FixtureRequest) -> list:
    return [draw_view(np.random.default_rng(seed), request.param, SIZE) for seed in range(300)]


def test_distances_and_pixels_are_those_of_a_c_arm(views: list) -> None:
    assert all(950 <= view.source_to_detector_mm <= 1150 for view in views)
    assert all(700 <= view.source_to_isocentre_mm <= 800 for view in views)
    spacings = np.array([view.spacing_mm for view in views]) * SIZE / 512
    assert 0.15 <= spacings.min() < 0.19
    assert 0.31 < spacings.max() <= 0.35


def test_left_and_right_cranial_and_caudal_are_seen(views: list) -> None:
    primary = np.array([view.primary_deg for view in views])
    secondary = np.array([view.secondary_deg for view in views])
    assert primary.min() < -30
    assert 85 < primary.max() < 105
    assert 35 < secondary.max() < 55


def test_only_the_left_artery_is_seen_from_below() -> None:
    lowest = {
        artery: min(
            draw_view(np.random.default_rng(seed), artery, SIZE).secondary_deg
            for seed in range(300)
        )
        for artery in ("LCA", "RCA")
    }
    assert lowest["LCA"] < -35
    assert lowest["RCA"] > -12
