"""What the tests of the command line share."""

import json
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from coroseg.io.sources import Source
from coroseg.pipeline import Job
from coroseg.remote import do_anywhere
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome
from coroseg.workers import Limits

# A shell's background job, such as these tests may be of, hands down that Ctrl-C is ignored.
_HEARS_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
PROGRAM = [sys.executable, "-c", _HEARS_CTRL_C + "from coroseg.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


def in_turn(
    sources: Sequence[Source], job: Job, predictor: Predictor, workers: int, limits: Limits
) -> Generator[Outcome, None, None]:
    """Do what `in_workers` does, in this process, where tests can reach it."""
    assert 1 <= workers <= len(sources)
    assert limits.seconds
    yield from (do_anywhere(source, job, predictor) for source in sources)


Command = Callable[..., Ended]


def record_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def folders_in(out: Path) -> set[str]:
    return {path.parent.relative_to(out).as_posix() for path in out.rglob("result.json")}
