"""How the command line speaks: exit statuses, and lines on the standard error stream."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from coroseg.segmentation.predictor import Predictor

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit statuses: something failed or is wrong; wrong usage; Ctrl-C."""

console = Console(stderr=True, highlight=False)


def say(message: str) -> None:
    """Print one line to the standard error stream, as it is."""
    console.print(message, markup=False, soft_wrap=True)


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
