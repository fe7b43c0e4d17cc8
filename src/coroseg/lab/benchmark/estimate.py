"""How long a benchmark will take and how much memory, from one measured step a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from rich.table import Table

from coroseg.datasets.splits import Split
from coroseg.lab.benchmark.config import Benchmark
from coroseg.lab.config import ModelName
from coroseg.lab.measure import Measured, measure
from coroseg.report.stored import LABELS


@dataclass(frozen=True)
class Estimate:
    """What one model will cost: `seconds` for all its folds, its largest memory in MB."""

    model: str
    measured: Measured
    seconds: float


def estimate(benchmark: Benchmark, split: Split, name: ModelName) -> Estimate:
    """Measure a step and a forward pass of the model, each in a process of its own; add them up.

    Every epoch is counted: early stopping can make it shorter. Scoring is not counted.
    """
    data, epochs = benchmark.data, benchmark.training.epochs
    measured = measure(
        benchmark.settings_of(name), data.size, data.batch, benchmark.training.threads
    )
    seconds = 0.0
    for fold in split.folds:
        steps = max(len(fold.train) // data.batch, 1)
        validated = math.ceil(len(fold.validation) / data.batch) * data.batch
        forwards = epochs * validated + len(fold.test)
        seconds += epochs * steps * measured.step_seconds + forwards * measured.forward_seconds
    return Estimate(name, measured, seconds)


def estimate_table(estimates: list[Estimate], benchmark: Benchmark) -> Table:
    """Return the grid's models with their parameters, time and memory, and the sum below."""
    folds = benchmark.split.folds
    total = sum(row.seconds for row in estimates)
    table = Table(
        caption=f"{len(estimates)} models x {folds} folds = {len(estimates) * folds} cells, "
        f"about {_duration(total)} one after another on this machine"
    )
    table.add_column("model")
    for heading in ("param. (M)", "step (s)", "memory (MB)", "a cell", "all folds"):
        table.add_column(heading, justify="right")
    for row in estimates:
        measured = row.measured
        table.add_row(
            LABELS[row.model],
            f"{measured.parameters / 1e6:.2f}",
            f"{measured.step_seconds:.2f}",
            f"{measured.step_peak_mb:.0f}",
            _duration(row.seconds / folds),
            _duration(row.seconds),
        )
    return table


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
