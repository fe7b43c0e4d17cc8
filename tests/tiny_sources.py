"""Small angiograms as files, and the tiny model that finds the dark band in them."""

from pathlib import Path

import numpy as np
from PIL import Image

from dicom_files import write_dicom
from segmentation.runs import COLUMNS, ROWS, drawn_frame
from segmentation.tiny_model import write_model

__all__ = [
    "COLUMNS",
    "FRAME_FILES",
    "LENGTHS",
    "MEASURE_FILES",
    "ROWS",
    "write_model",
    "write_png",
    "write_run",
]

LENGTHS = (0, 30, 70, 50)
"""Of the vessel in the frames of a run: the first shows none, the third most."""

FRAME_FILES = {
    "mask.png",
    "probability.png",
    "overlay.png",
    "contours.json",
    "contours.svg",
    "result.json",
}
"""Of a frame that is segmented."""

MEASURE_FILES = {"branches.csv", "stenoses.csv", "diameters.svg", "report.html"}
"""Of one that is measured too."""


def write_png(path: Path, length: int = 50) -> Path:
    """Write one frame, 8 bits, with a vessel of this length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_stored(length, 255).astype(np.uint8)).save(path)
    return path


def write_run(path: Path, lengths: tuple[int, ...] = LENGTHS, **elements: object) -> Path:
    """Write a DICOM run, 12 bits shown over their whole range, a frame a length."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.stack([_stored(length, 4095) for length in lengths]).astype(np.uint16)
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    return write_dicom(path, pixels, bits=12, **(window | elements))


def _stored(length: int, white: int) -> np.ndarray:
    return np.rint(np.clip(drawn_frame(length), 0, 1) * white)
