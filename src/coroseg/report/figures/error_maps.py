"""Figure 5: where every model is right and wrong, in the paper's colours."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from coroseg.metrics import Mask
from coroseg.report.figures.look import two_lines
from coroseg.report.figures.pictures import Picture, panel_grid, say_unfinished, show_image
from coroseg.report.stored import ModelFacts

TRUE_POSITIVE: Final = (255, 236, 90)
FALSE_NEGATIVE: Final = (30, 178, 132)
FALSE_POSITIVE: Final = (180, 20, 0)
TRUE_NEGATIVE: Final = (0, 0, 0)
"""The paper's yellow, green and red, RGB. Each is much darker than the one before, so that they
can be told apart without their hue too."""


def error_map(mask: Mask, truth: Mask) -> NDArray[np.uint8]:
    """Return the picture, (rows, columns, 3), of a mask against the truth."""
    colours = np.array(
        [[TRUE_NEGATIVE, FALSE_NEGATIVE], [FALSE_POSITIVE, TRUE_POSITIVE]], dtype=np.uint8
    )
    return colours[mask.astype(np.intp), truth.astype(np.intp)]


def draw_error_maps(pictures: Sequence[Picture], models: Sequence[ModelFacts]) -> Figure:
    """Return the figure: a row a case; the image, the truth and a column a model."""
    figure, axes = panel_grid(
        pictures, ["Image", "Truth", *(two_lines(model.label) for model in models)]
    )
    for row, picture in zip(axes, pictures, strict=True):
        show_image(row[0], picture.image)
        row[1].imshow(picture.truth, cmap="gray", interpolation="none", vmin=0, vmax=1)
        for panel, model in zip(row[2:], models, strict=True):
            mask = picture.masks.get(model.name)
            if mask is None:
                say_unfinished(panel)
            else:
                panel.imshow(error_map(mask, picture.truth), interpolation="none")
    names = {
        "true positive": TRUE_POSITIVE,
        "false negative": FALSE_NEGATIVE,
        "false positive": FALSE_POSITIVE,
    }
    patches = [
        Patch(
            facecolor=(colour[0] / 255, colour[1] / 255, colour[2] / 255),
            edgecolor="black",
            label=name,
        )
        for name, colour in names.items()
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=3)
    return figure
