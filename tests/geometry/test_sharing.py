"""Which points share their lumen, for lines whose discs are known."""

import numpy as np
import pytest

from coroseg.geometry.sharing import shared_lumen
from coroseg.geometry.tree import Points


def line(start: tuple[float, float], end: tuple[float, float]) -> Points:
    count = round(np.hypot(end[0] - start[0], end[1] - start[1])) + 1
    return np.linspace(start, end, count)


def test_no_line() -> None:
    assert shared_lumen([], []) == []


@pytest.mark.parametrize("apart", [5.0, 7.0, 9.0])
def test_lumens_side_by_side_are_shared_until_one_s_axis_leaves_the_other(apart: float) -> None:
    lines = [line((0, 0), (80, 0)), line((0, apart), (80, apart))]
    marks = shared_lumen(lines, [np.full(len(each), 4.0) for each in lines])
    for each in marks:
        assert each[10:-10].all() == (apart < 6)  # own radius 4, and half the other's
        assert each[10:-10].any() == (apart < 6)


@pytest.mark.parametrize("radius", [2.0, 4.0])
def test_a_crossing_marks_the_thinner_and_if_alike_both(radius: float) -> None:
    lines = [line((0, 0), (80, 0)), line((40, -40), (40, 40))]
    wide, thin = shared_lumen(lines, [np.full(81, 4.0), np.full(81, radius)])
    at = np.abs(np.arange(81) - 40)
    reach = radius + 4 / 2
    assert thin[at < reach - 1].all()
    assert not thin[at > radius + 4 + 1].any()
    assert wide[at < radius - 1].all() == (radius == 4)
    assert wide.any() == (radius == 4)
