"""The files of one simulated sample, in a folder of its own that appears whole or not at all.

`run.dcm`: all frames, 12 bits. `truth.json`: see `truth_file`. Of a single frame: `image.png` (8
bits, as displayed), `mask.png` and `catheter.png` (0 and 255), `coverage.png` (16 bits: 65535
where a pixel is all lumen). Of a run the same, as `001.png` and so on, in the folders `images` (on
request), `masks`, `catheters` and `coverages`.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from coroseg.errors import OutputError
from coroseg.io.files import explained
from coroseg.io.leftovers import temporary_beside
from coroseg.io.png import write_png
from coroseg.simulation.dicom import BITS, encode, write_xa
from coroseg.simulation.run import SimulatedFrame, Simulation
from coroseg.simulation.truth_file import TRUTH, Request, frame_record, head_record, read_truth

RUN = "run.dcm"
_FOLDERS = {
    "image": "images",
    "mask": "masks",
    "catheter": "catheters",
    "coverage": "coverages",
}


def is_finished(folder: Path, request: Request) -> bool:
    """Return whether `folder` holds the sample of the same request and version."""
    truth = read_truth(folder)
    wanted = {"version": version("coroseg"), "request": asdict(request)}
    return truth is not None and all(truth.get(key) == value for key, value in wanted.items())


def write_sample(folder: Path, simulation: Simulation, request: Request) -> None:
    """Write the files of a simulation to `folder`, in place of an earlier sample.

    Frames are made, written and forgotten one by one. Raises `OutputError` where `folder` holds
    anything else, and for what the system refuses.
    """
    if folder.exists() and read_truth(folder) is None:
        raise OutputError(f"{folder}: is no simulated sample: choose another folder with --out")
    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(folder) as new:
            _write_files(new, simulation, request)
            if folder.exists():
                shutil.rmtree(folder)
            new.rename(folder)


def write_run(path: Path, simulation: Simulation, frames: Iterable[SimulatedFrame]) -> None:
    """Write the frames of a simulation to the DICOM file `path`; only one is held at a time."""
    write_xa(
        path,
        [encode(frame.pixels) for frame in frames],
        simulation.view,
        seed=simulation.seed,
        artery=simulation.anatomy.artery,
        frame_time_ms=simulation.frame_time_ms,
        linear=simulation.exposure.display is None,
    )


def _write_files(folder: Path, simulation: Simulation, request: Request) -> None:
    with (folder / TRUTH).open("w", encoding="utf-8") as truths:
        truths.write(f'{json.dumps(head_record(simulation, request))[:-1]}, "truths": [')
        write_run(folder / RUN, simulation, _written(folder, simulation, request, truths))
        truths.write("\n]}\n")


def _written(
    folder: Path, simulation: Simulation, request: Request, truths: TextIO
) -> Iterator[SimulatedFrame]:
    """Yield the frames, each when its pictures and its truth are written."""
    for number, frame in enumerate(simulation.frames(), start=1):
        files = _write_pictures(folder, frame, number, request)
        record = frame_record(frame, number, files, simulation.view.spacing_mm)
        truths.write(f"{',' if number > 1 else ''}\n{json.dumps(record, allow_nan=False)}")
        yield frame


def _write_pictures(
    folder: Path, frame: SimulatedFrame, number: int, request: Request
) -> dict[str, str]:
    """Write the PNG files of one frame; return their names relative to `folder`."""
    truth = frame.truth
    pictures: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {
        "mask": frame.outlined.view(np.uint8) * np.uint8(255),
        "catheter": truth.catheter.view(np.uint8) * np.uint8(255),
        "coverage": np.rint(truth.coverage * np.float32(65535)).astype(np.uint16),
    }
    if request.images:
        pictures["image"] = np.rint(frame.pixels * (255 / (2**BITS - 1))).astype(np.uint8)
    files = {}
    for kind, pixels in pictures.items():
        name = f"{kind}.png" if request.frames == 1 else f"{_FOLDERS[kind]}/{number:03d}.png"
        (folder / name).parent.mkdir(exist_ok=True)
        write_png(folder / name, pixels)
        files[kind] = name
    return files
