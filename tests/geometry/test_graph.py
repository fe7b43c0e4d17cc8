import numpy as np
import pytest
from scipy.ndimage import label
from skimage.morphology import skeletonize
from vessel_masks import Mask, path, ring

from coroseg.geometry.graph import count_pieces, marked_loops, skeleton_graph, stretches_at

SHAPE = (90, 130)


def degrees(mask: Mask) -> list[int]:
    return sorted(len(meeting) for meeting in stretches_at(skeleton_graph(mask)).values())


def thin(*lines: list[tuple[float, float]]) -> Mask:
    """Return lines one pixel wide, which are their own skeleton."""
    mask = np.zeros(SHAPE, dtype=bool)
    for (x0, y0), (x1, y1) in lines:
        count = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
        x, y = np.linspace((x0, y0), (x1, y1), count).round().astype(int).T
        mask[y, x] = True
    return mask


def test_a_line_is_one_stretch_in_order() -> None:
    (stretch,) = skeleton_graph(thin([(10, 50), (100, 20)]))
    points = stretch.points if stretch.points[0, 0] == 10 else stretch.points[::-1]
    np.testing.assert_array_equal(points[[0, -1]], [(10, 50), (100, 20)])
    np.testing.assert_array_equal(points[:, 0], np.arange(10, 101))
    assert stretch.length == pytest.approx(60 + 30 * np.sqrt(2))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([[(10, 40), (100, 40)], [(50, 40), (80, 70)]], [1, 1, 1, 3]),
        ([[(10, 40), (100, 40)], [(50, 10), (50, 70)]], [1, 1, 1, 1, 4]),
        ([[(10, 10), (70, 70)], [(70, 10), (10, 70)]], [1, 1, 1, 1, 4]),
        ([[(10, 10), (100, 10)], [(20, 50), (60, 80)]], [1, 1, 1, 1]),
    ],
)
def test_nodes_are_ends_and_where_three_or_more_meet(
    lines: list[list[tuple[float, float]]], expected: list[int]
) -> None:
    assert degrees(thin(*lines)) == expected


def test_pixels_that_touch_at_a_junction_are_one_node_at_their_mean() -> None:
    graph = skeleton_graph(thin([(10, 40), (100, 40)], [(50, 41), (50, 70)]))
    (node,) = (node for node, meeting in stretches_at(graph).items() if len(meeting) == 3)
    for stretch in graph:
        place = stretch.leaving(node).points[0]
        np.testing.assert_allclose(place, (50, 40), atol=1)


def test_a_ring_runs_from_a_node_to_itself() -> None:
    (stretch,) = marked_loops(skeleton_graph(ring(SHAPE, (60, 45), 30, 5)))
    assert stretch.start == stretch.end
    np.testing.assert_array_equal(stretch.points[0], stretch.points[-1])
    assert stretch.length == pytest.approx(2 * np.pi * 30, rel=0.08)
    assert stretch.loop


def test_only_the_stretches_of_a_cycle_are_a_loop() -> None:
    mask = ring(SHAPE, (60, 45), 25, 5) | path(SHAPE, [(5, 45), (35, 45)], 5)
    graph = marked_loops(skeleton_graph(mask | path(SHAPE, [(85, 45), (125, 45)], 5)))
    lengths = {loop: [s.length for s in graph if s.loop is loop] for loop in (True, False)}
    assert len(lengths[False]) == 2
    assert sum(lengths[True]) == pytest.approx(2 * np.pi * 25, rel=0.1)
    assert max(lengths[False]) < 45


@pytest.mark.parametrize("seed", range(8))
def test_every_pixel_of_the_skeleton_is_on_a_stretch(seed: int) -> None:
    noise = np.random.default_rng(seed).random((12, 17)) > 0.45
    mask = np.kron(noise, np.ones((7, 7), dtype=bool)).astype(bool)
    skeleton = skeletonize(mask, method="lee") > 0
    graph = skeleton_graph(mask)
    points = np.concatenate([stretch.points for stretch in graph])
    for y, x in np.argwhere(skeleton):
        near = np.hypot(*(points - (x, y)).T).min()
        alone = skeleton[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5].sum() < 12
        assert near <= 3 or alone
    eight = np.ones((3, 3))
    assert count_pieces(graph) <= label(skeleton, eight)[1]
