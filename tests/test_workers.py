"""Sources in processes of their own: the same results, and none that can stop the others."""

import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coroseg.batch import process
from coroseg.errors import OutputError
from coroseg.io.leftovers import alone_in, temporary_beside
from coroseg.io.sources import find_sources
from coroseg.pipeline import Job
from coroseg.records import Request
from coroseg.segmentation.predictor import Predictor
from coroseg.summary_table import read_csv
from coroseg.workers import Limits, in_workers
from tiny_sources import write_png

REQUEST = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)

TROUBLE = """
import os, signal, time
import coroseg.pipeline as pipeline

def load(path, **options):
    if path.stem == "hangs":
        time.sleep(600)
    if path.stem == "swells":
        bytearray(8 * 2**30)
    if path.stem == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    return original(path, **options)

original, pipeline.load = pipeline.load, load
"""
"""What Python runs first in every worker: reading sources of these names goes wrong."""


@pytest.fixture
def predictor(model: Path) -> Predictor:
    return Predictor(model, threads=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index, name in enumerate("abcde"):
        write_png(tmp_path / "in" / f"{name}.png", 30 + 8 * index)
    return tmp_path / "in"


def files_of(out: Path) -> dict[str, Any]:
    """Return the content of all results, less how long they took."""

    def timeless(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: timeless(one) for key, one in value.items() if key != "seconds"}

    contents: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        if path.name == "result.json":
            contents[str(path.relative_to(out))] = timeless(json.loads(path.read_text()))
        elif path.is_file() and path.name not in {"summary.csv", "report.html"}:
            contents[str(path.relative_to(out))] = path.read_bytes()
    return contents


def test_workers_write_what_one_process_writes(folder: Path, predictor: Predictor) -> None:
    (folder / "c.png").write_bytes(b"")
    sources = find_sources([folder]).sources
    alone, shared = folder.parent / "alone", folder.parent / "shared"
    expected = process(sources, alone, REQUEST, predictor)
    outcomes = process(sources, shared, REQUEST, predictor, workers=2)
    assert outcomes == expected
    assert [outcome.status for outcome in outcomes] == ["ok", "ok", "failed", "ok", "ok"]
    assert files_of(shared) == files_of(alone)
    assert [row["name"] for row in read_csv(shared / "summary.csv")] == list("abcde")
    again = process(sources, shared, REQUEST, predictor, workers=2)
    assert [outcome.repeated for outcome in again] == [True, True, False, True, True]


@pytest.mark.skipif(os.name != "posix", reason="signals and memory limits are POSIX's")
def test_a_source_that_hangs_swells_or_crashes_is_cut_off_and_said(
    folder: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hangs", "swells", "crashes"):
        shutil.copy(folder / "a.png", folder / f"{name}.png")
    (folder.parent / "first").mkdir()
    (folder.parent / "first" / "sitecustomize.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", str(folder.parent / "first"))
    out = folder.parent / "out"
    outcomes = process(
        find_sources([folder]).sources,
        out,
        REQUEST,
        predictor,
        workers=2,
        limits=Limits(seconds=3, memory_mb=4096),
    )
    said = {o.source.name.name: o.reason for o in outcomes if o.status == "failed"}
    assert said == {
        "crashes": f"{folder / 'crashes.png'}: its process ended with status -11: "
        "a damaged file, or too little memory (--memory-limit)",
        "hangs": f"{folder / 'hangs.png'}: took more than 3 s and was cut off: see --time-limit",
        "swells": f"{folder / 'swells.png'}: needs more memory than it may have: "
        "see --memory-limit",
    }
    assert {o.source.name.name for o in outcomes if o.status == "ok"} == set("abcde")
    assert {path.name for path in out.iterdir()} == {*"abcde", "summary.csv"}
    assert len(read_csv(out / "summary.csv")) == 8


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux tells its memory there")
def test_workers_share_the_memory_but_each_may_have_what_a_run_takes() -> None:
    machine = int(Path("/proc/meminfo").read_text().split()[1]) / 1024  # MB
    assert Limits.shared(1).memory_mb == pytest.approx(0.8 * machine, abs=1)
    assert Limits.shared(10_000).memory_mb == 1024
    assert Limits.shared(10_000, memory_mb=7).memory_mb == 7


def test_leaving_early_ends_the_workers(folder: Path, predictor: Predictor) -> None:
    job = Job(folder.parent / "out", REQUEST)
    job.out.mkdir()
    sources = find_sources([folder]).sources
    with closing(in_workers(sources, job, predictor, 2, Limits())) as ended:
        first = next(ended)
        assert first.status == "ok"
        workers = workers_of(os.getpid())
        waiting = next(source for source in sources[:4] if source != first.source)
        (job.out / f".coroseg-{waiting.name.name}-killed").mkdir()  # before it could clean up
    assert len(workers) == 2
    assert not any(is_running(worker) for worker in workers)
    assert not [path for path in job.out.iterdir() if path.name.startswith(".")]


def test_two_do_not_write_to_one_folder(folder: Path, predictor: Predictor) -> None:
    out = folder.parent / "out"
    out.mkdir()
    sources = find_sources([folder]).sources
    with alone_in(out), pytest.raises(OutputError, match="another coroseg writes there"):
        process(sources, out, REQUEST, predictor)
    assert list(out.iterdir()) == []
    assert len(process(sources, out, REQUEST, predictor)) == 5


def test_what_a_killed_process_left_is_removed(folder: Path, predictor: Predictor) -> None:
    out = folder.parent / "out"
    out.mkdir()
    with temporary_beside(out / "a") as left:
        (left / "mask.png").write_bytes(b"half")
        shutil.copytree(left, out / ".coroseg-a-killed_1")
        shutil.copytree(left, out / ".coroseg-mine")
    process(find_sources([folder]).sources, out, REQUEST, predictor)
    assert {path.name for path in out.iterdir()} == {*"abcde", "summary.csv", ".coroseg-mine"}


def workers_of(process_id: int) -> list[int]:
    """Return the processes that a process has begun to do work, by Linux's account."""
    path = Path(f"/proc/{process_id}/task/{process_id}/children")
    if not path.exists():
        pytest.skip("this system does not tell which processes a process has begun")
    children = [int(child) for child in path.read_text().split()]
    return [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
