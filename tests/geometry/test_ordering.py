import numpy as np
import pytest
from vessel_masks import Mask, path, strip

from coroseg.geometry.graph import marked_loops, skeleton_graph
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.ordering import Route, ordered
from coroseg.geometry.pruning import without_spurs

SHAPE = (120, 180)


def routes(mask: Mask, root: tuple[float, float] | None = None) -> list[Route]:
    lumen = Lumen.of(mask)
    return ordered(marked_loops(without_spurs(skeleton_graph(lumen.mask), lumen)), lumen, root)


def ends(route: Route) -> list[float]:
    """Return the x and y of both ends."""
    first, last = route.stretches[0].points[0], route.stretches[-1].points[-1]
    return [float(value) for value in (*first, *last)]


@pytest.mark.parametrize(("up", "down", "on"), [(9, 4, 25), (4, 9, 95), (7, 6, 25), (6, 7, 95)])
def test_of_two_that_turn_alike_the_wider_goes_on(up: float, down: float, on: float) -> None:
    mask = path(SHAPE, [(10, 60), (70, 60)], 9)
    mask |= path(SHAPE, [(70, 60), (150, 25)], up) | path(SHAPE, [(70, 60), (150, 95)], down)
    parent, child = routes(mask)
    assert ends(parent)[3] == pytest.approx(on, abs=5)
    assert (parent.parent, child.parent) == (None, 1)
    assert (parent.joins, child.joins) == (None, None)


def test_of_two_alike_the_straight_one_goes_on() -> None:
    mask = path(SHAPE, [(10, 60), (160, 60)], 6) | path(SHAPE, [(70, 60), (100, 115)], 6.5)
    parent, child = routes(mask, root=(10, 60))
    assert ends(parent)[2:] == pytest.approx([160, 60], abs=5)
    assert child.parent == 1


def test_the_root_decides_which_way_it_goes() -> None:
    mask = strip(SHAPE, (10, 60), (160, 60), 10, 4) | path(SHAPE, [(80, 60), (120, 110)], 4)
    assert ends(routes(mask)[0]) == pytest.approx([10, 60, 160, 60], abs=6)
    assert ends(routes(mask, root=(170, 55))[0]) == pytest.approx([160, 60, 10, 60], abs=6)


def test_parents_come_before_children_and_every_stretch_is_walked_once() -> None:
    mask = path(SHAPE, [(10, 60), (170, 60)], 9)
    for x in (50, 90, 130):
        mask |= path(SHAPE, [(x, 60), (x + 20, 20)], 5)
        mask |= path(SHAPE, [(x + 10, 40), (x + 25, 38)], 4)
    found = routes(mask)
    assert all(r.parent is None or r.parent <= number for number, r in enumerate(found))
    lumen = Lumen.of(mask)
    graph = without_spurs(skeleton_graph(lumen.mask), lumen)
    walked = sorted(s.length for route in found for s in route.stretches)
    np.testing.assert_allclose(walked, sorted(s.length for s in graph))


def test_the_branch_that_closes_a_loop_ends_on_the_other() -> None:
    mask = path(SHAPE, [(10, 60), (170, 60)], 9)
    mask |= path(SHAPE, [(50, 60), (65, 25), (115, 25), (130, 60)], 5)
    parent, child = routes(mask)
    assert (parent.joins, child.parent, child.joins) == (None, 1, 1)
    assert [s.loop for s in parent.stretches] == [False, True, False]
    assert [s.loop for s in child.stretches] == [True]
