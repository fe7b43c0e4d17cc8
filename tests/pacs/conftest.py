from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_archive import FakeArchive, running

from command_line import in_turn
from coroseg import batch
from coroseg.pacs import patience
from coroseg.pacs.credentials import PASSWORD, TOKEN, USER
from coroseg.pacs.work import Work
from coroseg.records import Request
from coroseg.segmentation.predictor import Predictor
from tiny_sources import LENGTHS, write_run

ROOT = "1.2.826.0.1.3680043.10.7"
STUDY = f"{ROOT}.1"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the tests wait for nothing and know no password of the person who runs them."""
    monkeypatch.setattr(batch, "in_workers", in_turn)
    monkeypatch.setattr(patience, "WAITS_S", (0.01, 0.02))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in (USER, PASSWORD, TOKEN):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def xa(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an XA object of the study, by series and number."""

    def write(
        number: int, series: int = 1, *, study: str = STUDY, lengths: tuple[int, ...] = LENGTHS
    ) -> Path:
        uids = {
            "StudyInstanceUID": study,
            "SeriesInstanceUID": f"{study}.{series}",
            "SOPInstanceUID": f"{study}.{series}.{number}",
        }
        path = tmp_path / "made" / f"{uids['SOPInstanceUID']}.dcm"
        return write_run(path, lengths, **uids)

    return write


@pytest.fixture
def archive(xa: Callable[..., Path]) -> Iterator[FakeArchive]:
    """Return an archive with two runs and a single frame in one study, and another modality."""
    with running(FakeArchive()) as fake:
        fake.add(xa(1))
        fake.add(xa(2, series=2))
        fake.add(xa(3, series=2, lengths=(50,)))
        yield fake


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    from tiny_sources import write_model

    path = write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return Predictor(path, threads=1)


@pytest.fixture
def work(tmp_path: Path, tiny: Predictor) -> Work:
    request = Request("best", spacing_mm=None, as_run=False, any_modality=False, dicom=True)
    return Work(tmp_path / "out", request, tiny)
