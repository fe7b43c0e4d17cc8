"""Figure 3: the outlines of every model on the images of the cases."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from coroseg.metrics import dice
from coroseg.report.figures.look import two_lines
from coroseg.report.figures.pictures import (
    PREDICTED,
    TRUTH,
    Picture,
    panel_grid,
    say_unfinished,
    show_image,
    show_outlines,
)
from coroseg.report.stored import ModelFacts


def draw_overlays(pictures: Sequence[Picture], models: Sequence[ModelFacts]) -> Figure:
    """Return the figure: a row a case; the image, the truth and a column a model, DSC below."""
    figure, axes = panel_grid(
        pictures, ["Image", "Truth", *(two_lines(model.label) for model in models)]
    )
    for row, picture in zip(axes, pictures, strict=True):
        show_image(row[0], picture.image)
        show_image(row[1], picture.image)
        show_outlines(row[1], picture.truth, TRUTH)
        for panel, model in zip(row[2:], models, strict=True):
            mask = picture.masks.get(model.name)
            if mask is None:
                say_unfinished(panel)
                continue
            show_image(panel, picture.image)
            show_outlines(panel, mask, PREDICTED)
            panel.set_xlabel(f"{dice(mask, picture.truth):.3f}", fontsize=8, labelpad=2)
    return figure
