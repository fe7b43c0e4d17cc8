"""The results by what an image shows: artery and projection, where the manifest has them."""

from collections import defaultdict

import numpy as np
from matplotlib.figure import Figure

from coroseg.report.figures.look import LOOKS
from coroseg.report.figures.values import scored_models
from coroseg.report.scoreboard import settled
from coroseg.report.stored import ImageRow, Stored


def draw_views(stored: Stored) -> Figure:
    """Return the figure: for each view, the median DSC of every model and its quartiles."""
    models = scored_models(stored)
    values = view_scores(stored)
    counts = {view: max(map(len, by_model.values())) for view, by_model in values.items()}
    figure = Figure((max(5.0, 1.0 + 1.7 * len(values)), 4.2), layout="constrained")
    axes = figure.subplots()
    offsets = 0.09 * (np.arange(len(models)) - (len(models) - 1) / 2)
    for model, offset in zip(models, offsets, strict=True):
        look = LOOKS[model.name]
        scores = [(k, v[model.name]) for k, v in enumerate(values.values()) if v[model.name]]
        if not scores:
            continue
        low, middle, high = np.transpose([np.quantile(s, (0.25, 0.5, 0.75)) for _, s in scores])
        axes.errorbar(
            [place + offset for place, _ in scores], middle, (middle - low, high - middle),
            fmt=look.marker, color=look.colour, markersize=5, lw=1, label=model.label,
        )  # fmt: skip
    axes.set_xticks(range(len(values)), [f"{view}\n{counts[view]} images" for view in values])
    axes.set_ylabel("DSC: median and quartiles of the images")
    axes.grid(axis="y", lw=0.4, alpha=0.5)
    for border in range(1, len(values)):
        axes.axvline(border - 0.5, color="#bbbbbb", lw=0.6)
    axes.set_xlim(-0.5, len(values) - 0.5)
    figure.legend(loc="outside lower center", ncols=5 if len(values) > 3 else 3)  # noqa: PLR2004
    return figure


def view_scores(stored: Stored) -> dict[str, dict[str, list[float]]]:
    """Return the DSC of the images of each view by model, averaged over folds.

    Images of which neither artery nor projection is known are in no view.
    """
    images: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in stored.images:
        if view := view_of(row):
            images[view, row.model, row.image].append(settled(row, "dsc"))
    views: dict[str, dict[str, list[float]]] = {
        view: {model.name: [] for model in scored_models(stored)}
        for view in sorted({view for view, _, _ in images})
    }
    for (view, model, _), of_folds in images.items():
        views[view][model].append(sum(of_folds) / len(of_folds))
    return views


def view_of(row: ImageRow) -> str:
    """Return the artery and the projection, as far as they are known."""
    return " ".join(filter(None, (row.artery, row.projection)))
