"""The scores of a benchmark as one array, so that models are compared on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coroseg.errors import DataError
from coroseg.evaluation import DISTANCES, RATIOS
from coroseg.report.statistics import Array, Groups, column_means, group_means
from coroseg.report.stored import LABELS, ImageRow, ModelFacts, Stored

TITLES: Final = DISTANCES | RATIOS
METRICS: Final = ("hd", "dsc", "sn", "sp", "asd", "hd95", "cldice")
"""As in the paper's Table 2, then ours."""

_UNITS: Final = {"patient": "patients", "group": "runs", "image": "images"}


@dataclass(frozen=True)
class Scoreboard:
    """Every score of every model, (cases, models, metrics): `raw`, and `values` as `settled`.

    A case is an image in a fold: `image` and `fold` say which, (cases,). `unit` says of which unit
    an image is, (images,). What a model has not scored is nan. `models` are in the paper's order,
    `unit_name` is what units are called.
    """

    models: tuple[ModelFacts, ...]
    image: Groups
    fold: Groups
    unit: Groups
    unit_name: str
    raw: Array
    values: Array

    def column(self, model: str) -> int:
        """Return the place of a model in the arrays."""
        return [facts.name for facts in self.models].index(model)

    def scores(self, model: str, metric: str) -> Array:
        """Return the settled scores of a model, (cases,)."""
        return self.values[:, self.column(model), METRICS.index(metric)]

    def scored(self, model: str) -> NDArray[np.bool_]:
        """Return which cases the model has scored, (cases,)."""
        return np.asarray(~np.isnan(self.values[:, self.column(model)]).all(axis=1))

    def folds(self, model: str) -> list[int]:
        """Return the folds of which the model has scored images."""
        return [int(fold) for fold in np.unique(self.fold[self.scored(model)])]

    def by_image(self, values: Array) -> Array:
        """Return the values of cases, (cases, columns), averaged over the folds of an image."""
        return group_means(values, self.image, len(self.unit))

    def by_unit(self, values: Array) -> Array:
        """Return the values of images, (images, columns), averaged over those of a unit."""
        return group_means(values, self.unit, int(self.unit.max(initial=-1)) + 1)

    def fold_means(self, model: str, metric: str) -> Array:
        """Return the model's mean over the images of each of its `folds`."""
        scores, folds = self.scores(model, metric)[:, None], self.folds(model)
        return np.array([column_means(scores[self.fold == fold])[0] for fold in folds])

    @property
    def reference(self) -> str:
        """The model that the others are compared with: U-Net 3+, else the last of the grid.

        The models are in the paper's order, so that the data have no say in it.
        """
        return self.models[-1].name


def scoreboard(stored: Stored) -> Scoreboard:
    """Return the scores of a benchmark.

    Raises `DataError` where some distances are in mm and some in px, and for a model that is not
    among the benchmark's.
    """
    if len({row.distance_unit for row in stored.images}) > 1:
        raise DataError(
            f"{stored.folder}: some distances are in mm and some in px: give the spacing of every "
            "image in the manifest, or of none"
        )
    models = paper_order(stored.facts.models)
    column = {model.name: index for index, model in enumerate(models)}
    if strange := {row.model for row in stored.images} - column.keys():
        raise DataError(
            f"{stored.folder}: there are scores of {', '.join(sorted(strange))}, which is not one "
            f"of the benchmark's models ({', '.join(column)}): was the grid changed?"
        )
    cases = sorted({(row.fold, row.image) for row in stored.images})
    images = sorted({image for _, image in cases})
    units = {row.image: (row.unit_kind, row.unit) for row in stored.images}
    case_index = {case: index for index, case in enumerate(cases)}
    raw, values = np.full((2, len(cases), len(models), len(METRICS)), np.nan)
    for row in stored.images:
        place = case_index[row.fold, row.image], column[row.model]
        raw[place] = [getattr(row, metric) for metric in METRICS]
        values[place] = [settled(row, metric) for metric in METRICS]
    return Scoreboard(
        models=models,
        image=_indices([image for _, image in cases], images),
        fold=np.array([fold for fold, _ in cases], dtype=np.intp),
        unit=_indices([units[image] for image in images], sorted(set(units.values()))),
        unit_name=unit_name({kind for kind, _ in units.values()} or {stored.facts.unit_kind}),
        raw=raw,
        values=values,
    )


def settled(row: ImageRow, metric: str) -> float:
    """Return the score of a row as means and tests take it, so that nothing missed improves it.

    A distance that one empty mask leaves undefined is the image diagonal. Where truth and mask are
    both empty nothing is wrong: the distance is 0, DSC and clDice are 1. What only the truth
    leaves undefined, the SN of an image without vessels, stays nan, for all models alike.
    """
    value = float(getattr(row, metric))
    if not np.isnan(value) or metric in {"sn", "sp"}:
        return value
    if metric in DISTANCES:
        return 0.0 if row.area == row.truth_area == 0 else row.diagonal
    return 1.0


def paper_order(models: Sequence[ModelFacts]) -> tuple[ModelFacts, ...]:
    """Return the models in the order of the paper's Table 2, others before them."""
    order = list(LABELS)
    return tuple(sorted(models, key=lambda m: order.index(m.name) if m.name in order else -1))


def unit_name(kinds: set[str]) -> str:
    """Return what the units of these kinds are called: patients, runs, images, or several."""
    return " and ".join(name for kind, name in _UNITS.items() if kind in kinds)


def _indices(values: Sequence[object], order: Sequence[object]) -> Groups:
    index = {value: position for position, value in enumerate(order)}
    return np.array([index[value] for value in values], dtype=np.intp)
