"""Sources and results behind URLs: the same files as here, and nothing of a user's own lost."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from command_line import Command, in_turn
from coroseg import batch
from coroseg.batch import process
from coroseg.errors import OutputError
from coroseg.io import urls
from coroseg.io.leftovers import scratch_path
from coroseg.io.sources import Source, find_sources
from coroseg.records import RECORD, Request, read_record
from coroseg.results import RUN_FILES
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import SUMMARY, Outcome
from coroseg.summary_table import read_csv
from coroseg.workers import Limits
from test_workers import TROUBLE, files_of
from tiny_sources import FRAME_FILES, MEASURE_FILES, write_png, write_run

REQUEST = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)
TIMES = {"seconds", "measure_seconds", "source"}


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    return Predictor(model, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two images, a run in a folder of its own, and a damaged file."""
    write_png(tmp_path / "in" / "a.png", 30)
    write_png(tmp_path / "in" / "b.png", 50)
    write_run(tmp_path / "in" / "p" / "c.dcm")
    (tmp_path / "in" / "p" / "broken.png").touch()
    return tmp_path / "in"


@pytest.fixture(params=["file", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a place to write to."""
    yield f"{request.param}://{tmp_path}/there"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See to it that nothing is left of what was fetched."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    yield
    # ONNX Runtime keeps the number of its session there.
    assert {path.name for path in (tmp_path / "tmp").iterdir()} <= {".ses"}


def upload(folder: Path, url: str) -> str:
    """Copy a folder to `url`; return it."""
    for path in folder.rglob("*"):
        if path.is_file():
            urls.put(path, f"{url}/{path.relative_to(folder).as_posix()}")
    return url


def download(url: str, folder: Path) -> Path:
    """Return a new copy of what lies at `url`, hidden files too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for entry in urls.entries(url):
        if entry.is_dir():
            download(entry.path, folder / entry.name)
        else:
            urls.fetch(entry.path, folder / entry.name)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a summary, less times and places."""
    return [{key: row[key] for key in row.keys() - TIMES - {"reason"}} for row in read_csv(path)]


def test_what_lies_elsewhere_gives_what_lies_here(
    folder: Path, base: str, predictor: Predictor, tmp_path: Path
) -> None:
    here = process(find_sources([folder]).sources, tmp_path / "here", REQUEST, predictor)
    far = find_sources([upload(folder, f"{base}/in")]).sources
    expected = files_of(tmp_path / "here")
    statuses = [(one.source.name, one.status) for one in here]
    assert [status for _, status in statuses] == ["ok", "ok", "failed", "ok"]
    for number, (sources, out) in enumerate(
        [
            (far, f"{base}/out"),
            (far, tmp_path / "near"),
            (find_sources([folder]).sources, f"{base}/more/"),
        ]
    ):
        outcomes = process(sources, out, REQUEST, predictor)
        assert [(one.source.name, one.status) for one in outcomes] == statuses
        again = process(sources, out, REQUEST, predictor)
        assert [one.repeated for one in again] == [True, True, False, True]
        copied = out if isinstance(out, Path) else download(out, tmp_path / f"copy{number}")
        assert files_of(copied) == expected
        assert rows_of(copied / SUMMARY) == rows_of(tmp_path / "here" / SUMMARY)
        assert [row["source"] for row in read_csv(copied / SUMMARY)] == [s.place for s in sources]
        (reason,) = (one.reason for one in outcomes if one.status == "failed")
        place = next(source.place for source in sources if source.name.name == "broken")
        assert reason == f"{place}: the file is empty: export or copy it again"


def test_finished_work_is_neither_done_nor_put_again(
    folder: Path, base: str, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = find_sources([folder / "a.png"]).sources, f"{base}/out"
    scratch_path().mkdir()  # as a process that was killed leaves it: it goes
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)  # no time tells results apart
    process(source, out, REQUEST, predictor)
    put: list[str] = []
    monkeypatch.setattr(urls, "put_whole", lambda _, url: put.append(url))
    [outcome] = process(source, out, REQUEST, predictor)
    assert (outcome.repeated, put) == (True, [])
    process(source, out, REQUEST, predictor, overwrite=True)
    assert put == [f"{out}/a/{RECORD}"] * 2


def test_stale_results_go_and_a_user_s_own_files_stay(
    folder: Path, base: str, predictor: Predictor, tmp_path: Path
) -> None:
    source, out = find_sources([folder / "p" / "c.dcm"]).sources, f"{base}/out"
    process(source, out, REQUEST, predictor)
    assert {entry.name for entry in urls.entries(f"{out}/c")} == FRAME_FILES | MEASURE_FILES
    (tmp_path / "notes.txt").write_text("mine")
    urls.put(tmp_path / "notes.txt", f"{out}/c/notes.txt")
    frames = Request("all", None, as_run=False, any_modality=False)
    process(source, out, frames, predictor)
    left = {entry.name for entry in urls.entries(f"{out}/c")}
    assert left == {*RUN_FILES, RECORD, "notes.txt"}


@pytest.mark.parametrize("name", ["mask.png", RECORD])
def test_files_that_are_no_results_are_never_written_over(
    folder: Path, base: str, predictor: Predictor, tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine").write_text("mine")
    urls.put(tmp_path / "mine", f"{base}/out/a/{name}")
    [outcome] = process(find_sources([folder / "a.png"]).sources, f"{base}/out", REQUEST, predictor)
    assert outcome.reason == (
        f"{base}/out/a: holds a {name} that is of no earlier results: choose another folder"
    )
    assert [entry.name for entry in urls.entries(f"{base}/out/a")] == [name]
    assert urls.head(f"{base}/out/a/{name}", 9) == b"mine"


@pytest.mark.parametrize("lost", [1, 2, 5, 9, 10])
def test_results_whose_upload_was_cut_off_are_made_again(
    folder: Path, base: str, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    tmp_path = folder.parent
    source, out = find_sources([folder / "a.png"]).sources, f"{base}/out"
    process(source, tmp_path / "here", REQUEST, predictor)
    longer = Request("1", None, as_run=False, any_modality=False)
    process(source, out, longer, predictor)  # what lies there already
    calls: list[str] = []

    def cut_off(put: Callable[[Path, str], None]) -> Callable[[Path, str], None]:
        def maybe(path: Path, url: str) -> None:
            if "/a/" in url:
                calls.append(url)
            if len(calls) >= lost and "/a/" in url:
                raise OutputError(f"{url}: cannot be written (the line is dead)")
            put(path, url)

        return maybe

    with monkeypatch.context() as patched:
        patched.setattr(urls, "put", cut_off(urls.put))
        patched.setattr(urls, "put_whole", cut_off(urls.put_whole))
        [outcome] = process(source, out, REQUEST, predictor)
    assert (outcome.status, len(calls)) == ("failed", lost)
    assert "the line is dead" in outcome.reason
    if lost > 1:  # else nothing was touched
        record = read_record(download(f"{out}/a", tmp_path / "cut"))
        assert record is not None
        assert record["error"] == "its files were not all moved here"
    [outcome] = process(source, out, REQUEST, predictor)
    assert (outcome.status, outcome.repeated) == ("ok", False)
    assert files_of(download(out, tmp_path / "copy")) == files_of(tmp_path / "here")


def test_the_summary_there_goes_on_however_the_work_ends(
    folder: Path, base: str, predictor: Predictor, tmp_path: Path
) -> None:
    a, b, *_ = find_sources([folder]).sources
    out = f"{base}/out"
    process([b], out, REQUEST, predictor)

    def leave(_: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process([a], out, REQUEST, predictor, report=leave)
    rows = read_csv(download(out, tmp_path / "copy") / SUMMARY)
    assert [(row["name"], row["status"]) for row in rows] == [("b", "ok"), ("a", "ok")]
    process([a], out, REQUEST, predictor, summary=tmp_path / "mine.csv")
    assert [row["name"] for row in read_csv(tmp_path / "mine.csv")] == ["a"]


def test_a_summary_of_another_s_is_refused(
    folder: Path, base: str, predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "theirs").write_text("name,price\nshoe,12\n")
    urls.put(tmp_path / "theirs", f"{base}/out/{SUMMARY}")
    with pytest.raises(OutputError) as caught:
        process(find_sources([folder]).sources, f"{base}/out", REQUEST, predictor)
    assert str(caught.value).startswith(f"{base}/out/{SUMMARY}: ")
    assert urls.head(f"{base}/out/{SUMMARY}", 10) == b"name,price"
    assert [entry.name for entry in urls.entries(f"{base}/out")] == [SUMMARY]


def test_a_place_that_cannot_be_written_to_ends_the_work_before_it_begins(
    folder: Path, predictor: Predictor, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    out = f"file://{tmp_path}/file/out"
    with pytest.raises(OutputError, match=rf"^{out}/.*: cannot be written \(Not a directory\): "):
        process(find_sources([folder]).sources, out, REQUEST, predictor, report=pytest.fail)


def test_a_source_that_is_gone_is_one_line(base: str, predictor: Predictor, tmp_path: Path) -> None:
    gone = find_sources([f"{base}/gone.png"]).sources
    [outcome] = process(gone, tmp_path / "out", REQUEST, predictor)
    assert outcome.reason == (
        f"{base}/gone.png: cannot be read (no such file): "
        "check the address, and that you have access"
    )


def test_workers_fetch_and_put_and_one_that_hangs_leaves_nothing(
    folder: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(find_sources([folder]).sources, tmp_path / "here", REQUEST, predictor)
    shutil.copy(folder / "a.png", folder / "hangs.png")
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(TROUBLE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))
    sources, out = find_sources([f"file://{folder}"]).sources, f"file://{tmp_path}/out"
    outcomes = process(sources, out, REQUEST, predictor, workers=1, limits=Limits(seconds=6))
    said = {one.source.name.name: one.reason for one in outcomes if one.status == "failed"}
    assert said["hangs"] == (
        f"file://{folder}/hangs.png: took more than 6 s and was cut off: see --time-limit"
    )
    assert said.keys() == {"hangs", "broken"}
    assert files_of(tmp_path / "out") == files_of(tmp_path / "here")


def test_the_command_takes_urls(
    coroseg: Command, model: Path, folder: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "in_workers", in_turn)
    upload(folder, f"{base}/in")
    arguments = ("segment", f"{base}/in", folder / "a.png", "--out", f"{base}/out/")
    ended = coroseg(*arguments, "--model", model)
    assert ended.status == 1
    assert ended.out == f"4 ok, 1 failed -> {base}/out/summary.csv\n"
    (line,) = ended.lines
    assert line.startswith(f"failed: {base}/in/p/broken.png: ")
    rows = read_csv(download(f"{base}/out", folder.parent / "copy") / SUMMARY)
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names)) == 5
    refused = {
        ("--as-run",): (1, "only a folder of this machine can be one run"),
        ("--summary", "s3://bucket/x.csv"): (2, "a file of this machine"),
    }
    for options, (status, words) in refused.items():
        ended = coroseg(*arguments, *options)
        assert ended.status == status
        (line,) = ended.lines
        assert words in line


def test_a_source_names_its_place(tmp_path: Path) -> None:
    [here] = find_sources([tmp_path / "a.png"]).sources
    assert here == Source(tmp_path / "a.png", here.name)
    assert here.place == str(tmp_path / "a.png")
