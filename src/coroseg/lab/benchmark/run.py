"""Running the cells on this machine: one at a time, or one a GPU, each in a process of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

from coroseg.io.files import explained
from coroseg.lab.benchmark.grid import LOG, Cell, Grid

POLL_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """Which cells are being run, since when (seconds of a monotonic clock), and what went wrong."""

    running: dict[Cell, float] = field(default_factory=dict)
    failed: dict[Cell, str] = field(default_factory=dict)


def run(grid: Grid, *, step: Callable[[Progress], None]) -> Progress:
    """Run every unfinished cell; `step` is called about twice a second and after every cell.

    A cell that fails is kept with its reason, and the others go on. When this is interrupted, so
    are the cells; they go on from their last epoch when they are run again.
    """
    progress = Progress()
    waiting = list(grid.unfinished)
    free = _devices(grid)
    processes: dict[Cell, tuple[subprocess.Popen[bytes], str | None]] = {}
    with _ended(processes):
        while waiting or processes:
            while waiting and free:
                cell, device = waiting.pop(0), free.pop(0)
                processes[cell] = _start(cell, device), device
                progress.running[cell] = time.monotonic()
            for cell in [c for c, (process, _) in processes.items() if process.poll() is not None]:
                process, device = processes.pop(cell)
                free.append(device)
                del progress.running[cell]
                if process.returncode or not cell.finished:
                    progress.failed[cell] = _reason(cell, process.returncode)
                    _log.error("%s: failed: %s", cell.name, progress.failed[cell])
            step(progress)
            if processes:
                time.sleep(POLL_SECONDS)
    return progress


def _devices(grid: Grid) -> list[str | None]:
    """Return the values of CUDA_VISIBLE_DEVICES for cells side by side; None leaves it alone."""
    training = grid.benchmark.training
    count = torch.cuda.device_count() if training.accelerator != "cpu" else 0
    slots = count // training.devices
    if slots < 1:
        return [None]
    first = range(0, slots * training.devices, training.devices)
    return [",".join(str(k + i) for i in range(training.devices)) for k in first]


def _start(cell: Cell, device: str | None) -> subprocess.Popen[bytes]:
    environment = os.environ | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})
    path = cell.folder / LOG
    with explained(path), path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "coroseg.lab.benchmark.cell", str(cell.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


@contextmanager
def _ended(processes: dict[Cell, tuple[subprocess.Popen[bytes], str | None]]) -> Iterator[None]:
    """Return a context that leaves no process behind, whatever ends it."""
    try:
        yield
    finally:
        for process, _ in processes.values():
            process.terminate()
        for process, _ in processes.values():
            process.wait()


def _reason(cell: Cell, status: int) -> str:
    """Return the last line that the cell said before it ended."""
    lines = (cell.folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    last = said[-1] if said else "it said nothing"
    return f"{last} (exit status {status}; {cell.folder / LOG})"
