"""What a benchmark stores: every table and figure is made from it, without training.

benchmark.json   how it was made: `Facts`
split.json       which image is in which part of which fold
images.csv       a row for every image and model that scored it: `ImageRow`
cells.csv        a row for every model and fold: `CellRow`
curves.csv       a row for every epoch of a cell: `CurveRow`
cells/MODEL/fold1/masks/   the predicted masks, which only the pictures need
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from coroseg.datasets.manifest import Sample, UnitKind
from coroseg.errors import DataError
from coroseg.io.files import write_whole

FACTS, IMAGES, CELLS, CURVES = "benchmark.json", "images.csv", "cells.csv", "curves.csv"
REPORT = "report.html"

LABELS = {
    "cgnet": "CGNet",
    "pspnet": "PSPNet",
    "deeplabv3": "DeepLabV3",
    "deeplabv3plus": "DeepLabV3+",
    "unet": "U-Net",
    "unetplusplus": "U-Net++",
    "unet3plus_no_ds_tl": "U-Net 3+ w/o DS and TL",
    "unet3plus_no_ds": "U-Net 3+ w/o DS",
    "unet3plus": "U-Net 3+",
}
"""What the models are called in tables, in the order of the paper's Table 2."""

Row = TypeVar("Row", "ImageRow", "CellRow", "CurveRow")


@dataclass(frozen=True)
class ImageRow:
    """The scores of one test image by the model of one cell.

    `unit` is what is independent of the others: a patient, a group of frames or the image itself,
    as `unit_kind` says. Distances, `diagonal` (of the image) and areas are in `distance_unit`.
    `seconds` is the time of the network alone.
    """

    model: str
    fold: int
    image: str
    unit_kind: UnitKind
    unit: str
    artery: str | None
    projection: str | None
    dsc: float
    sn: float
    sp: float
    hd: float
    hd95: float
    asd: float
    cldice: float
    area: float
    truth_area: float
    distance_unit: Literal["mm", "px"]
    diagonal: float
    seconds: float


@dataclass(frozen=True)
class CellRow:
    """One trained model: `fold` counts from 1, `best_epoch` (the one kept) too."""

    model: str
    fold: int
    train_images: int
    validation_images: int
    test_images: int
    epochs: int
    best_epoch: int
    val_dice: float
    train_seconds: float
    test_seconds: float
    peak_memory_mb: float
    threads: int


@dataclass(frozen=True)
class CurveRow:
    """One epoch, counted from 1, of one cell."""

    model: str
    fold: int
    epoch: int
    train_loss: float
    val_loss: float
    val_dice: float
    seconds: float


@dataclass(frozen=True)
class ModelFacts:
    """One row of the comparison: `label` is its name in tables, `backbone` what it really has.

    `weights` says where training began: `ImageNet`, `none` or a file's name. `gflops` counts a
    forward pass on one image of the benchmark's size, a multiplication and an addition as two.
    """

    name: str
    label: str
    backbone: str
    weights: str
    parameters: int
    gflops: float


@dataclass(frozen=True)
class Facts:
    """How a benchmark was made. `config` is the text of its TOML file.

    `settings` are those of `data`, `loss`, `augmentation` and `training` with their defaults.

    `spacing_source` is `manifest` or `config`, or None where distances are in pixels.
    """

    name: str
    version: str
    git_commit: str | None
    seed: int
    scheme: Literal["paper", "rotate"]
    folds: int
    unit_kind: str
    size: int
    spacing_source: str | None
    split_sha256: str
    data_sha256: dict[str, str]
    hardware: dict[str, str]
    config: str
    settings: dict[str, dict[str, Any]]
    models: tuple[ModelFacts, ...]


@dataclass(frozen=True)
class Stored:
    """A benchmark as far as it has come. `samples` are the images by name, where they are known."""

    folder: Path
    facts: Facts
    images: tuple[ImageRow, ...]
    cells: tuple[CellRow, ...]
    curves: tuple[CurveRow, ...]
    samples: Mapping[str, Sample] | None = None

    def mask_path(self, model: str, fold: int, image: str) -> Path:
        """Return where the predicted mask of an image is, 0 and 255, of the image's own size."""
        return mask_path(cell_folder(self.folder, model, fold), image)


def cell_folder(folder: Path, model: str, fold: int) -> Path:
    """Return the folder of one cell of the benchmark in `folder`."""
    return folder / "cells" / model / f"fold{fold}"


def mask_path(cell: Path, image: str) -> Path:
    """Return where the cell keeps its mask of the image of that name."""
    return cell / "masks" / f"{image}.png"


def read_stored(folder: Path, samples: Mapping[str, Sample] | None = None) -> Stored:
    """Return the benchmark in `folder`. Raises `DataError` where there is none or it is damaged."""
    return Stored(
        folder,
        read_facts(folder / FACTS),
        tuple(read_rows(folder / IMAGES, ImageRow)),
        tuple(read_rows(folder / CELLS, CellRow)),
        tuple(read_rows(folder / CURVES, CurveRow)),
        samples,
    )


def read_facts(path: Path) -> Facts:
    """Return the facts in `path`. Raises `DataError` where they are missing or incomplete."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        models = tuple(ModelFacts(**model) for model in values.pop("models"))
        return Facts(**values, models=models)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a benchmark's facts: {error}") from error


def write_facts(path: Path, facts: Facts) -> None:
    """Write the facts, whole or not at all."""
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")


def write_rows(path: Path, rows: Iterable[Row], kind: type[Row]) -> None:
    """Write the rows as CSV with a column a field, whole or not at all; None is an empty text."""
    with write_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        names = [field.name for field in fields(kind)]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Return the rows of a file that `write_rows` made. Raises `DataError`, naming the line."""
    types = get_type_hints(kind)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            return [_parse(row, kind, types, f"{path}, line {reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _parse(row: dict[str, Any], kind: type[Row], types: dict[str, Any], place: str) -> Row:
    if row.keys() != types.keys():
        raise DataError(f"{place}: its columns must be {', '.join(types)}")
    try:
        values = {name: _value(row[name], types[name]) for name in types}
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: {error}") from error
    return kind(**values)


def _value(text: str, kind: Any) -> Any:
    if kind in (int, float):
        return kind(text)
    return text or None
