import csv
import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from coroseg import measuring, pipeline
from coroseg.batch import process
from coroseg.errors import DataError, OutputError
from coroseg.io.sources import find_sources
from coroseg.measuring import Catheter
from coroseg.records import Request, read_record
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome
from coroseg.summary_table import COLUMNS as SUMMARY_COLUMNS
from made_trees import made_tree
from segmentation.tiny_model import METADATA
from tiny_sources import (
    COLUMNS,
    FRAME_FILES,
    MEASURE_FILES,
    ROWS,
    write_model,
    write_png,
    write_run,
)

REQUEST = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)
DISK_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Watched(Predictor):
    """Counts how often the network runs, and can raise instead."""

    calls = 0
    raises: BaseException | None = None
    at_call = 0

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls += 1
        if self.raises is not None and self.calls == self.at_call:
            raise self.raises
        return super().run(images)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def predictor(model: Path) -> Watched:
    return Watched(model, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of five images, a.png to e.png."""
    for index, name in enumerate("abcde"):
        write_png(tmp_path / "in" / f"{name}.png", 30 + 8 * index)
    return tmp_path / "in"


def ran(source: Path, out: Path, predictor: Predictor, **options: Any) -> list[Outcome]:
    """Process what is below `source`; options are those of the request and of `process`.

    The outcomes are those that are reported, with their records, in the order of the sources.
    """
    asked = {name: options.pop(name) for name in vars(REQUEST) if name in options}
    sources = find_sources([source], as_run=bool(asked.get("as_run"))).sources
    heard: list[Outcome] = []
    returned = process(
        sources, out, replace(REQUEST, **asked), predictor, report=heard.append, **options
    )
    assert [outcome.source for outcome in returned] == sources
    heard.sort(key=lambda outcome: sources.index(outcome.source))
    assert returned == [replace(outcome, record=None) for outcome in heard]
    return heard


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.source.name.as_posix(): outcome.status for outcome in outcomes}


def rows_in(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == list(SUMMARY_COLUMNS)
        return list(reader)


def assert_whole(folder: Path) -> None:
    assert {file.name for file in folder.iterdir()} == FRAME_FILES | MEASURE_FILES


def assert_nothing_left_over(out: Path) -> None:
    assert [path for path in out.rglob("*") if path.name.startswith(".")] == []


def failing_for(name: str, function: Callable[..., Any], error: BaseException) -> Any:
    """Return `function`, which raises `error` where an argument names the source `name`."""

    def fail_or_call(*arguments: Any, **options: Any) -> Any:
        said = (a if isinstance(a, Path) else getattr(a, "name", "") for a in arguments)
        if any(str(argument).endswith(name) for argument in said):
            raise error
        return function(*arguments, **options)

    return fail_or_call


def test_every_source_has_its_results_and_its_row(tmp_path: Path, predictor: Watched) -> None:
    write_png(tmp_path / "in" / "z.png")
    write_run(tmp_path / "in" / "sub" / "run.dcm", ImagerPixelSpacing=[0.5, 0.2])
    (tmp_path / "in" / "empty.png").touch()
    outcomes = ran(tmp_path / "in", tmp_path / "out", predictor)
    assert list(statuses(outcomes).items()) == [("empty", "failed"), ("sub/run", "ok"), ("z", "ok")]
    assert_whole(tmp_path / "out" / "z")
    assert_whole(tmp_path / "out" / "sub" / "run")
    assert not (tmp_path / "out" / "empty").exists()
    empty, run, z = rows_in(tmp_path / "out")
    assert (empty["name"], empty["status"], empty["frame"]) == ("empty", "failed", "")
    assert empty["reason"] == outcomes[0].reason
    assert "the file is empty" in empty["reason"]
    record = json.loads((tmp_path / "out" / "sub" / "run" / "result.json").read_text())
    assert record == outcomes[1].record
    assert run == {
        "name": "sub/run",
        "source": str(tmp_path / "in" / "sub" / "run.dcm"),
        "status": "ok",
        "reason": "",
        "frame": "3",
        "frames": "4",
        "rows": str(ROWS),
        "columns": str(COLUMNS),
        "spacing_row_mm": "0.5",
        "spacing_column_mm": "0.2",
        "spacing_source": "detector_plane",
        "threshold": str(record["threshold"]),
        "vessel_area_px": str(record["vessel_area_px"]),
        "vessel_area_mm2": str(record["vessel_area_mm2"]),
        "flags": "",
        "seconds": str(record["seconds"]),
        "branches": "1",
        "lesions": "0",
        "not_counted": str(record["measures"]["not_counted"]),
        "tightest_percent": "",
        "tightest_diameter_px": "",
        "tightest_diameter_mm": "",
        "measure_seconds": str(record["measures"]["seconds"]),
    }
    assert record["vessel_area_mm2"] == pytest.approx(record["vessel_area_px"] * 0.5 * 0.2)
    assert len(record["vessel_curve"]) == 4
    assert np.argmax(record["vessel_curve"]) == 2
    assert (z["spacing_row_mm"], z["spacing_source"], z["vessel_area_mm2"]) == ("", "", "")
    assert json.loads((tmp_path / "out" / "z" / "result.json").read_text())["vessel_curve"] is None


def test_the_row_of_a_source_has_its_tightest_lesion(
    tmp_path: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "measure_mask", lambda *_: made_tree())
    write_png(tmp_path / "a.png")
    ran(tmp_path / "a.png", tmp_path / "out", predictor)
    (row,) = rows_in(tmp_path / "out")
    assert (row["branches"], row["lesions"], row["not_counted"]) == ("3", "2", "1")
    assert [row[f"tightest_{name}"] for name in ("percent", "diameter_px", "diameter_mm")] == [
        "60.0",
        "2.4",
        "1.2",
    ]
    assert_whole(tmp_path / "out" / "a")


def test_the_row_of_a_whole_run_is_its_best_frame_s_with_all_flags(
    tmp_path: Path, predictor: Watched
) -> None:
    write_run(tmp_path / "run.dcm", (0, 30, 86, 50))
    (outcome,) = ran(tmp_path / "run.dcm", tmp_path / "out", predictor, frame="all")
    assert outcome.record is not None
    (row,) = rows_in(tmp_path / "out")
    best = outcome.record["frame_results"][2]
    assert (row["frame"], row["flags"]) == ("all", "no_vessel touches_border")
    assert row["vessel_area_px"] == str(best["vessel_area_px"])
    assert row["threshold"] == str(best["threshold"])


@pytest.mark.parametrize("frame", ["best", "3", "all"])
def test_a_frame_that_is_bad_fails_the_run_where_it_is_needed(
    tmp_path: Path, predictor: Watched, frame: str
) -> None:
    pixels = np.random.default_rng(0).random((COLUMNS, ROWS, 4)).astype(np.float32)
    pixels[5, 5, 2] = np.nan
    nib.save(nib.Nifti1Image(pixels, np.eye(4)), tmp_path / "b.nii")
    write_run(tmp_path / "a.dcm")
    write_run(tmp_path / "c.dcm")
    outcomes = ran(tmp_path, tmp_path / "out", predictor, frame=frame)
    assert statuses(outcomes) == {"a": "ok", "b": "failed", "c": "ok"}
    assert "frame 3: 1 pixels are NaN" in outcomes[1].reason
    assert not (tmp_path / "out" / "b").exists()
    assert_nothing_left_over(tmp_path / "out")


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("load", ZeroDivisionError("of our own")),
        ("segment", RecursionError("of our own")),
        ("write_frame", TypeError("of our own")),
    ],
)
def test_an_error_of_our_own_stops_no_other_source(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch, function: str, error: Any
) -> None:
    original = getattr(pipeline, function)
    name = "out/c" if function == "write_frame" else "c.png"
    monkeypatch.setattr(pipeline, function, failing_for(name, original, error))
    outcomes = ran(folder, folder.parent / "out", predictor)
    assert statuses(outcomes) == dict.fromkeys("abde", "ok") | {"c": "failed"}
    reason = outcomes[2].reason
    assert reason.startswith(f"{folder / 'c.png'}: an error of coroseg's own, please report it")
    assert repr(error) in reason
    assert [row["status"] for row in rows_in(folder.parent / "out")].count("failed") == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("bad allocation"),
        cv2.error("OpenCV(4.12) error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    ],
)
def test_a_source_that_needs_too_much_memory_says_so(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(pipeline, "load", failing_for("c.png", pipeline.load, error))
    outcomes = ran(folder, folder.parent / "out", predictor)
    assert statuses(outcomes) == dict.fromkeys("abde", "ok") | {"c": "failed"}
    reason = "needs more memory than it may have: see --memory-limit"
    assert outcomes[2].reason == f"{folder / 'c.png'}: {reason}"


def test_what_cannot_be_measured_keeps_its_mask_and_says_why(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DataError("too crooked: straighten it")

    out = folder.parent / "out"
    monkeypatch.setattr(measuring, "measure_mask", refuse)
    outcomes = ran(folder / "a.png", out, predictor)
    assert statuses(outcomes) == {"a": "ok"}
    assert {file.name for file in (out / "a").iterdir()} == FRAME_FILES
    record = json.loads((out / "a" / "result.json").read_text())
    assert record["flags"] == ["not_measured"]
    assert record["not_measured"] == "too crooked: straighten it"
    assert record["measures"] is None
    (row,) = rows_in(out)
    reason = f"{folder / 'a.png'}: not measured: too crooked: straighten it"
    assert (row["status"], row["reason"], row["branches"]) == ("ok", reason, "")
    (again,) = ran(folder / "a.png", out, predictor)
    assert (again.repeated, again.reason) == (True, reason)


@pytest.mark.parametrize("function", ["measure_frame", "write_frame"])
def test_an_error_of_our_own_in_measuring_fails_the_source_but_keeps_its_mask(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    out = folder.parent / "out"
    original = getattr(pipeline, function)

    def fail_once(*arguments: Any) -> Any:
        if function == "write_frame" and len(arguments) < 4:  # without measures
            return original(*arguments)
        raise ZeroDivisionError("of our own")

    monkeypatch.setattr(pipeline, function, fail_once)
    outcomes = ran(folder / "a.png", out, predictor)
    assert statuses(outcomes) == {"a": "failed"}
    assert "an error of coroseg's own, please report it" in outcomes[0].reason
    assert {file.name for file in (out / "a").iterdir()} == FRAME_FILES
    monkeypatch.undo()
    (again,) = ran(folder / "a.png", out, predictor)
    assert (again.status, again.repeated) == ("ok", False)
    assert_whole(out / "a")


def test_a_catheter_that_is_not_found_leaves_what_the_file_says(
    tmp_path: Path, predictor: Watched
) -> None:
    run = write_run(tmp_path / "run.dcm", ImagerPixelSpacing=[0.5, 0.2])
    (outcome,) = ran(run, tmp_path / "out", predictor, catheter=Catheter(6))
    assert outcome.record is not None
    assert outcome.record["spacing_source"] == "detector_plane"
    assert outcome.record["flags"] == ["not_calibrated"]
    assert outcome.reason.startswith(f"{run}: not calibrated: ")
    assert outcome.record["measures"]["branches"] == 1
    (other,) = ran(run, tmp_path / "out", predictor)
    assert not other.repeated


@pytest.mark.parametrize("function", ["run", "load", "segment", "segment_all"])
def test_ctrl_c_leaves_what_is_finished_and_its_summary(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    out = folder.parent / "out"
    frame = "all" if function == "segment_all" else "best"
    if function == "run":
        predictor.raises, predictor.at_call = KeyboardInterrupt(), 3
    else:
        interrupted = failing_for("c.png", getattr(pipeline, function), KeyboardInterrupt())
        monkeypatch.setattr(pipeline, function, interrupted)
    with pytest.raises(KeyboardInterrupt):
        ran(folder, out, predictor, frame=frame)
    assert {path.name for path in out.iterdir()} == {"a", "b", "summary.csv"}
    assert [(row["name"], row["status"]) for row in rows_in(out)] == [("a", "ok"), ("b", "ok")]
    assert_nothing_left_over(out)
    monkeypatch.undo()
    predictor.raises, predictor.calls = None, 0
    outcomes = ran(folder, out, predictor, frame=frame)
    assert [outcome.repeated for outcome in outcomes] == [True, True, False, False, False]
    assert predictor.calls == 3


def test_a_full_disk_ends_the_work_and_leaves_nothing_half_written(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.parent / "out"
    write_bytes, write_text = Path.write_bytes, Path.write_text
    full = False

    def refusing(write: Callable[..., int]) -> Callable[..., int]:
        def write_or_refuse(path: Path, *arguments: Any, **options: Any) -> int:
            nonlocal full
            full = full or (path.name == "overlay.png" and (out / "b").exists())
            if full:
                write(path, *arguments, **options)  # a full disk takes a part
                raise DISK_FULL
            return write(path, *arguments, **options)

        return write_or_refuse

    monkeypatch.setattr(Path, "write_bytes", refusing(write_bytes))
    monkeypatch.setattr(Path, "write_text", refusing(write_text))
    with pytest.raises(OutputError, match=r"No space left on device.*free some space"):
        ran(folder, out, predictor)
    assert {path.name for path in out.iterdir()} == {"a", "b", "summary.csv"}
    assert_whole(out / "a")
    assert_whole(out / "b")
    assert {row["name"] for row in rows_in(out) if row["status"] == "ok"} == {"a", "b"}


def test_a_folder_that_cannot_be_written_stops_no_other_source(
    folder: Path, predictor: Watched
) -> None:
    out = folder.parent / "out"
    out.mkdir()
    (out / "c").write_text("a user's own file")
    outcomes = ran(folder, out, predictor)
    assert statuses(outcomes) == dict.fromkeys("abde", "ok") | {"c": "failed"}
    assert "a file stands where a folder is needed" in outcomes[2].reason
    assert (out / "c").read_text() == "a user's own file"
    assert_nothing_left_over(out)


def test_what_is_finished_is_not_done_again(folder: Path, predictor: Watched) -> None:
    out = folder.parent / "out"
    first = ran(folder, out, predictor)
    assert predictor.calls == 5
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    second = ran(folder, out, predictor)
    assert predictor.calls == 5
    assert [outcome.repeated for outcome in first + second] == [False] * 5 + [True] * 5
    assert [outcome.record for outcome in second] == [outcome.record for outcome in first]
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    third = ran(folder, out, predictor, overwrite=True)
    assert predictor.calls == 10
    assert not any(outcome.repeated for outcome in third)


@pytest.mark.parametrize(
    "change",
    [{"frame": "1"}, {"frame": "all"}, {"spacing_mm": 0.3}, {"any_modality": True}],
)
def test_another_request_is_done_anew(
    folder: Path, predictor: Watched, change: dict[str, Any]
) -> None:
    ran(folder, folder.parent / "out", predictor)
    outcomes = ran(folder, folder.parent / "out", predictor, **change)
    assert not any(outcome.repeated for outcome in outcomes)
    assert predictor.calls == 10


def test_another_model_does_all_and_another_source_only_itself(
    folder: Path, predictor: Watched, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran(folder, out, predictor)
    write_png(folder / "b.png", 77)
    outcomes = ran(folder, out, predictor)
    assert [outcome.repeated for outcome in outcomes] == [True, False, True, True, True]
    other = Watched(write_model(tmp_path / "m.onnx", metadata=METADATA | {"version": "4"}))
    assert not any(outcome.repeated for outcome in ran(folder, out, other))


def test_a_frame_of_a_folder_that_changes_makes_a_new_run(folder: Path, predictor: Watched) -> None:
    out = folder.parent / "out"
    ran(folder, out, predictor, as_run=True)
    (again,) = ran(folder, out, predictor, as_run=True)
    assert again.repeated
    write_png(folder / "b.png", 77)
    (changed,) = ran(folder, out, predictor, as_run=True)
    assert not changed.repeated


def test_results_whose_moving_was_cut_off_are_made_again(
    folder: Path, predictor: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder.parent / "out"
    (out / "c").mkdir(parents=True)
    (out / "c" / "notes.txt").write_text("mine")
    original = Path.replace

    def interrupted(path: Path, target: Path) -> Path:
        if target == out / "c" / "overlay.png":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    assert statuses(ran(folder, out, predictor))["c"] == "failed"
    record = read_record(out / "c")
    assert record is not None
    assert record["error"] == "its files were not all moved here"
    monkeypatch.undo()
    outcomes = ran(folder, out, predictor)
    assert [outcome.repeated for outcome in outcomes] == [True, True, False, True, True]
    assert (out / "c" / "notes.txt").read_text() == "mine"
    (out / "c" / "notes.txt").unlink()
    assert_whole(out / "c")


def test_the_rows_of_other_sources_stay(folder: Path, predictor: Watched) -> None:
    out = folder.parent / "out"
    ran(folder / "d.png", out, predictor)
    ran(folder / "missing.png", out, predictor)
    ran(folder / "a.png", out, predictor)
    assert [row["name"] for row in rows_in(out)] == ["d", "missing", "a"]
    write_png(folder / "missing.png")
    ran(folder / "missing.png", out, predictor)
    assert [(row["name"], row["status"]) for row in rows_in(out)] == [
        ("d", "ok"),
        ("missing", "ok"),
        ("a", "ok"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"name,source\na,a.png\n",
        b"patient;age\n",
        b"",
        b"\xff\xfe\x00\x01",
        (",".join(SUMMARY_COLUMNS) + "\n" + "x," * 30 + "\n").encode(),
    ],
)
def test_another_s_summary_is_left_alone_and_said_at_once(
    folder: Path, predictor: Watched, content: bytes
) -> None:
    out = folder.parent / "out"
    out.mkdir()
    (out / "summary.csv").write_bytes(content)
    with pytest.raises(OutputError, match=r"summary.csv: was not written by this version"):
        ran(folder, out, predictor)
    assert predictor.calls == 0
    assert (out / "summary.csv").read_bytes() == content


def test_a_folder_in_the_summary_s_place_is_said_at_once(folder: Path, predictor: Watched) -> None:
    out = folder.parent / "out"
    (out / "summary.csv").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"a folder stands where the file is needed"):
        ran(folder, out, predictor)
    assert predictor.calls == 0


def test_a_name_that_is_not_utf_8(tmp_path: Path, predictor: Watched) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        write_png(tmp_path / "in" / f"{name}.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for _ in range(2):
        (outcome,) = ran(tmp_path / "in", tmp_path / "out", predictor)
        assert (outcome.status, outcome.reason) == ("ok", "")
    assert predictor.calls == 1
    assert_whole(tmp_path / "out" / name)
    assert b"\ncaf\xe9," in (tmp_path / "out" / "summary.csv").read_bytes().replace(b"\r", b"")
    (whole,) = ran(tmp_path / "in", tmp_path / "run", predictor, as_run=True)
    assert whole.status == "ok"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, predictor: Watched) -> None:
    os.mkfifo(tmp_path / "run.dcm")
    (outcome,) = ran(tmp_path / "run.dcm", tmp_path / "out", predictor)
    assert outcome.status == "failed"
    assert "not a regular file" in outcome.reason


def test_results_below_their_own_source_are_not_taken_for_sources(
    folder: Path, predictor: Watched
) -> None:
    ran(folder, folder, predictor)
    outcomes = ran(folder, folder, predictor)
    assert statuses(outcomes) == dict.fromkeys("abcde", "ok")
    assert predictor.calls == 5
    assert read_record(folder / "a") is not None
