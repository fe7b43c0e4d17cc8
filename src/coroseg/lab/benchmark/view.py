"""The live table of a benchmark: what every cell is doing, and how long the rest will take."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from datetime import timedelta

from rich.table import Table

from coroseg.lab.benchmark.grid import TRAINING, Cell, Grid
from coroseg.lab.benchmark.run import Progress
from coroseg.lab.train import CURVES
from coroseg.report.stored import CELLS, LABELS, CellRow, read_rows


def table(grid: Grid, progress: Progress) -> Table:
    """Return a row a model and a column a fold; each cell its validation Dice or its epoch."""
    finished = {cell: row for cell in grid.cells if (row := _row(cell))}
    left = remaining_seconds(grid, progress, finished)
    shown = Table(
        caption=f"{len(finished)} of {len(grid.cells)} cells done"
        + ("" if not left else f", about {timedelta(seconds=round(left))} to go")
    )
    shown.add_column("model")
    folds = sorted({cell.fold for cell in grid.cells})
    for fold in folds:
        shown.add_column(f"fold {fold}", justify="right")
    for name in grid.benchmark.models:
        cells = [cell for cell in grid.cells if cell.model == name]
        shown.add_row(LABELS[name], *(_state(cell, progress, finished.get(cell)) for cell in cells))
    return shown


def remaining_seconds(
    grid: Grid, progress: Progress, finished: Mapping[Cell, CellRow]
) -> float | None:
    """Return the time that the unfinished cells will take one after another; None where unknown.

    A cell takes as long as those of its model have taken on average, and where none is finished, as
    long as its own epochs suggest or, at last, as long as the cells of the other models.
    """
    known: dict[str, list[float]] = {}
    for cell, row in finished.items():
        known.setdefault(cell.model, []).append(row.train_seconds + row.test_seconds)
    spent: dict[Cell, float] = {}
    for cell in progress.running:
        seconds = _epoch_seconds(cell)
        spent[cell] = sum(seconds)
        if seconds and cell.model not in known:
            epochs = grid.benchmark.training.epochs
            known[cell.model] = [epochs * sum(seconds) / len(seconds)]
    if not known:
        return None
    means = {name: sum(values) / len(values) for name, values in known.items()}
    typical = sum(means.values()) / len(means)
    left = [
        max(means.get(cell.model, typical) - spent.get(cell, 0.0), 0.0)
        for cell in grid.unfinished
        if cell not in progress.failed
    ]
    return sum(left) / max(len(progress.running), 1)


def _state(cell: Cell, progress: Progress, row: CellRow | None) -> str:
    if row:
        return f"[green]{row.val_dice:.4f}[/]"
    if cell in progress.failed:
        return "[red]failed[/]"
    done = len(_epoch_seconds(cell))
    if cell in progress.running:
        minutes = (time.monotonic() - progress.running[cell]) / 60
        return f"epoch {done + 1} ({minutes:.0f} min)"
    return f"{done} epochs" if done else "[dim]waiting[/]"


def _row(cell: Cell) -> CellRow | None:
    return read_rows(cell.folder / CELLS, CellRow)[0] if cell.finished else None


def _epoch_seconds(cell: Cell) -> list[float]:
    path = cell.folder / TRAINING / CURVES
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        # A row is there from the validation on, its time comes with the epoch's end.
        return [float(s) for row in csv.DictReader(file) if (s := row.get("epoch_seconds"))]
