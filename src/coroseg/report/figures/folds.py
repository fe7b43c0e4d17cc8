"""Figure 4: how much the models of the folds differ, as box plots."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from coroseg.report.figures.look import BLACK, LOOKS
from coroseg.report.figures.values import scored_models
from coroseg.report.scoreboard import scoreboard
from coroseg.report.statistics import Array
from coroseg.report.stored import Stored

PANELS: Final[Mapping[str, str]] = {
    "dsc": "Dice similarity coefficient (DSC)",
    "sn": "Sensitivity (SN)",
    "sp": "Specificity (SP)",
}


def draw_folds(stored: Stored) -> Figure:
    """Return the figure: DSC, SN and SP below each other, a box a model and a point a fold."""
    board, models = scoreboard(stored), scored_models(stored)
    figure = Figure((max(4.0, 1.2 + 0.78 * len(models)), 7.6), layout="constrained")
    panels = figure.subplots(len(PANELS), 1, sharex=True)
    for letter, (metric, title), panel in zip("abc", PANELS.items(), panels, strict=True):
        values = [_known(board.fold_means(model.name, metric)) for model in models]
        boxes = panel.boxplot(
            values,
            widths=0.55,
            whis=(0, 100),
            patch_artist=True,
            medianprops={"color": "black", "lw": 1.4},
        )
        for place, (model, folds) in enumerate(zip(models, values, strict=True), start=1):
            look = LOOKS[model.name]
            boxes["boxes"][place - 1].set(facecolor=to_rgba(look.colour, 0.3), edgecolor="black")
            panel.scatter(
                place + _spread(len(folds)), folds, s=18, c=look.colour, marker=look.marker,
                zorder=3, linewidths=0.3, edgecolors=BLACK,
            )  # fmt: skip
        panel.set_title(f"({letter}) {title}", loc="left")
        panel.grid(axis="y", lw=0.4, alpha=0.5)
        panel.set_axisbelow(True)
    labels = [model.label.replace(" w/o", "\nw/o").replace(" and", "\nand") for model in models]
    panels[-1].set_xticks(range(1, len(models) + 1), labels)
    return figure


def _known(values: Array) -> Array:
    return values[~np.isnan(values)]


def _spread(count: int) -> Array:
    """Return how far beside the box's middle each point stands, so that equal folds are seen."""
    return np.linspace(-0.18, 0.18, count) if count > 1 else np.zeros(count)
