"""How fast is it? The network against U-Net++ InceptionResNetV2; a whole `segment` against numpy.

    python benchmarks/speed.py [--threads 2] [--repeats 15] [--sources 80]

All are measured in one run, in turn, so that a busy or throttled machine slows all of them; the
ratios are what to quote. Needs `pip install "coroseg[lab]"` for U-Net++.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from coroseg.batch import process
from coroseg.io.sources import find_sources
from coroseg.records import Request
from coroseg.segmentation.predictor import Predictor, to_network
from coroseg.simulation.run import simulate_run

SIDE = 512
GFLOP_SHAPE = (1024, 1024, 512)
"""Rows, inner size and columns of a product of 1.07 GFLOP."""


def main() -> None:
    """Print the medians and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--sources", type=int, default=80)
    options = parser.parse_args()
    frames = simulate_run(seed=3, frames=24, size=SIDE).frames.astype(np.float32) / 4095
    predictor = Predictor(threads=options.threads)
    image = to_network(frames[12:13], predictor.info.input_size)
    # Before torch is loaded, as in the command: with it here this takes a sixth longer.
    whole = _whole_segment(frames, predictor, options.sources)
    peer = _unetplusplus(options.threads)
    peer_image = np.repeat(frames[12][None, None], 3, axis=1)
    seconds = _in_turn(
        {
            "network, one 512 x 512 frame": lambda: predictor.run(image),
            "U-Net++ InceptionResNetV2, the same frame": lambda: peer.run(
                None, {"image": peer_image}
            ),
            "numpy float32 product of 1 GFLOP": _gflop(),
        },
        options.repeats,
    )
    network, unetplusplus, gflop = seconds.values()
    for name, value in seconds.items():
        print(f"{1000 * value:9.2f} ms  {name}")
    print(f"{1000 * whole:9.2f} ms  segment, a further image with all its files")
    print(f"{unetplusplus / network:9.2f}     U-Net++ / network")
    print(f"{whole / gflop:9.2f}     segment / numpy GFLOP")
    print(f"{whole / network:9.2f}     segment / network")
    print(f"{os.cpu_count()} processors, {options.threads} threads, load {os.getloadavg()[0]:.2f}")


def _in_turn(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return each function's median seconds, called in turn.

    A call that is not counted comes before each that is: the one before it was another's, and has
    left the caches full of its own.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            function()
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _gflop() -> Callable[[], object]:
    random = np.random.default_rng(0)
    rows, inner, columns = GFLOP_SHAPE
    a = random.random((rows, inner), dtype=np.float32)
    b = random.random((inner, columns), dtype=np.float32)
    return lambda: a @ b


def _unetplusplus(threads: int) -> onnxruntime.InferenceSession:
    import torch
    from segmentation_models_pytorch import UnetPlusPlus

    network = UnetPlusPlus("inceptionresnetv2", encoder_weights=None, in_channels=3).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "unetplusplus.onnx"
        image = torch.rand(1, 3, SIDE, SIDE)
        torch.onnx.export(network, (image,), str(path), dynamo=False, input_names=["image"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # As in our predictor: threads that spin after a run would slow down what comes next.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )


def _whole_segment(frames: np.ndarray, predictor: Predictor, count: int) -> float:
    """Return the seconds a further image takes from its PNG to all its files, as in the command.

    What `count` images take longer than a quarter of them, a further image: without the start.
    """
    request = Request(frame="best", spacing_mm=0.3, as_run=False, any_modality=False)
    few = count // 4
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for number in range(count):
            levels = np.rint(frames[8 + number % 8] * 255).astype(np.uint8)
            levels[0, 0] = number  # no two files are the same
            cv2.imwrite(str(images / f"{number}.png"), levels)
        sources = find_sources([images]).sources

        def seconds(number: int) -> float:
            start = time.perf_counter()
            out = Path(folder) / f"out{number}"
            outcomes = process(sources[:number], out, request, predictor, workers=predictor.threads)
            if any(outcome.status != "ok" for outcome in outcomes):
                raise RuntimeError(f"not all went well: {outcomes}")
            return time.perf_counter() - start

        return (seconds(count) - seconds(few)) / (count - few)


if __name__ == "__main__":
    main()
