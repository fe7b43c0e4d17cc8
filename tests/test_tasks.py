"""Sources as tasks of Ray; on two machines: `pytest -m long tests/test_tasks.py`.

That needs what `tests/lab/benchmark/test_cluster.py` needs.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from command_line import Command
from coroseg import tasks
from coroseg.batch import process
from coroseg.io.leftovers import scratch_path
from coroseg.io.sources import find_sources
from coroseg.records import RECORD, Request
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import SUMMARY
from coroseg.summary_table import read_csv
from coroseg.workers import Limits
from lab.benchmark.test_cluster import alone, need_a_network_of_our_own
from test_remote import rows_of
from test_workers import TROUBLE, files_of
from tiny_sources import write_png, write_run

SCRIPT = Path(__file__).with_name("lose_a_machine.py")
REQUEST = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)


class LostError(Exception):
    pass


@dataclass(eq=False)
class Future:
    value: Any


class FakeRay:
    """A cluster that is this process: a task is done when it is begun.

    Those of sources named `lost` were on machines that were lost, and files that are `hidden`
    cannot be seen by any machine.
    """

    exceptions = SimpleNamespace(RayError=LostError)
    hidden: tuple[Path, ...] = ()

    def put(self, content: bytes) -> Future:
        for path in self.hidden:
            path.unlink()
        return Future(content)

    def get(self, future: Future) -> Any:
        if isinstance(future.value, LostError):
            raise future.value
        return future.value

    def wait(self, futures: list[Future], **_: float) -> tuple[list[Future], list[Future]]:
        return futures[:1], futures[1:]

    def remote(self, **options: int) -> Callable[[Callable[..., object]], object]:
        assert options == {"num_cpus": 1, "max_retries": 3}

        def begin(function: Callable[..., object], source: Any, order: Any) -> Future:
            assert source.url or source.path.is_absolute()
            if source.name.name == "lost":
                return Future(LostError("the node died\nand more"))
            return Future(function(source, order))

        return lambda function: SimpleNamespace(
            remote=lambda source, order: begin(function, source, order)
        )


@pytest.fixture
def cluster(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FakeRay]:
    """Return a cluster at the address `here`."""
    ray = FakeRay()

    @contextmanager
    def connected(address: str, purpose: str) -> Iterator[FakeRay]:
        assert address == "here"
        yield ray

    monkeypatch.setattr(tasks, "connected", connected)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(tasks, "_begun", None)
    machine = tmp_path_factory.mktemp("machine")
    monkeypatch.setattr(tempfile, "tempdir", str(machine))
    monkeypatch.setenv("TMPDIR", str(machine))
    yield ray
    if tasks._begun is not None:
        tasks._begun[0].__exit__()
    # ONNX Runtime keeps the number of its session there.
    assert {path.name for path in machine.iterdir()} <= {".ses"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, length in {"a": 30, "b": 40, "lost": 50}.items():
        write_png(tmp_path / "in" / f"{name}.png", length)
    return tmp_path / "in"


def test_a_task_writes_what_is_written_here(
    folder: Path, model: Path, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.hidden = (shutil.copy(model, folder.parent / "model.onnx"),)
    predictor, out = Predictor(cluster.hidden[0], threads=1), folder.parent / "out"
    monkeypatch.chdir(folder)
    names = [Path("a.png"), Path("b.png"), Path("lost.png"), Path("none.png")]
    sources = find_sources(names).sources
    process(sources[:2], folder.parent / "here", REQUEST, predictor)
    outcomes = process(sources, out, REQUEST, predictor, ray="here", limits=Limits(seconds=60))
    unreadable = "cannot be read (No such file or directory): check the path and its permissions"
    assert [(one.status, one.reason) for one in outcomes] == [
        ("ok", ""),
        ("ok", ""),
        ("failed", "lost.png: not done on the cluster (the node died): run again"),
        ("failed", f"none.png: {unreadable}"),
    ]
    assert files_of(out) == files_of(folder.parent / "here")
    assert [row["source"] for row in read_csv(out / SUMMARY)] == [str(name) for name in names]


def test_limits_hold_in_a_task(
    folder: Path, model: Path, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hangs", "crashes"):
        write_png(folder / f"{name}.png")
    (folder.parent / "first").mkdir()
    (folder.parent / "first" / "sitecustomize.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent / "first"))
    sources = find_sources([f"file://{folder}"]).sources
    out = f"file://{folder.parent}/out"
    scratch_path().mkdir()  # as a task that was killed with its machine leaves it: it goes
    outcomes = process(
        sources, out, REQUEST, Predictor(model, threads=1), ray="here", limits=Limits(seconds=6)
    )
    said = {one.source.name.name: one.reason for one in outcomes if one.status == "failed"}
    assert said.keys() == {"hangs", "crashes", "lost"}
    assert said["hangs"].endswith("hangs.png: took more than 6 s and was cut off: see --time-limit")
    assert "crashes.png: its process ended with status -11: a damaged file" in said["crashes"]
    assert {path.name for path in (folder.parent / "out").iterdir()} == {"a", "b", SUMMARY}


def test_results_that_cannot_be_seen_from_here_are_said(
    folder: Path, model: Path, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tasks, "do_source", lambda source, _: tasks.Outcome(source, "ok", record={})
    )
    out = folder.parent / "out"
    [outcome] = process(
        find_sources([folder / "a.png"]).sources, out, REQUEST, Predictor(model), ray="here"
    )
    record = out / "a" / RECORD
    assert (outcome.status, outcome.reason) == (
        "failed",
        f"{folder / 'a.png'}: {record} cannot be seen from here: share its path",
    )


def test_the_command_says_what_is_missing(
    segment: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = segment(folder, "--ray", "auto")
    assert ended.status == 1
    assert ended.lines == [
        'segment on several machines needs the package ray: pip install "coroseg[cluster]"'
    ]


@pytest.mark.long
@pytest.mark.parametrize("places", ["paths", "urls"])
def test_a_folder_that_loses_one_of_two_machines_ends_as_it_does_here(
    model: Path, tmp_path: Path, places: str
) -> None:
    need_a_network_of_our_own()
    count = 40
    for number in range(count):
        lengths = [10 + (7 * number + frame) % 60 for frame in range(60)]
        write_run(tmp_path / "in" / f"{number % 3}" / f"{number}.dcm", tuple(lengths))
    (tmp_path / "in" / "broken.png").touch()
    here, there = tmp_path / "here", tmp_path / "there"
    place, out = (
        (tmp_path / "in", there)
        if places == "paths"
        else (f"file://{tmp_path}/in", f"file://{there}")
    )
    script: Sequence[object] = [sys.executable, "-W", "error", SCRIPT, place, out, model]
    ended = subprocess.run(
        alone(*map(str, script), str(tmp_path / "lost.json")),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lost = json.loads((tmp_path / "lost.json").read_text())
    assert lost["doing"] >= 1  # it was in the middle of a source
    assert 1 <= lost["before"] < count
    assert lost["reported"] == count + 1
    assert lost["failed"] == [f"{place}/broken.png: the file is empty: export or copy it again"]

    sources = find_sources([tmp_path / "in"]).sources
    process(sources, here, REQUEST, Predictor(model))
    assert files_of(there) == files_of(here)
    assert rows_of(there / SUMMARY) == rows_of(here / SUMMARY)
