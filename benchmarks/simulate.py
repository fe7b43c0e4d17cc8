"""How fast are frames simulated? Beside the network, which would be trained on them.

    python benchmarks/simulate.py [--count 20] [--seed 0] [--size 512]

A frame is simulated and a frame segmented in turn, each on one thread, so that a busy machine slows
both; the ratio is what to quote. Each seed's tree, view and background are other ones.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from coroseg.segmentation.predictor import Predictor, to_network
from coroseg.simulation.files import write_sample
from coroseg.simulation.run import draw_simulation
from coroseg.simulation.truth_file import Request


def main() -> None:
    """Print the mean and the slowest time of each step, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    predictor = Predictor(threads=1)
    image = np.random.default_rng(0).random((1, options.size, options.size), dtype=np.float32)
    network_input = to_network(image, predictor.info.input_size)
    seconds: dict[str, list[float]] = {"draw": [], "frame": [], "write": [], "network": []}
    with tempfile.TemporaryDirectory() as folder:
        # One that is not counted: what is loaded and allocated once.
        for number in range(options.seed - 1, options.seed + options.count):
            seed = max(number, 0)
            request = Request(seed, frames=1, size=options.size, images=True)
            out = Path(folder) / str(number)
            simulation = draw_simulation(seed, size=options.size)
            times = {
                "draw": _seconds(lambda s=seed: draw_simulation(s, size=options.size)),
                "frame": _seconds(lambda s=simulation: s.frame(0)),
                "write": _seconds(lambda o=out, s=simulation, r=request: write_sample(o, s, r)),
                "network": _seconds(lambda: predictor.run(network_input)),
            }
            if number >= options.seed:
                for name, value in times.items():
                    seconds[name].append(value)
    seconds["write"] = [w - f for w, f in zip(seconds["write"], seconds["frame"], strict=True)]
    means = {name: statistics.mean(values) for name, values in seconds.items()}
    for name, mean in means.items():
        print(f"{1000 * mean:9.1f} ms  {name} (slowest {1000 * max(seconds[name]):.1f})")
    computing = means["draw"] + means["frame"]
    print(f"{1 / computing:9.2f}     frames a second, computing")
    print(f"{1 / (computing + means['write']):9.2f}     frames a second, with all files")
    print(f"{computing / means['network']:9.2f}     computing / network")
    print(f"{os.cpu_count()} processors, 1 thread, load {os.getloadavg()[0]:.2f}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
