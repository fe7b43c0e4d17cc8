from itertools import product
from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from coroseg.report.statistics import (
    bootstrap_intervals,
    column_means,
    group_means,
    holm,
    wilcoxon_p,
)


def brute_force_p(differences: list[float]) -> float:
    """Return the two-sided p over all signs of the differences."""
    d = np.array([x for x in differences if x])
    ranks = stats.rankdata(np.abs(d))
    centre = ranks.sum() / 2
    seen = abs(ranks[d > 0].sum() - centre)
    signs = np.array(list(product([0, 1], repeat=len(d))))
    return float(np.mean(np.abs(signs @ ranks - centre) >= seen - 1e-9))


def test_means_of_groups_leave_out_what_is_not_defined() -> None:
    values = np.array([[1.0, nan], [3.0, nan], [nan, 5.0], [7.0, 9.0]])
    means = group_means(values, np.array([0, 0, 1, 1]), 3)
    np.testing.assert_array_equal(means, [[2, nan], [7, 7], [nan, nan]])
    np.testing.assert_array_equal(column_means(values), [11 / 3, 7])
    np.testing.assert_array_equal(column_means(np.empty((0, 2))), [nan, nan])


def test_interval_of_one_image_a_unit_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).gamma(2, size=40)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, rng=2
    ).confidence_interval
    found = bootstrap_intervals(values[:, None], np.arange(40), seed=3)[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.05 * values.std())


def test_interval_of_many_units_of_unequal_size_is_that_of_the_ratio_estimator() -> None:
    random = np.random.default_rng(4)
    sizes = random.integers(1, 6, size=400)
    units = np.repeat(np.arange(400), sizes)
    values = random.normal(size=400)[units] + 0.3 * random.normal(size=units.size)
    sums = np.bincount(units, values)
    residuals = sums - values.mean() * sizes
    error = np.sqrt(400 / 399 * (residuals**2).sum()) / sizes.sum()  # linearised (Cochran, 1977)

    found = bootstrap_intervals(values[:, None], units, seed=5)[:, 0]

    np.testing.assert_allclose(found, values.mean() + error * np.array([-1.96, 1.96]), atol=0.008)
    naive = values.std() / np.sqrt(values.size)
    assert error > 1.5 * naive  # the images of a unit are not independent


def test_copies_of_an_image_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(6).normal(size=(15, 2))
    once = bootstrap_intervals(values, np.arange(15), seed=7)
    often = bootstrap_intervals(np.repeat(values, 4, axis=0), np.repeat(np.arange(15), 4), seed=7)
    np.testing.assert_allclose(often, once)


def test_interval_does_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(8).normal(size=(30, 3))
    whole = bootstrap_intervals(values, np.arange(30), seed=9)
    monkeypatch.setattr("coroseg.report.statistics._BLOCK", 30 * 999)
    np.testing.assert_allclose(bootstrap_intervals(values, np.arange(30), seed=9), whole)


def test_columns_with_gaps_are_on_their_own() -> None:
    values = np.random.default_rng(10).normal(size=(60, 3))
    values[40:, 1] = nan
    values[:, 2] = nan
    found = bootstrap_intervals(values, np.arange(60), seed=11)
    alone = bootstrap_intervals(values[:40, 1:2], np.arange(40), seed=12)
    np.testing.assert_allclose(found[:, 1], alone[:, 0], atol=0.05)
    assert np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("images", [0, 1, 5])
def test_one_unit_has_no_interval(images: int) -> None:
    found = bootstrap_intervals(np.ones((images, 1)), np.zeros(images, dtype=np.intp), seed=0)
    assert np.isnan(found).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_wilcoxon_is_the_enumeration_of_all_signs(seed: int, count: int) -> None:
    differences = np.random.default_rng(seed).normal(0.5, size=count)
    assert wilcoxon_p(differences) == pytest.approx(brute_force_p(differences.tolist()))


@pytest.mark.parametrize(
    "differences", [[1, -2, 2, 3, 3], [1, 1, 1, 1, -1, 2], [0, 0, 1, 2, -3, 4, 5]]
)
def test_wilcoxon_with_ties_and_zeros(differences: list[float]) -> None:
    assert wilcoxon_p(differences) == pytest.approx(brute_force_p(differences))


def test_wilcoxon_of_equal_models_and_of_nothing() -> None:
    assert wilcoxon_p([0.0, 0.0, nan]) == 1
    assert np.isnan(wilcoxon_p([nan]))
    assert np.isnan(wilcoxon_p([]))


def test_holm_by_hand() -> None:
    # Smallest first: 0.01 * 4, 0.02 * 3, 0.03 * 2 = 0.06, and 0.04 no smaller than those before.
    np.testing.assert_allclose(holm([0.02, 0.04, 0.01, 0.03]), [0.06, 0.06, 0.04, 0.06])
    np.testing.assert_allclose(holm([0.6, nan, 0.5]), [1, nan, 1])
    assert holm([]).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    corrected = holm(p)
    assert (corrected >= np.array(p)).all()
    assert (corrected <= np.minimum(1, np.array(p) * len(p)) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()
