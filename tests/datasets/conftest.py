from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROWS, COLUMNS = 34, 50


@pytest.fixture
def save_image() -> Callable[..., None]:
    """Return a function that writes an image of noise to a path; equal seeds, equal images."""

    def save(path: Path, seed: int, shape: tuple[int, int] = (ROWS, COLUMNS)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(path)

    return save


@pytest.fixture
def save_mask() -> Callable[..., None]:
    """Return a function that writes a mask with a bar of vessel to a path."""

    def save(path: Path, width: int = 3, shape: tuple[int, int] = (ROWS, COLUMNS)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        mask = np.zeros(shape, dtype=np.bool_)
        mask[5:15, 7 : 7 + width] = True
        Image.fromarray(mask.astype(np.uint8) * 255).save(path)

    return save


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real angiograms; skip the test where there is none."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data")
    return folder
