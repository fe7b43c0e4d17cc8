"""The command line as a fixture; every folder of tests can import the helpers beside this file."""

import sys
from pathlib import Path

import pytest

from command_line import Command, Ended, in_turn
from coroseg import batch
from coroseg.cli import main
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

    monkeypatch.setattr(batch, "in_workers", in_turn)

    def run(*arguments: object) -> Ended:
        return coroseg("segment", "--out", tmp_path / "out", "--model", model, *arguments)

    return run
