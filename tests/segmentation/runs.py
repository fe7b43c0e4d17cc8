"""Runs drawn for tests: a dark band that fills with contrast and empties again."""

import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Angiogram
from coroseg.spacing import PixelSpacing, SpacingSource

ROWS, COLUMNS = 64, 96
SPACING = PixelSpacing((0.5, 0.2), SpacingSource.USER)


def drawn_frame(length: int) -> NDArray[np.float32]:
    """A bright frame with a vessel 8 rows high, from column 10, of this length."""
    noise = np.random.default_rng(length).normal(0, 0.01, (ROWS, COLUMNS))
    frame = (0.8 + noise).astype(np.float32)
    frame[20:28, 10 : 10 + length] -= 0.6
    return frame


def drawn_run(*lengths: int, spacing: PixelSpacing | None = SPACING) -> Angiogram:
    frames = [drawn_frame(length) for length in lengths]
    return Angiogram("drawn", frames, ROWS, COLUMNS, spacing=spacing)
