from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.simulation.branching import calibre, continuation, shares


@given(st.floats(1.0, 5.0), st.floats(0.05, 0.95))
def test_the_continuation_and_the_branch_make_the_mother(mother: float, share: float) -> None:
    on = continuation(mother, share * mother)
    assert on ** (7 / 3) + (share * mother) ** (7 / 3) == pytest.approx(mother ** (7 / 3))


def test_equal_daughters_are_three_quarters_as_wide() -> None:
    # 2 ** (-3 / 7); Finet's ratio of 0.678 for their sum gives 0.737.
    assert shares(4.5, [1, 1]) == pytest.approx([4.5 * 0.743] * 2, rel=1e-3)


@given(st.floats(3.0, 6.0), st.lists(st.floats(0.2, 2.0), min_size=1, max_size=3))
def test_shares_keep_the_law_and_the_proportions(mother: float, weights: list[float]) -> None:
    daughters = np.array(shares(mother, weights))
    assert (daughters ** (7 / 3)).sum() == pytest.approx(mother ** (7 / 3))
    np.testing.assert_allclose(daughters / daughters[0], np.array(weights) / weights[0])


def test_without_taper_a_vessel_narrows_at_its_branches_alone() -> None:
    arc = np.arange(0.0, 60.0, 0.25)
    diameters, given_ = calibre(arc, 3.5, 1.0, [(10.0, 2.0, 0.8), (30.0, 9.0, 0.5)], fades=False)
    first = continuation(3.5, 2.0)
    assert given_ == pytest.approx([2.0, first / 2])  # the second is held at half its mother
    np.testing.assert_allclose(diameters[arc <= 10], 3.5)
    np.testing.assert_allclose(diameters[(arc >= 13.5) & (arc <= 30)], first)
    np.testing.assert_allclose(diameters[arc >= 33.5], continuation(first, first / 2))
    assert (np.diff(diameters) <= 1e-12).all()


def test_the_taper_leaves_the_tip_and_fading_four_tenths_of_it() -> None:
    arc = np.arange(0.0, 60.0, 0.25)
    ends = [calibre(arc, 3.0, 0.7, [], fades=fades)[0][[0, -1]] for fades in (False, True)]
    np.testing.assert_allclose(ends, [[3.0, 2.1], [3.0, 0.84]])
