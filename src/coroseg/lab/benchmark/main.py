"""The path of `coroseg benchmark`: grid, cells, rows, tables and figures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.live import Live
from rich.progress import track
from rich.table import Table

from coroseg.datasets.names import name_samples
from coroseg.errors import DataError
from coroseg.lab.benchmark.cluster import run_on_ray
from coroseg.lab.benchmark.collect import collect, store_facts
from coroseg.lab.benchmark.config import Benchmark
from coroseg.lab.benchmark.estimate import estimate, estimate_table
from coroseg.lab.benchmark.grid import new_split, prepare, read_manifests
from coroseg.lab.benchmark.run import Progress, run
from coroseg.lab.benchmark.view import table
from coroseg.lab.drawing import describe_unet3plus
from coroseg.lab.models.network import build_model
from coroseg.lab.models.unet3plus import UNet3Plus
from coroseg.report.build import build_report
from coroseg.report.figures.network_drawing import NetworkDrawing
from coroseg.report.stored import LABELS, read_stored

_log = logging.getLogger(__name__)


def run_benchmark(
    benchmark: Benchmark, config: Path, out: Path, console: Console, *, ray: str | None = None
) -> list[str]:
    """Run what is left of the grid in `out`, then write its tables, figures and report.

    `config` is the file of `benchmark`. Returns what failed, a line a cell.
    """
    grid = prepare(benchmark, out)
    store_facts(grid, config)
    finished = collect(grid)
    with Live(console=console, refresh_per_second=2, transient=True) as live:

        def step(progress: Progress) -> None:
            nonlocal finished
            if sum(cell.finished for cell in grid.cells) > finished:
                finished = collect(grid)
                _log.info("%d of %d cells done", finished, len(grid.cells))
            if console.is_terminal:
                live.update(table(grid, progress))

        progress = run_on_ray(grid, ray, step=step) if ray else run(grid, step=step)
    console.print(table(grid, progress))
    if finished:
        rebuild(benchmark, out)
    return [f"{cell.name}: {reason}" for cell, reason in progress.failed.items()]


def rebuild(benchmark: Benchmark, out: Path) -> list[Path]:
    """Write all tables, figures and the report from what is stored in `out`; return the files.

    Without the images of the manifests the pictures of angiograms are left out.
    """
    try:
        samples = name_samples(read_manifests(benchmark))
    except DataError as error:
        _log.warning("no pictures of angiograms: %s", error)
        samples = None
    return build_report(read_stored(out, samples), _drawing(benchmark))


def _drawing(benchmark: Benchmark) -> NetworkDrawing | None:
    """Return what the grid's U-Net 3+ is made of; None where it has none."""
    for name in benchmark.models:
        if name.startswith("unet3plus"):
            network = build_model(**benchmark.settings_of(name).model_dump(), pretrained=False)
            return describe_unet3plus(cast("UNet3Plus", network.core), LABELS[name])
    return None


def dry_run(benchmark: Benchmark, console: Console) -> Table:
    """Return the grid with an estimate of its time and memory; nothing is written."""
    split = new_split(benchmark, read_manifests(benchmark))
    shown = track(benchmark.models, "measuring", console=console, transient=True)
    return estimate_table([estimate(benchmark, split, name) for name in shown], benchmark)
