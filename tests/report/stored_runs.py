"""A benchmark as it is stored, with drawn scores instead of training."""

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, nan
from pathlib import Path
from typing import Any, Literal

import numpy as np

from coroseg.report.stored import (
    LABELS,
    CellRow,
    CurveRow,
    Facts,
    ImageRow,
    ModelFacts,
    Stored,
)

ROWS, COLUMNS = 96, 128
SPACING_MM = (0.3, 0.2)
EPOCHS = 4


def make_stored(
    folder: Path = Path("benchmark"),
    *,
    models: Sequence[str] = tuple(LABELS),
    folds: int = 3,
    units: int = 6,
    images_per_unit: int = 2,
    scheme: Literal["paper", "rotate"] = "rotate",
    unit_kind: Literal["patient", "group", "image"] = "patient",
    distance_unit: Literal["mm", "px"] = "mm",
    seed: int = 0,
) -> Stored:
    """Return a finished benchmark of `units * images_per_unit` test images, 96 x 128 pixels.

    The images are called `unit0_view0` and so on. With `rotate` a fold tests every `folds`-th unit,
    with `paper` every fold tests all. A later model of `LABELS` is a little better. No file is
    written; `samples` is None.
    """
    random = np.random.default_rng(seed)
    images = [
        (f"unit{u}_view{v}", f"unit{u}", u, v) for u in range(units) for v in range(images_per_unit)
    ]
    hardness = dict(zip(images, random.uniform(0, 0.2, len(images)), strict=True))
    rows, cells, curves = [], [], []
    for model in models:
        skill = 0.7 + 0.02 * list(LABELS).index(model)
        for fold in range(1, folds + 1):
            tested = [i for i in images if scheme == "paper" or i[2] % folds == fold - 1]
            for image in tested:
                dsc = float(np.clip(skill - hardness[image] + random.normal(0, 0.02), 0, 1))
                rows.append(_image_row(model, fold, image, dsc, unit_kind, distance_unit))
            cells.append(
                CellRow(model, fold, 8, 2, len(tested), EPOCHS, 3, skill, 60.0, 2.0, 900.0, 2)
            )
            curves += [
                CurveRow(model, fold, e, 1 / e, 1.1 / e, skill * (1 - 0.5**e), 15.0)
                for e in range(1, EPOCHS + 1)
            ]
    facts = Facts(
        name="tiny",
        version="0.1.0",
        git_commit="0" * 40,
        seed=seed,
        scheme=scheme,
        folds=folds,
        unit_kind=unit_kind,
        size=128,
        spacing_source="manifest" if distance_unit == "mm" else None,
        split_sha256="a" * 64,
        data_sha256={"manifest.csv": "b" * 64},
        hardware={"processor": "a processor", "threads": "2"},
        config='name = "tiny"\n',
        settings={
            "data": {"size": 128, "batch": 6},
            "loss": {"focal_gamma": 0.0},
            "augmentation": {"rotate_deg": 12.5, "erase": 0.0},
            "training": {
                "epochs": 40,
                "optimizer": "rmsprop",
                "learning_rate": 1e-4,
                "decay": "weight",
                "decay_rate": 1e-4,
                "schedule": "one_cycle",
            },
        },
        models=tuple(
            ModelFacts(m, LABELS[m], "EfficientNet-Lite0", "ImageNet", 3_900_000 + i, 10.5 + i)
            for i, m in enumerate(models)
        ),
    )
    return Stored(folder, facts, tuple(rows), tuple(cells), tuple(curves))


def changed(stored: Stored, model: str, image: str, **values: Any) -> Stored:
    """Return the benchmark with other scores of one image by one model, in every fold."""
    rows = tuple(
        replace(row, **values) if (row.model, row.image) == (model, image) else row
        for row in stored.images
    )
    return replace(stored, images=rows)


def missed(stored: Stored, model: str, image: str) -> Stored:
    """Return the benchmark with an empty mask of one image by one model."""
    nothing = dict.fromkeys(("dsc", "sn", "cldice", "area"), 0.0)
    distances = dict.fromkeys(("hd", "hd95", "asd"), nan)
    return changed(stored, model, image, sp=1.0, **nothing, **distances)


def without(stored: Stored, model: str, *folds: int) -> Stored:
    """Return the benchmark before these folds of the model were finished."""

    def kept(row: ImageRow | CellRow | CurveRow) -> bool:
        return row.model != model or row.fold not in folds

    return replace(
        stored,
        images=tuple(filter(kept, stored.images)),
        cells=tuple(filter(kept, stored.cells)),
        curves=tuple(filter(kept, stored.curves)),
    )


def _image_row(
    model: str, fold: int, image: tuple[str, str, int, int], dsc: float, *units: Any
) -> ImageRow:
    unit_kind, distance_unit = units
    name, owner, u, v = image
    height, width = SPACING_MM if distance_unit == "mm" else (1.0, 1.0)
    return ImageRow(
        model=model,
        fold=fold,
        image=name,
        unit_kind=unit_kind,
        unit=name if unit_kind == "image" else owner,
        artery=("LCA", "RCA")[u % 2],
        projection=("LAO", "RAO")[v % 2],
        dsc=dsc,
        sn=dsc - 0.02,
        sp=0.99 + dsc / 200,
        hd=(30 - 20 * dsc) * width,
        hd95=(20 - 15 * dsc) * width,
        asd=(5 - 4 * dsc) * width,
        cldice=dsc + 0.01,
        area=500 * height * width,
        truth_area=520 * height * width,
        distance_unit=distance_unit,
        diagonal=hypot(ROWS * height, COLUMNS * width),
        seconds=0.05,
    )
