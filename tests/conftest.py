"""The command line as a fixture; every folder of tests can import the helpers beside this file."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from command_line import Command, Ended
from coroseg import batch
from coroseg.cli import main
from coroseg.io.sources import Source
from coroseg.pipeline import Job, do
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome
from coroseg.workers import Limits
from tiny_sources import write_model


@pytest.fixture
def coroseg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["coroseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def segment(
    coroseg: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Return `coroseg segment` with the tiny model, writing to `out`, all of it in this process."""

    def in_turn(
        sources: Sequence[Source], job: Job, predictor: Predictor, workers: int, limits: Limits
    ) -> Iterator[Outcome]:
        assert workers >= 1
        assert limits.seconds
        return (do(source, job, predictor) for source in sources)

    monkeypatch.setattr(batch, "in_workers", in_turn)

    def run(*arguments: object) -> Ended:
        return coroseg("segment", "--out", tmp_path / "out", "--model", model, *arguments)

    return run
