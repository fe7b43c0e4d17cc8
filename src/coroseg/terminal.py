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
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(what, total=total, rate="")
        started = said = time.monotonic()
        done = 0

        def step() -> None:
            nonlocal done, said
            done, now = done + 1, time.monotonic()
            rate = done / max(now - started, 1e-9)
            progress.update(task, advance=1, rate=f"{rate:.1f} a second")
            if hidden and now - said >= EVERY_S:
                said, left = now, timedelta(seconds=round((total - done) / rate))
                say(f"{done} of {total} {what}, {rate:.1f} a second, {left} left")

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
