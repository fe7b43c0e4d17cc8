"""The learning curves of every model: losses and validation Dice against the epoch."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coroseg.report.figures.look import LOOKS
from coroseg.report.stored import CurveRow, Stored

PANELS: Final = {
    "train_loss": "Training loss",
    "val_loss": "Validation loss",
    "val_dice": "Validation Dice",
}


def draw_curves(stored: Stored) -> Figure:
    """Return the figure: folds as thin lines, their mean as a thick one.

    The mean ends with the shortest of the folds: beyond it, it would be that of others.
    """
    figure = Figure((10, 4), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    labels = {model.name: model.label for model in stored.facts.models}
    rows = defaultdict(list)
    for row in stored.curves:
        rows[row.model].append(row)
    for (quantity, title), panel in zip(PANELS.items(), panels, strict=True):
        panel.set_title(title)
        panel.set_xlabel("Epoch")
        panel.grid(lw=0.4, alpha=0.5)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for model in (name for name in LOOKS if name in rows):
            look = LOOKS[model]
            folds = curves_of(rows[model], quantity)
            for epochs in folds:
                panel.plot(
                    list(epochs), list(epochs.values()), color=look.colour, lw=0.5, alpha=0.4
                )
            mean = mean_curve(folds)
            panel.plot(
                list(mean), list(mean.values()), color=look.colour, linestyle=look.line, lw=1.8,
                marker=look.marker, markersize=4, markevery=max(1, len(mean) // 6),
                label=labels[model],
            )  # fmt: skip
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, handlelength=4)
    return figure


def curves_of(rows: Sequence[CurveRow], quantity: str) -> list[dict[int, float]]:
    """Return a quantity of each fold by epoch."""
    folds: dict[int, dict[int, float]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row.epoch):
        folds[row.fold][row.epoch] = getattr(row, quantity)
    return [folds[fold] for fold in sorted(folds)]


def mean_curve(folds: Sequence[dict[int, float]]) -> dict[int, float]:
    """Return the mean over the folds, for the epochs that all of them have."""
    shared = sorted(set.intersection(*(set(fold) for fold in folds)))
    return {epoch: fmean(fold[epoch] for fold in folds) for epoch in shared}
