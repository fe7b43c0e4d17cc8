"""Does memory grow with an archive? `coroseg segment` on thousands of small sources, watched.

    python benchmarks/archive.py [--count 10000] [--refused 0.1] [--threads 2]

Simulated 128 x 128 frames, nine PNG files to one DICOM file, no two the same; the share `refused`
of them is cut in half, and fails as it is read. The command does them all, and then is called once
more, as after an interruption. Meanwhile the memory (resident set) of its process and of its
workers is read. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydicom import dcmread

from coroseg.simulation.files import write_run
from coroseg.simulation.run import draw_simulation

SIDE, FRAMES = 128, range(8, 16)
FOLDER = 100  # sources
EVERY = 1.0  # seconds
ROWS = 12


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment: sources done, and MB of the command and of each worker."""

    seconds: float
    done: int
    command: float
    workers: tuple[float, ...]


def main() -> None:
    """Print memory against sources done, of the command and of the same command again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--refused", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        archive, out = Path(temporary) / "archive", Path(temporary) / "out"
        _write(archive, options.count, options.refused)
        for title in ("the first time", "again"):
            summary = Path(temporary) / f"{title}.csv"
            paths = [archive, "--out", out, "--summary", summary]
            samples = list(_watched([*map(str, paths), "--threads", str(options.threads)], summary))
            print(f"\n{title}: {samples[-1].done / samples[-1].seconds:.1f} sources a second\n")
            _print(samples)
    print(f"\n{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}")


def _write(folder: Path, count: int, refused: float) -> None:
    simulation = draw_simulation(3, frames=FRAMES.stop, size=SIDE)
    frames = list(simulation.frames())[FRAMES.start :]
    random = np.random.default_rng(0)
    for number in range(count):
        below = folder / f"{number // FOLDER:03}"
        below.mkdir(parents=True, exist_ok=True)
        frame = frames[number % len(frames)]
        path = below / f"{number:05}.{'png' if number % 10 else 'dcm'}"
        if number % 10:
            levels = (frame.pixels >> 4).astype(np.uint8)
            levels[0, :2] = divmod(number, 256)
            cv2.imwrite(str(path), levels)
        else:
            write_run(path, simulation, [frame])
            dataset = dcmread(path)
            dataset.PatientID = str(number)
            dataset.save_as(path)
        if random.random() < refused:
            os.truncate(path, path.stat().st_size // 2)


def _watched(arguments: list[str], summary: Path) -> Iterator[Sample]:
    """Yield what is seen of `coroseg segment` while it runs."""
    program = [sys.executable, "-c", "from coroseg.cli import main; main()", "segment"]
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        command = subprocess.Popen([*program, *arguments], stdout=said, stderr=said)
        while command.poll() is None:
            done = summary.read_bytes().count(b"\n") - 1 if summary.exists() else 0
            workers = tuple(_megabytes(worker) for worker in _workers(command.pid))
            seconds = time.perf_counter() - begun
            if memory := _megabytes(command.pid):
                yield Sample(seconds, done, memory, workers)
            time.sleep(EVERY)
        said.seek(0)
        *_, last = said.read().decode().splitlines()
        print(last, f"status {command.returncode}")


def _workers(process: int) -> list[int]:
    """Return the processes of Python that a process has begun for work."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    return [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def _megabytes(process: int) -> float:
    """Return the resident memory of a process, 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kilobytes[0]) / 1024 if kilobytes else 0


def _print(samples: list[Sample]) -> None:
    """Print a table of the samples that are nearest to equal steps of sources done."""
    print("| sources done | seconds | command, MB | largest worker, MB |")
    print("|---|---|---|---|")
    steps = [samples[-1].done * step / (ROWS - 1) for step in range(ROWS)]
    for one in dict.fromkeys(min(samples, key=lambda s: abs(s.done - step)) for step in steps):
        print(
            f"| {one.done} | {one.seconds:.0f} | {one.command:.0f} "
            f"| {max(one.workers, default=0):.0f} |"
        )
    largest = max(max(one.workers, default=0) for one in samples)
    print(f"\nat most: {max(one.command for one in samples):.0f} MB and {largest:.0f} MB")


if __name__ == "__main__":
    main()
