"""How the command line speaks: exit statuses, and lines on the standard error stream."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from coroseg.segmentation.predictor import Predictor

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit statuses: something failed or is wrong; wrong usage; Ctrl-C."""

EVERY_S = 600.0
"""Where nobody watches, a line says so often how far long work is."""

RATE_OVER_S = 600.0
"""The rate is that of so many seconds before: pieces may be slow, or done already."""

console = Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """Print one line to the standard error stream, as it is."""
    console.print(message, markup=False, soft_wrap=True)


@contextmanager
def counted(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Return what to call after each of `total` pieces of work: it shows how many are done.

    On a terminal that is a bar with the rate and the time that remains; else a line now and then.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), Remaining()),
    )
    hidden = not console.is_terminal
    progress = Progress(
        *columns, console=console, transient=True, disable=hidden, speed_estimate_period=RATE_OVER_S
    )
    with progress:
        number = progress.add_task(what, total=total, rate="")
        (task,) = progress.tasks
        said = time.monotonic()

        def step() -> None:
            nonlocal said
            progress.advance(number)
            rate = f"{task.speed:.1f} a second" if task.speed else ""
            progress.update(number, rate=rate)
            if hidden and rate and time.monotonic() - said >= EVERY_S:
                said, left = time.monotonic(), timedelta(seconds=task.time_remaining or 0)
                say(f"{task.completed:.0f} of {total} {what}, {rate}, {left} left")

        yield step


class UsageError(Exception):
    """A combination of options that means nothing."""


def open_model(model: str, threads: int | None) -> "Predictor":
    """Return a predictor of the model: a path for what looks like one, else a packaged name.

    Raises `UsageError` for fewer than one thread.
    """
    from coroseg.segmentation.predictor import Predictor

    if threads is not None and threads < 1:
        raise UsageError(f"--threads {threads}: at least 1")
    is_path = model.endswith(".onnx") or "/" in model
    return Predictor(Path(model) if is_path else model, threads=threads)
