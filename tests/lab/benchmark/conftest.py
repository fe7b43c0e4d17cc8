from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.lab.benchmark.config import Benchmark, read_benchmark
from coroseg.lab.benchmark.grid import Grid, prepare

CONFIG = """
seed = 4
models = [{models}]

[data]
manifests = ["{manifest}"]
size = 32
batch = 2
workers = 0

[split]
scheme = "rotate"
folds = {folds}
validation_fraction = 0.3

[model]
encoder = "tu-tf_efficientnet_lite0"
encoder_weights = "none"
width = 2
upsample_first = false

[training]
epochs = {epochs}
learning_rate = 1e-3
accelerator = "cpu"
threads = 1
"""


@pytest.fixture
def write_benchmark(make_data: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the config of a small benchmark on drawn images."""
    manifests: list[Path] = []

    def write(
        models: tuple[str, ...] = ("cgnet",), folds: int = 2, epochs: int = 1, more: str = ""
    ) -> Path:
        if not manifests:
            manifests.append(make_data(8, name="images"))
        path = tmp_path / "small.toml"
        quoted = ", ".join(f'"{name}"' for name in models)
        text = CONFIG.format(models=quoted, manifest=manifests[0], folds=folds, epochs=epochs)
        path.write_text(text + more)
        return path

    return write


@pytest.fixture
def make_grid(write_benchmark: Callable[..., Path], tmp_path: Path) -> Callable[..., Grid]:
    """Return a function that prepares a small benchmark in the folder `run`."""

    def make(**changes: object) -> Grid:
        benchmark: Benchmark = read_benchmark(write_benchmark(**changes))
        return prepare(benchmark, tmp_path / "run")

    return make
