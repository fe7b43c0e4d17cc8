import numpy as np
import pytest
from vessel_masks import Mask, disc, path, strip

from coroseg.geometry.graph import Stretch, skeleton_graph
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.pruning import without_spurs

SHAPE = (90, 140)
WALL = 45 + 6  # of a vessel 12 px wide in row 45


def kept(mask: Mask) -> list[Stretch]:
    lumen = Lumen.of(mask)
    return without_spurs(skeleton_graph(lumen.mask), lumen)


@pytest.mark.parametrize(("beyond", "stretches"), [(2, 1), (4, 1), (9, 3), (20, 3)])
def test_a_twig_is_a_spur_within_a_radius_beyond_the_wall(beyond: float, stretches: int) -> None:
    parent = path(SHAPE, [(10, 45), (130, 45)], 12)
    assert len(kept(parent | strip(SHAPE, (70, 45), (70, WALL + beyond), 4))) == stretches


@pytest.mark.parametrize(("beyond", "stretches"), [(3, 1), (9, 3)])
def test_the_same_twig_counts_by_the_vessel_that_it_leaves(beyond: float, stretches: int) -> None:
    # 9 px beyond the wall are a branch of a vessel 12 px wide and a bump of one 24 px wide.
    twig = strip(SHAPE, (70, 45), (70, 57 + beyond), 6)
    assert len(kept(path(SHAPE, [(15, 45), (125, 45)], 24) | twig)) == 1
    twig = strip(SHAPE, (70, 45), (70, WALL + beyond), 6)
    assert len(kept(path(SHAPE, [(15, 45), (125, 45)], 12) | twig)) == stretches


def test_a_blunt_end_leaves_no_fork() -> None:
    (stretch,) = kept(strip(SHAPE, (20, 20), (120, 70), 17))
    direction = np.array([100, 50]) / np.hypot(100, 50)
    across = (stretch.points - (20, 20)) @ (-direction[1], direction[0])
    assert np.abs(across).max() < 9


def test_a_wide_short_origin_is_no_spur() -> None:
    stem = strip(SHAPE, (10, 45), (32, 45), 18)
    arms = path(SHAPE, [(30, 45), (100, 10)], 9) | path(SHAPE, [(30, 45), (100, 80)], 9)
    assert len(kept(stem | arms)) == 3


@pytest.mark.parametrize(("length", "stretches"), [(14, 0), (30, 1)])
def test_a_piece_hardly_longer_than_wide_is_no_vessel(length: float, stretches: int) -> None:
    assert len(kept(path(SHAPE, [(40, 40), (40 + length - 10, 44)], 10))) == stretches
    assert kept(disc(SHAPE, (60, 40), 12)) == []
