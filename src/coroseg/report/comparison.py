"""How good each model is and how sure we are, and the paired tests of one against another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coroseg.report.scoreboard import METRICS, Scoreboard
from coroseg.report.statistics import Array, bootstrap_intervals, column_means, holm, wilcoxon_p


@dataclass(frozen=True)
class Summary:
    """One metric of one model.

    `mean` is over images, an image scored in several folds counting once with its average; `low`
    and `high` are its 95 % interval over units, `sd` is that of the folds' means. All are of the
    settled scores; `mean_defined` leaves out the `undefined` ones, which are counted by fold.
    """

    mean: float
    low: float
    high: float
    sd: float
    undefined: int
    mean_defined: float


@dataclass(frozen=True)
class Comparison:
    """A model less another in one metric, over the images that both have scored in the same fold.

    `difference` is the mean over images, with its 95 % interval over units; `p` is Wilcoxon's, of
    the units' mean differences, and `p_holm` is corrected for the comparisons made together.
    """

    model: str
    other: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    images: int
    units: int
    folds: int


def summarise(board: Scoreboard, seed: int) -> dict[tuple[str, str], Summary]:
    """Return the summary of every model and metric, nan where it has scored nothing."""
    images = board.by_image(_columns(board.values))
    defined = column_means(board.by_image(_columns(board.raw)))
    means, (low, high) = column_means(images), bootstrap_intervals(images, board.unit, seed)
    summaries = {}
    for i, model in enumerate(board.models):
        scored = board.scored(model.name)
        for j, metric in enumerate(METRICS):
            k = i * len(METRICS) + j
            folds = board.fold_means(model.name, metric)
            folds = folds[~np.isnan(folds)]
            summaries[model.name, metric] = Summary(
                mean=float(means[k]),
                low=float(low[k]),
                high=float(high[k]),
                sd=float(folds.std(ddof=1)) if folds.size > 1 else float("nan"),
                undefined=int(np.isnan(board.raw[scored, i, j]).sum()),
                mean_defined=float(defined[k]),
            )
    return summaries


def compare(
    board: Scoreboard, contrasts: Sequence[tuple[str, str]], metrics: Sequence[str], seed: int
) -> dict[str, tuple[Comparison, ...]]:
    """Return the comparison of every contrast (model, other) by metric.

    Holm's correction is over the contrasts of one metric. nan where no image is in common.
    """
    if not contrasts:
        return dict.fromkeys(metrics, ())
    cases = np.column_stack(
        [
            board.scores(model, metric) - board.scores(other, metric)
            for metric in metrics
            for model, other in contrasts
        ]
    )
    images = board.by_image(cases)
    units = board.by_unit(images)
    means, (low, high) = column_means(images), bootstrap_intervals(images, board.unit, seed)
    comparisons = {}
    for i, metric in enumerate(metrics):
        columns = range(i * len(contrasts), (i + 1) * len(contrasts))
        p = [wilcoxon_p(units[:, k]) for k in columns]
        comparisons[metric] = tuple(
            Comparison(
                model=model,
                other=other,
                difference=float(means[k]),
                low=float(low[k]),
                high=float(high[k]),
                p=p[n],
                p_holm=float(corrected),
                images=_known(images[:, k]),
                units=_known(units[:, k]),
                folds=len(np.unique(board.fold[~np.isnan(cases[:, k])])),
            )
            for n, (k, (model, other), corrected) in enumerate(
                zip(columns, contrasts, holm(p), strict=True)
            )
        )
    return comparisons


def _columns(scores: Array) -> Array:
    """Return (cases, models, metrics) as (cases, models * metrics)."""
    cases, models, metrics = scores.shape
    return scores.reshape(cases, models * metrics)


def _known(values: Array) -> int:
    return int(np.count_nonzero(~np.isnan(values)))
