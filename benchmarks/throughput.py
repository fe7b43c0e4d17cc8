"""What does everything around the network cost? Sources to files, against the network alone.

    python benchmarks/throughput.py [--threads 2] [--sources 80]

Simulated 512 x 512 frames as PNG files go through `process`, as in `coroseg segment`: a worker a
thread, all files written, measured too. The network alone is given the same frames, on as many
threads, and then as many copies of it on one thread each, which is the most that could be had. The
start of the workers is left out: a quarter of the sources is timed too and taken off.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from coroseg.batch import process
from coroseg.io.files import sha256_of
from coroseg.io.load import load
from coroseg.io.sources import Source, find_sources
from coroseg.measuring import measure_frame
from coroseg.records import Request, frame_record, run_record
from coroseg.results import write_frame
from coroseg.segmentation.predictor import Predictor, to_network
from coroseg.segmentation.segment import segment
from coroseg.simulation.run import simulate_run

SIDE, FRAMES = 512, range(8, 16)
REQUEST = Request(frame="best", spacing_mm=0.3, as_run=False, any_modality=False)


def main() -> None:
    """Print times a frame, and where they go."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sources", type=int, default=80)
    options = parser.parse_args()
    frames = simulate_run(seed=3, frames=FRAMES.stop, size=SIDE).frames.astype(np.float32) / 4095
    predictor = Predictor(threads=options.threads)
    images = [to_network(frames[k : k + 1], predictor.info.input_size) for k in FRAMES]
    with tempfile.TemporaryDirectory() as folder:
        sources = _written(frames, Path(folder), options.sources)
        together = _network(images, [predictor])
        apart = _network(images, [Predictor(threads=1) for _ in range(options.threads)])
        whole, busy = _pipeline(sources, Path(folder) / "out", predictor)
        print(f"{1000 * together:8.1f} ms  network alone, {options.threads} threads")
        print(f"{1000 * apart:8.1f} ms  network alone, {options.threads} copies on a thread each")
        print(f"{1000 * whole:8.1f} ms  a further image from its file to all its results")
        print(f"{1 / whole:8.1f}     images a second, {busy:.2f} processors busy")
        print(f"{whole / together:8.2f}     pipeline / network")
        print(f"{whole / apart:8.2f}     pipeline / copies of the network")
        print("\nwhere it goes, in ms of one processor a frame:")
        for name, seconds in _steps(sources[:20], Path(folder) / "steps").items():
            print(f"{1000 * seconds:8.1f}     {name}")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}")


def _written(frames: np.ndarray, folder: Path, count: int) -> list[Source]:
    """Return `count` PNG files, no two the same."""
    (folder / "images").mkdir()
    for number in range(count):
        levels = np.rint(frames[FRAMES[number % len(FRAMES)]] * 255).astype(np.uint8)
        levels[0, :2] = divmod(number, 256)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), levels)
    return find_sources([folder / "images"]).sources


def _network(images: list[np.ndarray], predictors: list[Predictor], rounds: int = 4) -> float:
    """Return seconds a frame of the network alone, on copies side by side."""

    def run(predictor: Predictor) -> None:
        for image in images * rounds:
            predictor.run(image)

    with ThreadPoolExecutor(len(predictors)) as pool:
        list(pool.map(run, predictors))
        start = time.perf_counter()
        list(pool.map(run, predictors))
        seconds = time.perf_counter() - start
    return seconds / (rounds * len(images) * len(predictors))


def _pipeline(sources: list[Source], out: Path, predictor: Predictor) -> tuple[float, float]:
    """Return seconds a further source, and how many processors were busy with it."""

    def timed(count: int) -> tuple[float, float]:
        begun, used = time.perf_counter(), _processor_seconds()
        outcomes = process(
            sources[:count], out / str(count), REQUEST, predictor, workers=predictor.threads
        )
        if any(outcome.status != "ok" for outcome in outcomes):
            raise RuntimeError(f"not all went well: {outcomes}")
        return time.perf_counter() - begun, _processor_seconds() - used

    few = len(sources) // 4
    (few_seconds, few_used), (all_seconds, all_used) = timed(few), timed(len(sources))
    seconds = all_seconds - few_seconds
    return seconds / (len(sources) - few), (all_used - few_used) / seconds


def _processor_seconds() -> float:
    """Return the processor time of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.process_time() - start


def _steps(sources: list[Source], out: Path) -> dict[str, float]:
    """Return the processor seconds a frame of every step, each on one thread."""
    predictor = Predictor(threads=1)
    cv2.setNumThreads(1)  # as in a worker
    clock = _Clock()

    def network(run: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
        with clock.step("network"):
            return run(images)

    original = predictor.run
    predictor.run = lambda images: network(original, images)  # type: ignore[method-assign]
    for number, source in enumerate([sources[0], *sources]):
        if number == 1:  # the first was not counted
            clock.seconds.clear()
        with clock.step("read and hash"):
            digest, run = sha256_of(source.path), load(source.path, spacing_mm=0.3)
        with clock.step("network, threshold, contours, flags"):
            result = segment(run, predictor=predictor)
        with clock.step("measure"):
            measured = measure_frame(result.mask, result.image, result.spacing, None)
        record = run_record(run, digest, predictor.info, REQUEST) | frame_record(result)
        record |= measured.record | {"seconds": 0.0}
        with clock.step("write"):
            write_frame(out / str(number), result, record, measured.tree)
    seconds = {name: value / len(sources) for name, value in clock.seconds.items()}
    after = seconds.pop("network, threshold, contours, flags") - seconds["network"]
    return seconds | {"resample, threshold, contours, flags": after}


if __name__ == "__main__":
    main()
