"""Folders of masks against folders of true masks: every image's scores and their summary.

Nothing is dropped in silence: a truth without a prediction scores 0 in every ratio and has no
distances, a prediction without a truth cannot be scored and is listed, and what is undefined is
counted.
"""

import csv
from dataclasses import dataclass, replace
from math import hypot, nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coroseg.errors import DataError
from coroseg.io.files import write_whole
from coroseg.io.masks import read_mask
from coroseg.metrics import Mask, Scores, evaluate

if TYPE_CHECKING:
    from rich.table import Table

RATIOS = {"dsc": "DSC", "sn": "SN", "sp": "SP", "cldice": "clDice"}
DISTANCES = {"hd": "HD", "hd95": "HD95", "asd": "ASD"}

_EXTENSIONS = (".png", ".bmp", ".tif", ".tiff", ".pgm", ".pbm", ".jpg", ".jpeg")
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class ImageScores:
    """The scores of one image; `missing` where it has no prediction.

    `diagonal` is the image's, in the unit of the scores: no two of its pixels lie further apart.
    """

    name: str
    missing: bool
    diagonal: float
    scores: Scores

    def worst(self, metric: str) -> float:
        """Return the metric, and the diagonal for a distance that one empty mask leaves undefined.

        Where both masks are empty there was nothing to find, and nothing to be far from.
        """
        value = float(getattr(self.scores, metric))
        nothing = self.scores.area == self.scores.truth_area == 0 and not self.missing
        return self.diagonal if metric in DISTANCES and np.isnan(value) and not nothing else value


@dataclass(frozen=True)
class MetricSummary:
    """One metric over all images: `mean`, `sd` (of a sample) and `median` of what is defined.

    `undefined` counts the images left out. `mean_worst` has the image diagonal in place of a
    distance that one empty mask leaves undefined; for a ratio it is the mean.
    """

    metric: str
    mean: float
    sd: float
    median: float
    undefined: int
    mean_worst: float


@dataclass(frozen=True)
class Evaluation:
    """The scores of every true mask, by name, and the predictions that have no truth."""

    images: tuple[ImageScores, ...]
    without_truth: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the truths without a prediction."""
        return tuple(image.name for image in self.images if image.missing)

    @property
    def unit(self) -> str:
        """The unit of the distances: mm or px."""
        return self.images[0].scores.unit

    def summary(self) -> tuple[MetricSummary, ...]:
        """Return every metric over all images, ratios first."""
        return tuple(_summarise(metric, self.images) for metric in RATIOS | DISTANCES)


def evaluate_folders(
    predictions: Path, truths: Path, *, spacing_mm: tuple[float, float] | float | None = None
) -> Evaluation:
    """Return the scores of the masks in `predictions` against those of the same name in `truths`.

    A mask is `NAME.png` (or another raster file) or, as coroseg writes it, `NAME/mask.png`; NAME
    may hold folders. Raises `DataError` for a mask that cannot be read or is not binary, for two
    masks of one name, two sizes of one image, and where no name matches.
    """
    spacing = (spacing_mm, spacing_mm) if isinstance(spacing_mm, int | float) else spacing_mm
    predicted, true = _masks_by_name(predictions), _masks_by_name(truths)
    if not predicted.keys() & true.keys():
        raise DataError(
            f"no mask in {predictions} has the name of one in {truths} (such as "
            f"{min(predicted)} and {min(true)}): give both the same names"
        )
    images = (_score(name, predicted.get(name), true[name], spacing) for name in sorted(true))
    return Evaluation(tuple(images), tuple(sorted(predicted.keys() - true.keys())))


def write_csv(path: Path, evaluation: Evaluation) -> None:
    """Write a row an image, and a row without scores for each prediction that has no truth."""
    rows = [
        {"name": image.name, "status": "missing" if image.missing else "scored"}
        | image.scores.to_dict()
        for image in evaluation.images
    ]
    with write_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        writer.writerows({"name": name, "status": "no truth"} for name in evaluation.without_truth)


def summary_table(evaluation: Evaluation) -> "Table":
    """Return the summary for the command line, with what is missing below it."""
    from rich.table import Table
    from rich.text import Text

    # As Text, a name's square brackets are no markup.
    caption = Text(_unmatched(evaluation))
    table = Table(title=f"{len(evaluation.images)} images", caption=caption)
    table.add_column("metric")
    for heading in ("mean", "SD", "median", "undefined", "mean, diagonal if undefined"):
        table.add_column(heading, justify="right")
    titles = RATIOS | {key: f"{title} ({evaluation.unit})" for key, title in DISTANCES.items()}
    for row in evaluation.summary():
        table.add_row(
            titles[row.metric],
            *(f"{value:.4f}" for value in (row.mean, row.sd, row.median)),
            str(row.undefined),
            f"{row.mean_worst:.4f}" if row.metric in DISTANCES else "",
        )
    return table


def _unmatched(evaluation: Evaluation) -> str:
    lines = [
        f"{len(names)} {what}: {', '.join(names[:_NAMES_SHOWN])}"
        + (", ..." if len(names) > _NAMES_SHOWN else "")
        for names, what in (
            (evaluation.missing, "without a prediction, scored as the worst"),
            (evaluation.without_truth, "without a truth, not scored"),
        )
        if names
    ]
    return "\n".join(lines)


def _masks_by_name(folder: Path) -> dict[str, Path]:
    """Return the mask files in the folder and below it by their relative path less the extension.

    A folder with a file `mask` is one result of coroseg: that file, under the folder's name.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of masks")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _EXTENSIONS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    results = {file.parent for file in files if file.stem == "mask"} - {folder}
    found: dict[str, Path] = {}
    for file in files:
        result = file.parent in results
        if result and file.stem != "mask":
            continue
        name = (file.parent if result else file.with_suffix("")).relative_to(folder).as_posix()
        if name in found:
            raise DataError(f"{found[name]} and {file} are two masks of one image: keep one")
        found[name] = file
    if not found:
        raise DataError(f"{folder}: no masks in it ({', '.join(_EXTENSIONS)})")
    return found


def _score(
    name: str, prediction: Path | None, truth: Path, spacing: tuple[float, float] | None
) -> ImageScores:
    true = read_mask(truth)
    predicted = np.zeros_like(true) if prediction is None else read_mask(prediction)
    if predicted.shape != true.shape:
        raise DataError(
            f"{prediction} is {_size(predicted)} pixels and {truth} is {_size(true)}: "
            "bring both to one grid"
        )
    scores = evaluate(predicted, true, spacing_mm=spacing)
    if prediction is None:
        # An empty mask has the best SP of all.
        scores = replace(scores, dsc=0.0, sn=0.0, sp=0.0, cldice=0.0)
    diagonal = hypot(*(np.array(true.shape) * (spacing or 1)))
    return ImageScores(name, prediction is None, diagonal, scores)


def _summarise(metric: str, images: tuple[ImageScores, ...]) -> MetricSummary:
    values = np.array([getattr(image.scores, metric) for image in images])
    worst = np.array([image.worst(metric) for image in images])
    defined, worst = values[~np.isnan(values)], worst[~np.isnan(worst)]
    return MetricSummary(
        metric=metric,
        mean=float(defined.mean()) if defined.size else nan,
        sd=float(defined.std(ddof=1)) if defined.size > 1 else nan,
        median=float(np.median(defined)) if defined.size else nan,
        undefined=values.size - defined.size,
        mean_worst=float(worst.mean()) if worst.size else nan,
    )


def _size(mask: Mask) -> str:
    return f"{mask.shape[0]} x {mask.shape[1]}"
