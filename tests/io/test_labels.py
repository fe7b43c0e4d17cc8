"""Labels beside rings: none leaves the picture, and none covers another while there is room."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coroseg.io.labels import CLEAR_PX, Box, Ring, place_labels

WIDTH, HEIGHT = 512.0, 400.0
NO_LINES = np.empty((0, 2))
RINGS = st.lists(
    st.builds(Ring, st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(7, 30)), max_size=8
)


@given(RINGS)
def test_labels_stay_inside(rings: list[Ring]) -> None:
    for box in place_labels(rings, [(60.0, 16.0)] * len(rings), (WIDTH, HEIGHT), NO_LINES):
        assert box.left >= 0
        assert box.top >= 0
        assert box.right <= WIDTH
        assert box.bottom <= HEIGHT


@given(st.lists(st.tuples(st.floats(200, 300), st.floats(150, 250)), max_size=4))
def test_labels_of_rings_close_together_cover_neither_each_other_nor_a_ring(
    places: list[tuple[float, float]],
) -> None:
    rings = [Ring(x, y, 10.0) for x, y in places]
    boxes = place_labels(rings, [(60.0, 16.0)] * len(rings), (WIDTH, HEIGHT), NO_LINES)
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    around = [Box(r.x - r.radius, r.y - r.radius, r.x + r.radius, r.y + r.radius) for r in rings]
    assert not any(box.meets(ring) for box in boxes for ring in around)


def test_alone_a_label_stands_at_the_right_and_at_the_border_at_the_left() -> None:
    middle, border = (
        place_labels([Ring(x, 200, 10)], [(60.0, 16.0)], (WIDTH, HEIGHT), NO_LINES)[0]
        for x in (100, 480)
    )
    assert middle == Box(110 + CLEAR_PX, 192, 170 + CLEAR_PX, 208)
    assert border == Box(410 - CLEAR_PX, 192, 470 - CLEAR_PX, 208)


def test_it_leaves_vessels_free() -> None:
    vessel = np.column_stack([np.arange(0.0, 300), np.full(300, 200.0)])
    (box,) = place_labels([Ring(100, 200, 10)], [(60.0, 16.0)], (WIDTH, HEIGHT), vessel)
    assert box == Box(70, 210 + CLEAR_PX, 130, 226 + CLEAR_PX)


def test_without_room_it_stands_inside_all_the_same() -> None:
    (box,) = place_labels([Ring(20, 20, 18)], [(38.0, 16.0)], (40, 40), NO_LINES)
    assert box == Box(2, 12, 40, 28)
