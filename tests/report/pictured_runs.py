"""A stored benchmark with images and masks on the disk."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from stored_runs import COLUMNS, ROWS, make_stored

from coroseg.datasets.manifest import Sample
from coroseg.report.stored import Stored

MODELS = ("cgnet", "unet", "unet3plus")


def picture(stored: Stored) -> Stored:
    """Return the benchmark with drawn images: dark vessels, masks a few pixels beside them."""
    samples = {}
    for number, name in enumerate(sorted({row.image for row in stored.images})):
        truth = vessel(number)
        image = (170 - 90 * truth + 40 * np.linspace(0, 1, COLUMNS)).astype(np.uint8)
        folder = stored.folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        samples[name] = Sample(folder / f"{name}.png", folder / f"{name}_mask.png")
        cv2.imwrite(str(samples[name].image), image)
        cv2.imwrite(str(samples[name].mask), truth.astype(np.uint8) * 255)
        for row in (row for row in stored.images if row.image == name):
            path = stored.mask_path(row.model, row.fold, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), predicted(truth, row.model).astype(np.uint8) * 255)
    return replace(stored, samples=samples)


def vessel(number: int) -> NDArray[np.bool_]:
    """Return a curved vessel, another for each number."""
    canvas = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    x = np.arange(10, COLUMNS - 20)
    y = ROWS / 2 + 25 * np.sin(x / 20 + number)
    points = np.column_stack([x, y]).round().astype(np.int32)
    return cv2.polylines(canvas, [points], isClosed=False, color=1, thickness=5).astype(bool)


def predicted(truth: NDArray[np.bool_], model: str) -> NDArray[np.bool_]:
    """Return the truth moved to the right, the later the model is the less."""
    return np.roll(truth, 3 - MODELS.index(model), axis=1)


def make_pictured(folder: Path, units: int = 6, images_per_unit: int = 2) -> Stored:
    stored = make_stored(
        folder, models=MODELS, folds=2, units=units, images_per_unit=images_per_unit
    )
    return picture(stored)
