"""One cell of a benchmark, in a process of its own: train, keep the best epoch, test, store.

It can be killed at any moment: run again, it goes on after its last whole epoch.
"""

from __future__ import annotations

import csv
import fcntl
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import hypot
from pathlib import Path

import cv2
import torch

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.datasets.names import name_samples
from coroseg.datasets.splits import PARTS
from coroseg.errors import CorosegError
from coroseg.io.files import write_whole
from coroseg.io.masks import read_mask
from coroseg.lab.benchmark.grid import TRAINING, Cell
from coroseg.lab.checkpoint import network_weights, read_checkpoint
from coroseg.lab.data import fit_square
from coroseg.lab.measure import peak_memory_mb
from coroseg.lab.models.network import Network, build_model
from coroseg.lab.module import resize_back
from coroseg.lab.train import BEST, CURVES, LAST, is_helper, train
from coroseg.metrics import evaluate
from coroseg.report.stored import CELLS, CellRow, CurveRow, ImageRow, mask_path, write_rows
from coroseg.segmentation.binarize import otsu_threshold

TRAINED = "trained"


def run_cell(folder: Path) -> None:
    """Do what is left of the cell in `folder`.

    Two processes never work on one cell: the second waits for the first. Only the helpers that
    training on several devices starts work beside it, under its lock.
    """
    if is_helper():
        train(Cell.read(folder).config, folder / TRAINING, resume=True)
        return
    with _alone(folder):
        cell = Cell.read(folder)
        if cell.finished:
            return
        started = time.perf_counter()
        training = folder / TRAINING
        if not (training / TRAINED).exists():
            train(cell.config, training, resume=True)
        (training / TRAINED).touch()
        tested_from = time.perf_counter()
        samples = read_manifest(cell.manifest)
        rows = list(_test(cell, samples))
        curves = _curves(cell)
        best = max(curves, key=lambda row: row.val_dice)
        counts = {part: sum(s.split == part for s in samples) for part in PARTS}
        write_rows(cell.images_csv, rows, ImageRow)
        write_rows(cell.curves_csv, curves, CurveRow)
        row = CellRow(
            model=cell.model,
            fold=cell.fold,
            train_images=counts["train"],
            validation_images=counts["validation"],
            test_images=counts["test"],
            epochs=len(curves),
            best_epoch=best.epoch,
            val_dice=best.val_dice,
            train_seconds=sum(row.seconds for row in curves),
            test_seconds=time.perf_counter() - tested_from,
            peak_memory_mb=peak_memory_mb(),
            threads=torch.get_num_threads(),
        )
        write_rows(folder / CELLS, [row], CellRow)
        (training / LAST).unlink(missing_ok=True)  # only a resumed training would need it
        logging.getLogger(__name__).info("done in %.0f s", time.perf_counter() - started)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@torch.inference_mode()
def _test(cell: Cell, samples: list[Sample]) -> Iterator[ImageRow]:
    """Yield the scores of every test image; its mask is written."""
    network, device = _best_network(cell)
    for name, sample in name_samples(samples).items():
        if sample.split != "test":
            continue
        image, truth = read_image(sample.image), read_mask(sample.mask)
        size = cell.config.data.size
        square = torch.from_numpy(fit_square(image, size))[None, None].to(device)
        started = time.perf_counter()
        map_ = torch.sigmoid(network(square))[0, 0].cpu().numpy()
        seconds = time.perf_counter() - started
        probability = resize_back(map_, truth.shape)
        mask = probability > otsu_threshold(probability)
        with write_whole(mask_path(cell.folder, name)) as temporary:
            cv2.imwrite(str(temporary), mask.astype("uint8") * 255)
        spacing = _spacing(cell, sample)
        scores = evaluate(mask, truth, spacing_mm=spacing).to_dict()
        kind, unit = sample.unit[1], "/".join(filter(None, sample.unit))
        yield ImageRow(
            model=cell.model,
            fold=cell.fold,
            image=name,
            unit_kind=kind,
            unit=name if kind == "image" else unit,
            artery=sample.artery,
            projection=sample.projection,
            distance_unit=scores.pop("unit"),
            **scores,
            diagonal=hypot(*(n * s for n, s in zip(truth.shape, spacing or (1, 1), strict=True))),
            seconds=seconds,
        )


def _best_network(cell: Cell) -> tuple[Network, torch.device]:
    """Return the network of the best epoch, its first, slower call done."""
    config = cell.config
    network = build_model(**config.model.model_dump(), pretrained=False)
    checkpoint = read_checkpoint(cell.folder / TRAINING / BEST)
    network.load_state_dict(network_weights(checkpoint))
    on_gpu = torch.cuda.is_available() and config.training.accelerator != "cpu"
    device = torch.device("cuda" if on_gpu else "cpu")
    network = network.eval().to(device)
    network(torch.zeros(1, 1, config.data.size, config.data.size, device=device))
    return network, device


def _spacing(cell: Cell, sample: Sample) -> tuple[float, float] | None:
    if not cell.in_mm:
        return None
    if cell.spacing_mm is not None:
        return cell.spacing_mm, cell.spacing_mm
    if sample.spacing_row_mm is None or sample.spacing_column_mm is None:
        raise CorosegError(f"{sample.image}: has no spacing in {cell.manifest}")
    return sample.spacing_row_mm, sample.spacing_column_mm


def _curves(cell: Cell) -> list[CurveRow]:
    with (cell.folder / TRAINING / CURVES).open(encoding="utf-8", newline="") as file:
        return [
            CurveRow(
                model=cell.model,
                fold=cell.fold,
                epoch=int(row["epoch"]) + 1,
                train_loss=float(row["train_loss"]),
                val_loss=float(row["val_loss"]),
                val_dice=float(row["val_dice"]),
                seconds=float(row["epoch_seconds"]),
            )
            for row in csv.DictReader(file)
        ]


def log_progress(path: Path | None = None) -> None:
    """Make this process log what it does: to the standard error stream, or at the end of `path`."""
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def main() -> None:
    """Run the cell whose folder is the first argument; the last line of an error says it all."""
    log_progress()
    try:
        run_cell(Path(sys.argv[1]))
    except CorosegError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
