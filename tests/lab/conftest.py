from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from coroseg.lab.config import Config, parse

torch.set_num_threads(1)


def draw_vessel(seed: int, rows: int, columns: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a noisy image with a dark curved vessel, and its mask of 0 and 255."""
    random = np.random.default_rng(seed)
    along = np.linspace(0, 1, 30)
    x = columns * (0.1 + 0.8 * along)
    y = rows * (0.5 + 0.3 * np.sin(random.uniform(2, 5) * along + random.uniform(0, 6)))
    points = np.stack([x, y], axis=1).round().astype(np.int32)
    mask = np.zeros((rows, columns), dtype=np.uint8)
    cv2.polylines(mask, [points], isClosed=False, color=255, thickness=5)
    image = 180.0 - 90 * (mask > 0) + random.normal(0, 8, mask.shape)
    return image.clip(0, 255).astype(np.uint8), mask


@pytest.fixture
def make_data(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws images and masks and writes their manifest."""

    def make(
        count: int = 4, shape: tuple[int, int] = (60, 44), name: str = "data", seed: int = 0
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = ["image,mask"]
        for k in range(count):
            image, mask = draw_vessel(seed + k, *shape)
            cv2.imwrite(str(folder / f"{k}.png"), image)
            cv2.imwrite(str(folder / f"{k}_mask.png"), mask)
            lines.append(f"{k}.png,{k}_mask.png")
        manifest = folder / "manifest.csv"
        manifest.write_text("\n".join(lines) + "\n")
        return manifest

    return make


@pytest.fixture
def make_config(make_data: Callable[..., Path]) -> Callable[..., Config]:
    """Return a function that makes the settings of a small, quick run on drawn images."""
    made: dict[str, Path] = {}

    def make(**changes: Any) -> Config:
        if not made:
            made["train"] = make_data(4, name="train")
            made["validation"] = make_data(3, name="validation", seed=10)
        values: dict[str, Any] = {
            "seed": 3,
            "data": {
                "train": [{"manifest": str(made["train"])}],
                "validation": [{"manifest": str(made["validation"])}],
                "size": 64,
                "batch": 2,
                "workers": 0,
            },
            "model": {
                "encoder": "tu-tf_efficientnet_lite0",
                "encoder_weights": "none",
                "width": 2,
                "upsample_first": False,
            },
            "training": {"epochs": 4, "accelerator": "cpu", "threads": 1, "learning_rate": 1e-3},
        }
        for section, change in changes.items():
            if isinstance(change, dict):
                values[section] = values.get(section, {}) | change
            else:
                values[section] = change
        return parse(Config, values, "test")

    return make


# Lightning's and torch's own, which we cannot mend.
_THIRD_PARTY = (
    r"ignore:Checkpoint directory .* exists and is not empty:UserWarning",
    r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for text in _THIRD_PARTY:
                item.add_marker(pytest.mark.filterwarnings(text))
