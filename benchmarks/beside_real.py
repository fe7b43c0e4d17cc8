"""Can you tell them apart? Simulated frames among real ones, in an order that a seed decides.

    python benchmarks/beside_real.py data/arcade.csv [--split val] [--count 6] [--out beside.png]

Writes a sheet of as many real images of a manifest as simulated frames, numbered, without saying
which are which; the key is printed. Look first. The sheet holds images of your data set: mind its
terms before you pass it on.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import read_manifest
from coroseg.simulation.run import simulate_frame

COLUMNS, SIDE = 4, 384


def main() -> None:
    """Draw the sheet and print the key."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--seed", type=int, default=700)
    parser.add_argument("--out", type=Path, default=Path("beside.png"))
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    samples = read_manifest(options.manifest)
    samples = [sample for sample in samples if options.split in (None, sample.split)]
    chosen = random.choice(len(samples), options.count, replace=False)
    cells = [
        (f"real, {samples[number].name}", _cell(read_image(samples[number].image)))
        for number in chosen.tolist()
    ]
    for seed in range(options.seed, options.seed + options.count):
        pixels = simulate_frame(seed).frames[0].astype(np.float32) / 4095
        cells.append((f"simulated, seed {seed}", _cell(pixels)))
    random.shuffle(cells)
    for number, (_, cell) in enumerate(cells, start=1):
        place = (8, SIDE - 12)
        cv2.putText(cell, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
    blank = np.zeros((SIDE, SIDE), dtype=np.uint8)
    pictures = [cell for _, cell in cells] + [blank] * (-len(cells) % COLUMNS)
    rows = [cv2.hconcat(pictures[k : k + COLUMNS]) for k in range(0, len(pictures), COLUMNS)]
    if not cv2.imwrite(str(options.out), cv2.vconcat(rows)):
        parser.error(f"--out {options.out}: cannot be written")
    for number, (key, _) in enumerate(cells, start=1):
        print(f"{number:3d}  {key}")


def _cell(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    return np.asarray(cv2.resize(levels, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    main()
