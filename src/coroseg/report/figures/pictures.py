"""The images, true masks and predicted masks of the cases that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.datasets.content import read_image
from coroseg.errors import DataError
from coroseg.io.masks import read_mask
from coroseg.io.overlay import COLOUR
from coroseg.metrics import Mask
from coroseg.report.figures.cases import Case, choose_cases, median_case, reference_model
from coroseg.report.figures.look import SKY
from coroseg.report.stored import Stored
from coroseg.segmentation.contours import find_contours

PREDICTED = tuple(level / 255 for level in COLOUR)
TRUTH = SKY


@dataclass(frozen=True)
class Picture:
    """A case with its image, true mask and the masks of the models that have one."""

    case: Case
    image: Frame
    truth: Mask
    masks: dict[str, Mask]


def missing_pictures(stored: Stored) -> str | None:
    """Return why the cases cannot be shown, or None: what is needed is there."""
    if not stored.images:
        return "no cell is finished"
    if stored.samples is None:
        return "the images are not at hand"
    reference = reference_model(stored).name
    for case in [median_case(stored), *choose_cases(stored)]:
        sample = stored.samples.get(case.image)
        if sample is None:
            return f"{case.image} is not among the images at hand"
        predicted = stored.mask_path(reference, case.fold, case.image)
        for kind, path in (
            ("image", sample.image), ("true mask", sample.mask), ("predicted mask", predicted),
        ):  # fmt: skip
            if not path.is_file():
                return f"the {kind} of {case.image} is not at hand"
    return None


def read_picture(stored: Stored, case: Case, models: Sequence[str]) -> Picture:
    """Return the images of a case. Raises `DataError` where masks and image differ in size."""
    if stored.samples is None:
        raise DataError(f"{stored.folder}: the images of this benchmark are not known")
    sample = stored.samples[case.image]
    image, truth = read_image(sample.image), read_mask(sample.mask)
    paths = {model: stored.mask_path(model, case.fold, case.image) for model in models}
    masks = {model: read_mask(path) for model, path in paths.items() if path.is_file()}
    for path, mask in [(sample.mask, truth), *((paths[m], mask) for m, mask in masks.items())]:
        if mask.shape != image.shape:
            raise DataError(
                f"{path}: is {mask.shape[0]} x {mask.shape[1]} pixels, its image "
                f"{image.shape[0]} x {image.shape[1]}: predict it again"
            )
    return Picture(case, image, truth, masks)


def show_image(axes: Axes, image: Frame) -> None:
    """Draw the angiogram in gray, from its darkest to its brightest pixel."""
    axes.imshow(image, cmap="gray", vmin=float(image.min()), vmax=float(image.max()))


def show_outlines(axes: Axes, mask: Mask, colour: str | tuple[float, ...]) -> None:
    """Draw the outlines of a mask over what is there, as the overlay of `coroseg segment` does."""
    contours = find_contours(mask, mask.astype(np.float32), 0.5) if mask.any() else []
    polygons: list[NDArray[np.float64]] = [
        np.vstack([polygon, polygon[:1]])
        for contour in contours
        for polygon in (contour.outer, *contour.holes)
    ]
    axes.add_collection(LineCollection(polygons, colors=[colour], linewidths=0.45), autolim=False)


def panel_grid(
    pictures: Sequence[Picture], titles: Sequence[str]
) -> tuple[Figure, NDArray[np.object_]]:
    """Return a figure with a row a case and a column a title, and its axes, (rows, columns)."""
    width = 1.3  # inches a panel
    heights = [width * _aspect(picture) + 0.16 for picture in pictures]
    figure = Figure((width * len(titles) + 0.3, sum(heights) + 0.35), layout="compressed")
    axes = figure.subplots(len(pictures), len(titles), squeeze=False, height_ratios=heights)
    for row, picture in zip(axes, pictures, strict=True):
        for panel in row:
            panel.set(xticks=[], yticks=[], box_aspect=_aspect(picture))
            panel.spines[:].set_visible(False)
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, fontsize=8)
    for panel, picture in zip(axes[:, 0], pictures, strict=True):
        panel.set_ylabel(picture.case.label, fontsize=8)
    return figure, axes


def say_unfinished(axes: Axes) -> None:
    """Write into an empty panel that the model has no mask of this case."""
    axes.text(0.5, 0.5, "not\nfinished", ha="center", va="center", transform=axes.transAxes)


def _aspect(picture: Picture) -> float:
    rows, columns = picture.image.shape
    return float(rows / columns)
