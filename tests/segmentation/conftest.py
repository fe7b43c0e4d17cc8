from pathlib import Path

import pytest
from tiny_model import write_model

from coroseg.segmentation.predictor import Predictor


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def predictor(tiny_model: Path) -> Predictor:
    return Predictor(tiny_model, threads=1)
