"""Running the cells on several machines: each is a Ray task, its files on a path they share."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from coroseg.cluster import connected, ended_tasks, why_failed
from coroseg.errors import ConfigError
from coroseg.lab.benchmark.grid import LOG, Cell, Grid
from coroseg.lab.benchmark.run import Progress

RETRIES = 5
"""How often a cell is begun again, from its last checkpoint, after its worker has died."""

_log = logging.getLogger(__name__)


def run_on_ray(grid: Grid, address: str, *, step: Callable[[Progress], None]) -> Progress:
    """Run every unfinished cell on the Ray cluster at `address`; `step` as for `run`.

    A cell has `training.threads` CPUs (one where that is 0), and one GPU where the cluster has any.
    A cell whose worker dies is retried from its checkpoint. Raises `ConfigError` for settings that
    a task cannot have, `CorosegError` where the cluster is out of reach.
    """
    training = grid.benchmark.training
    if training.devices > 1:
        raise ConfigError(f"training.devices = {training.devices}: on Ray a cell has one device")
    progress = Progress()
    with connected(address, "a benchmark on several machines") as ray:
        on_gpu = training.accelerator != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1
        # max_calls: a process a cell, so that its memory is its own.
        task = ray.remote(
            num_cpus=training.threads or 1,
            num_gpus=1 if on_gpu else 0,
            max_retries=RETRIES,
            max_calls=1,
        )(_run_cell)
        said = {cell: _log_size(cell) for cell in grid.unfinished}
        cells = list(said)
        tasks = ended_tasks(
            ray, lambda cell: task.remote(str(cell.folder)), cells, ahead=len(cells)
        )
        for ended in tasks:
            for cell, future in ended:
                del said[cell]
                progress.running.pop(cell, None)
                if reason := _failure(future, cell):
                    progress.failed[cell] = reason
                    _log.error("%s: failed: %s", cell.name, reason)
            for cell, size in said.items():
                if _log_size(cell) > size:  # until then it waits for a free machine
                    progress.running.setdefault(cell, time.monotonic())
            step(progress)
    return progress


def _run_cell(folder: str) -> None:
    from coroseg.lab.benchmark.cell import log_progress, run_cell

    log_progress(Path(folder) / LOG)
    _log.info("on %s, process %d", socket.gethostname(), os.getpid())
    run_cell(Path(folder))


def _log_size(cell: Cell) -> int:
    path = cell.folder / LOG
    return path.stat().st_size if path.exists() else 0


def _failure(future: Any, cell: Cell) -> str | None:
    """Return why a task that has ended failed, in one line; None where its cell is finished."""
    import ray

    try:
        ray.get(future)
    except ray.exceptions.RayError as error:
        with (cell.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"{error}\n")
        return f"{why_failed(error)} ({cell.folder / LOG})"
    return None if cell.finished else f"{cell.folder} cannot be seen from here: share its path"
