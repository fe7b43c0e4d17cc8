"""Times all of coroseg's scores of a pair of masks beside MONAI's Hausdorff and surface distance.

python benchmarks/metrics.py [--pairs 20] [--repeats 5]

The masks are drawn (seeded): 512 x 512, branching vessels 3 to 13 pixels wide; the second of a pair
is shifted by a pixel or two and misses some branches. Both are timed in turns on the same pairs.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import cv2
import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from numpy.typing import NDArray

from coroseg.metrics import evaluate

SIZE = 512
SPACING_MM = (0.3, 0.3)


def main() -> None:
    """Print the median time of a pair for both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    ours, theirs, areas = [], [], []
    for seed in range(arguments.pairs):
        mask, truth = pair(seed)
        tensors = [torch.from_numpy(array)[None, None].float() for array in (mask, truth)]
        areas.append(truth.mean())
        for _ in range(arguments.repeats):
            ours.append(milliseconds(lambda m=mask, t=truth: evaluate(m, t, spacing_mm=SPACING_MM)))
            theirs.append(milliseconds(lambda pair=tensors: monai(*pair)))
    ours_ms, theirs_ms = statistics.median(ours), statistics.median(theirs)
    print(f"{arguments.pairs} pairs of {SIZE} x {SIZE}, vessel {np.mean(areas):.1%} of the image")
    print(f"coroseg, all scores:       {ours_ms:6.1f} ms (largest {max(ours):.1f})")
    print(f"MONAI, HD and ASD only:    {theirs_ms:6.1f} ms (largest {max(theirs):.1f})")
    print(f"MONAI / coroseg:           {theirs_ms / ours_ms:6.2f}")


def monai(mask: torch.Tensor, truth: torch.Tensor) -> None:
    """Compute the two distances by MONAI."""
    compute_hausdorff_distance(mask, truth, include_background=True, spacing=SPACING_MM)
    compute_average_surface_distance(
        mask, truth, include_background=True, symmetric=True, spacing=SPACING_MM
    )


def milliseconds(work: Callable[[], object]) -> float:
    """Return the time of one call in ms."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def pair(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a predicted and a true mask, (512, 512)."""
    rng = np.random.default_rng(seed)
    branches = [branch(rng) for _ in range(10)]
    truth, mask = np.zeros((2, SIZE, SIZE), np.uint8)
    for number, (points, width) in enumerate(branches):
        cv2.polylines(truth, [points], isClosed=False, color=1, thickness=width)
        if number % 5:
            moved = points + rng.integers(-2, 3, size=2, dtype=np.int32)
            cv2.polylines(mask, [moved], isClosed=False, color=1, thickness=width)
    return mask.astype(np.bool_), truth.astype(np.bool_)


def branch(rng: np.random.Generator) -> tuple[NDArray[np.int32], int]:
    """Return the points (x, y) of a smooth random walk and a width in pixels."""
    steps = int(rng.integers(30, 80))
    heading = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.2, steps).cumsum()
    walk = 4 * np.column_stack([np.cos(heading), np.sin(heading)]).cumsum(axis=0)
    start = rng.uniform(0.2 * SIZE, 0.8 * SIZE, size=2)
    return np.int32(start + walk), int(rng.integers(3, 13))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
