"""Means, bootstrap intervals and paired tests of scores whose images belong together.

Images of one patient are not independent: what is resampled and tested is the unit (a patient, a
run or an image) with all its images. Scores are (images, columns), every column on its own; `nan`
is a score that does not exist and counts nowhere.
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Groups = NDArray[np.intp]

DRAWS: Final = 10_000
LEVEL: Final = 0.95

_BLOCK: Final = 2_000_000  # drawn units at a time: some 30 MB


def group_sums(values: Array, groups: Groups, count: int) -> tuple[Array, Array]:
    """Return the sums and the numbers of the values in each group, both (count, columns).

    `groups` says for each row of `values` in which of the `count` groups it is.
    """
    known = ~np.isnan(values)
    sums, numbers = np.zeros((2, count, values.shape[1]))
    np.add.at(sums, groups, np.where(known, values, 0))
    np.add.at(numbers, groups, known)
    return sums, numbers


def group_means(values: Array, groups: Groups, count: int) -> Array:
    """Return the mean of the values in each group, (count, columns), nan where there are none."""
    return _ratio(*group_sums(values, groups, count))


def column_means(values: Array) -> Array:
    """Return the mean of each column, nan where it has no value."""
    return group_means(values, np.zeros(len(values), dtype=np.intp), 1).ravel()


def bootstrap_intervals(values: Array, units: Groups, seed: int) -> Array:
    """Return the 95 % percentile interval of each column's mean over images, (2, columns).

    Units are drawn with replacement, each with all its images, `DRAWS` times (the cluster
    bootstrap); a draw weights all columns alike. nan where fewer than two units have a value.
    """
    count = int(units.max(initial=-1)) + 1
    sums, numbers = group_sums(values, units, count)
    limits = np.full((2, values.shape[1]), np.nan)
    enough = np.count_nonzero(numbers, axis=0) > 1
    if not enough.any():
        return limits
    means = np.empty((DRAWS, values.shape[1]))
    random = np.random.default_rng(seed)
    step = max(1, _BLOCK // count)
    for start in range(0, DRAWS, step):
        block = means[start : start + step]
        times = _times_drawn(random, len(block), count)
        block[:] = _ratio(times @ sums, times @ numbers)
    tail = (1 - LEVEL) / 2
    limits[:, enough] = np.nanquantile(means[:, enough], (tail, 1 - tail), axis=0)
    return limits


def wilcoxon_p(differences: ArrayLike) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test that the differences centre on 0.

    Zeros are left out, as Wilcoxon did, and 1 is returned where nothing else is left; nan where
    there is no difference at all. Exact up to 50 differences without ties.
    """
    from scipy.stats import wilcoxon

    known = np.asarray(differences, dtype=float)
    known = known[~np.isnan(known)]
    if known.size == 0:
        return float("nan")
    unequal = known[known != 0]
    return float(wilcoxon(unequal).pvalue) if unequal.size else 1.0


def holm(p_values: ArrayLike) -> Array:
    """Return the p values corrected for their number (Holm, 1979); nan is no comparison."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected = np.full(p.shape, np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def _times_drawn(random: np.random.Generator, draws: int, count: int) -> Array:
    """Return how often each of `count` units is drawn in each of `draws` samples of that size."""
    drawn = random.integers(count, size=(draws, count))
    drawn += np.arange(draws)[:, None] * count
    return np.bincount(drawn.ravel(), minlength=draws * count).reshape(draws, count).astype(float)


def _ratio(sums: Array, numbers: Array) -> Array:
    result = np.full(sums.shape, np.nan)
    np.divide(sums, numbers, out=result, where=numbers > 0)
    return result
