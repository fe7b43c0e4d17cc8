"""What an image shows, whatever its file is called and however it is compressed."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coroseg.errors import DataError
from coroseg.io import load


def read_image(path: Path) -> NDArray[np.float32]:
    """Return the one frame of the file `path`, (rows, columns), 0 to 1.

    Raises `InputError` where it cannot be read, `DataError` where it is a run of several frames.
    """
    run = load(path)
    if len(run.frames) != 1:
        raise DataError(
            f"{path}: holds {len(run.frames)} frames: save the one that the mask was drawn on"
        )
    return run.frame(1)


def fingerprint(image: NDArray[np.float32]) -> str:
    """Return a hash of the pixels: the same for one image stored as PNG and as PGM."""
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
