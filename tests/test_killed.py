"""Killed at any moment, twenty times, and run again: nothing lost, doubled or half-written."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from command_line import PROGRAM
from coroseg.summary_table import read_csv
from test_workers import files_of, is_running, workers_of
from tiny_sources import write_png, write_run

IMAGES, BAD, KILLS = 600, 20, 20
SEED = 8

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of images, runs and empty files, in sub-folders."""
    folder = tmp_path_factory.mktemp("archive") / "in"
    for number in range(IMAGES):
        below = folder / f"{number % 7}"
        if number % (IMAGES // BAD) == 0:
            below.mkdir(parents=True, exist_ok=True)
            (below / f"{number}.png").touch()
        elif number % 20 == 3:
            write_run(below / f"{number}.dcm", (0, 30 + number % 40, 20))
        else:
            write_png(below / f"{number}.png", 20 + number % 60)
    return folder


def begun(folder: Path, out: Path, model: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "segment", folder, "--out", out, "--model", model],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count_results(out: Path) -> int:
    """Return how many folders have a record; those that come and go meanwhile do no harm."""
    return sum("result.json" in files for _, _, files in os.walk(out))


def rows_of(out: Path) -> list[dict[str, str]]:
    """Return the rows of a summary, less how long each took."""
    timing = {"seconds", "measure_seconds"}
    rows = read_csv(out / "summary.csv")
    return [{name: row[name] for name in row.keys() - timing} for row in rows]


def test_killed_twenty_times(folder: Path, model: Path, tmp_path: Path) -> None:
    with begun(folder, tmp_path / "whole", model) as whole:
        said = whole.communicate(timeout=600)[0]
    assert said.startswith(f"{IMAGES - BAD} ok, {BAD} failed")
    out, moments = tmp_path / "out", random.Random(SEED)  # noqa: S311
    results = 0
    for kill in range(KILLS):
        with begun(folder, out, model) as process:
            until = time.monotonic() + 120
            while not (workers := workers_of(process.pid)):
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            # Every fourth as it begins, the others some results later, at any point of the next.
            wanted = results + (moments.randint(1, 40) if kill % 4 else 0)
            while count_results(out) < wanted and process.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            process.wait()
        while any(is_running(worker) for worker in workers):
            assert time.monotonic() < until, "a worker has outlived the process that began it"
            time.sleep(0.01)
        rows = read_csv(out / "summary.csv") if (out / "summary.csv").exists() else []
        assert len({row["name"] for row in rows}) == len(rows)
        assert count_results(out) >= results, "a kill has lost what was finished"
        results = count_results(out)
    assert 0 < results < IMAGES - BAD
    with begun(folder, out, model) as process:
        shown = process.communicate(timeout=600)[0]
    assert shown.startswith(f"{IMAGES - BAD} ok")
    assert files_of(out) == files_of(tmp_path / "whole")
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    assert rows_of(out) == rows_of(tmp_path / "whole")
