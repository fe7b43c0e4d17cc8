import errno
import json
import os
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from coroseg import results
from coroseg.angiogram import Angiogram
from coroseg.errors import OutputError
from coroseg.io.overlay import draw_overlay
from coroseg.io.tree_files import branches_csv, stenoses_csv
from coroseg.measuring import Catheter, tree_record
from coroseg.records import Record, Request, finished_record, frame_record, read_record, run_record
from coroseg.results import write_frame, write_run
from coroseg.segmentation.predictor import Predictor
from coroseg.segmentation.segment import Segmentation, segment, segment_all
from made_trees import made_tree
from segmentation.runs import drawn_run
from tiny_sources import COLUMNS, FRAME_FILES, LENGTHS, MEASURE_FILES, ROWS, write_model

REQUEST = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)
SHA256 = "0" * 64


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor(write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"), threads=1)


@pytest.fixture(scope="module")
def run() -> Angiogram:
    return drawn_run(*LENGTHS)


@pytest.fixture(scope="module")
def result(run: Angiogram, predictor: Predictor) -> Segmentation:
    return segment(run, predictor=predictor)


@pytest.fixture
def record(run: Angiogram, result: Segmentation) -> Record:
    return run_record(run, SHA256, result.model, REQUEST) | frame_record(result)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_the_files_of_a_frame_hold_what_was_segmented(
    tmp_path: Path, result: Segmentation, record: Record
) -> None:
    folder = tmp_path / "sub" / "run"
    assert write_frame(folder, result, record) == record
    assert names(folder) == FRAME_FILES
    assert names(tmp_path / "sub") == {"run"}
    with Image.open(folder / "mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", (COLUMNS, ROWS))
        np.testing.assert_array_equal(np.asarray(mask), np.where(result.mask, 255, 0))
    with Image.open(folder / "probability.png") as probability:
        assert (probability.mode, probability.size) == ("I;16", (COLUMNS, ROWS))
        stored = np.asarray(probability) / 65535
    np.testing.assert_allclose(stored, result.probability, atol=0.5001 / 65535)
    with Image.open(folder / "overlay.png") as overlay:
        assert (overlay.mode, overlay.size) == ("RGB", (COLUMNS, ROWS))
        drawn = draw_overlay(result.image, result.contours)
        np.testing.assert_array_equal(np.asarray(overlay), drawn)
    contours = json.loads((folder / "contours.json").read_text())
    assert [len(c["outer_px"]) for c in contours["contours"]] == [len(result.contours[0].outer)]
    svg = ET.parse(folder / "contours.svg").getroot()  # noqa: S314 # our own file
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert read_record(folder) == record


def test_the_record_says_what_the_numbers_stand_on(record: Record, result: Segmentation) -> None:
    assert record | {"version": "any"} == {
        "schema": "coroseg-result-2",
        "note": "Research software, not a medical device.",
        "version": "any",
        "source": "drawn",
        "source_sha256": SHA256,
        "request": {
            "frame": "best",
            "spacing_mm": None,
            "as_run": False,
            "any_modality": False,
            "catheter_french": None,
            "catheter_points": None,
            "dicom": False,
        },
        "frames": 4,
        "rows": ROWS,
        "columns": COLUMNS,
        "spacing_mm": [0.5, 0.2],
        "spacing_source": "user",
        "primary_angle_deg": None,
        "secondary_angle_deg": None,
        "model": {"name": "tiny", "version": "3", "sha256": result.model.sha256},
        "frame": 3,
        "threshold": pytest.approx(result.threshold, abs=1e-6),
        "vessel_area_px": int(result.mask.sum()),
        "vessel_area_mm2": pytest.approx(result.mask.sum() * 0.5 * 0.2),
        "flags": [],
    }


def test_with_a_tree_its_measures_are_written_too(
    tmp_path: Path, result: Segmentation, record: Record
) -> None:
    tree = made_tree()
    record |= {"calibration": None, "measures": tree_record(tree)}
    write_frame(tmp_path / "run", result, record, tree)
    assert names(tmp_path / "run") == FRAME_FILES | MEASURE_FILES
    texts = {name: (tmp_path / "run" / name).read_text() for name in MEASURE_FILES}
    assert texts["branches.csv"] == branches_csv(tree)
    assert texts["stenoses.csv"] == stenoses_csv(tree)
    assert ET.fromstring(texts["diameters.svg"]).tag.endswith("svg")  # noqa: S314 # our own file
    assert texts["diameters.svg"] in texts["report.html"]
    with Image.open(tmp_path / "run" / "overlay.png") as overlay:
        drawn = draw_overlay(result.image, result.contours, tree)
        np.testing.assert_array_equal(np.asarray(overlay), drawn)
    write_frame(tmp_path / "run", result, record)
    assert names(tmp_path / "run") == FRAME_FILES


def test_without_a_spacing_nothing_is_in_mm(run: Angiogram, result: Segmentation) -> None:
    record = run_record(replace(run, spacing=None), SHA256, result.model, REQUEST)
    assert (record["spacing_mm"], record["spacing_source"]) == (None, None)
    assert frame_record(replace(result, spacing=None))["vessel_area_mm2"] is None


def test_the_masks_of_a_run_are_one_stack(
    tmp_path: Path, run: Angiogram, predictor: Predictor, record: Record
) -> None:
    segmented = list(segment_all(run, predictor))
    whole = write_run(tmp_path / "run", segmented, record, start=time.perf_counter() - 2)
    assert names(tmp_path / "run") == {"mask.tif", "contours.json", "overlay.png", "result.json"}
    with Image.open(tmp_path / "run" / "mask.tif") as stack:
        assert (stack.n_frames, stack.mode, stack.size) == (4, "L", (COLUMNS, ROWS))
        for index, one in enumerate(segmented):
            stack.seek(index)
            np.testing.assert_array_equal(np.asarray(stack), np.where(one.mask, 255, 0))
    assert read_record(tmp_path / "run") == whole
    assert whole["best_frame"] == 3
    assert whole["frame_results"] == [frame_record(one) for one in segmented]
    assert whole["frame_results"][0]["flags"] == ["no_vessel"]
    assert 2 <= whole["seconds"] < 60
    with Image.open(tmp_path / "run" / "overlay.png") as overlay:
        drawn = draw_overlay(segmented[2].image, segmented[2].contours)
        np.testing.assert_array_equal(np.asarray(overlay), drawn)


def test_a_run_is_written_as_its_frames_come(
    tmp_path: Path, predictor: Predictor, record: Record
) -> None:
    alive: list[weakref.ref[Segmentation]] = []
    most = 0

    def counted() -> Iterator[Segmentation]:
        nonlocal most
        for one in segment_all(drawn_run(*range(20, 60, 2)), predictor):
            alive.append(weakref.ref(one))
            most = max(most, sum(reference() is not None for reference in alive))
            yield one

    write_run(tmp_path / "run", counted(), record, start=0)
    assert len(alive) == 20
    assert most <= 3  # this one, the one before, and the best of all


def test_what_another_request_left_goes_and_what_a_user_left_stays(
    tmp_path: Path, run: Angiogram, predictor: Predictor, result: Segmentation, record: Record
) -> None:
    folder = tmp_path / "run"
    write_frame(folder, result, record)
    (folder / "notes.txt").write_text("mine")
    (folder / "corrected").mkdir()
    write_run(folder, segment_all(run, predictor), dict(record), start=0)
    own = {"notes.txt", "corrected"}
    assert names(folder) == {"mask.tif", "contours.json", "overlay.png", "result.json"} | own
    write_frame(folder, result, record)
    assert names(folder) == FRAME_FILES | own
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("failing", range(7))
def test_a_folder_in_which_a_move_failed_does_not_claim_to_be_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    result: Segmentation,
    record: Record,
    failing: int,
) -> None:
    folder = tmp_path / "run"
    write_frame(folder, result, record)
    (folder / "notes.txt").write_text("mine")
    moves = iter(range(100))
    replace_file = Path.replace

    def replace_or_fail(self: Path, target: Path) -> Path:
        if next(moves) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_fail)
    with pytest.raises(OutputError, match=r"run: cannot be written .Input/output error"):
        write_frame(folder, result, record)
    finished = finished_record(folder, SHA256, result.model, REQUEST)
    assert finished == (None if failing else record)  # nothing was moved before the first
    assert (folder / "notes.txt").read_text() == "mine"
    assert names(tmp_path) == {"run"}
    write_frame(folder, result, record)
    assert finished_record(folder, SHA256, result.model, REQUEST) == record


@pytest.mark.parametrize("last", range(4))
def test_a_new_folder_appears_whole_or_not_at_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    result: Segmentation,
    record: Record,
    last: int,
) -> None:
    """A process told to leave may be so at any of its moves."""
    moves = iter(range(100))
    left = []

    def leave_before(move: Callable[..., None]) -> Callable[..., None]:
        def moved(*arguments: object) -> None:
            if next(moves) == last:
                left.append(arguments)
                raise SystemExit(1)
            move(*arguments)

        return moved

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, leave_before(getattr(os, name)))
    with suppress(SystemExit):
        write_frame(tmp_path / "run", result, record)
    assert names(tmp_path) == (set() if left else {"run"})
    if not left:
        assert finished_record(tmp_path / "run", SHA256, result.model, REQUEST) == record
        assert names(tmp_path / "run") == FRAME_FILES
        (tmp_path / "any").mkdir()
        modes = {(tmp_path / name).stat().st_mode for name in ("run", "any")}
        assert len(modes) == 1  # others may look into it as into any new folder
    assert left or last > 0


@pytest.mark.parametrize("name", ["mask.png", "overlay.png", "seg.dcm", "result.json"])
def test_a_user_s_own_files_are_not_written_over(
    tmp_path: Path, result: Segmentation, record: Record, name: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(OutputError, match=f"run: holds a {name} that is of no earlier results"):
        write_frame(folder, result, record)
    assert names(tmp_path) | names(folder) == {"run", name}
    assert (folder / name).read_text() == "mine"


def test_results_of_an_earlier_schema_are_replaced(
    tmp_path: Path, result: Segmentation, record: Record
) -> None:
    write_frame(tmp_path / "run", result, record)
    earlier = record | {"schema": "coroseg-result-1"}
    (tmp_path / "run" / "result.json").write_text(json.dumps(earlier))
    assert read_record(tmp_path / "run") is None
    write_frame(tmp_path / "run", result, record)
    assert read_record(tmp_path / "run") == record


@pytest.mark.parametrize(
    "failure",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt(), ZeroDivisionError()],
)
def test_a_failure_while_writing_leaves_earlier_results_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    result: Segmentation,
    record: Record,
    failure: BaseException,
) -> None:
    def fail(*arguments: object) -> None:
        raise failure

    seen = OutputError if isinstance(failure, OSError) else type(failure)
    folder = tmp_path / "run"
    write_frame(folder, result, record)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(results, "contours_svg", fail)
    with pytest.raises(seen):
        write_frame(folder, replace(result, mask=~result.mask), record | {"frame": 1})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with pytest.raises(seen):
        write_frame(tmp_path / "other" / "run", result, record)
    assert names(tmp_path) == {"run", "other"}
    assert names(tmp_path / "other") == set()


def test_a_run_that_fails_on_its_way_leaves_nothing(
    tmp_path: Path, run: Angiogram, predictor: Predictor, record: Record
) -> None:
    def interrupted() -> Iterator[Segmentation]:
        yield next(segment_all(run, predictor))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_run(tmp_path / "run", interrupted(), record, start=0)
    assert names(tmp_path) == set()


def test_a_file_in_the_folder_s_place_is_explained(
    tmp_path: Path, result: Segmentation, record: Record
) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match=r"run: cannot be written .*a file stands where"):
        write_frame(tmp_path / "run", result, record)
    assert (tmp_path / "run").read_text() == "mine"
    assert names(tmp_path) == {"run"}


def test_results_are_finished_only_for_the_same_question(
    tmp_path: Path, result: Segmentation, record: Record
) -> None:
    model = result.model
    write_frame(tmp_path, result, record)
    assert finished_record(tmp_path, SHA256, model, REQUEST) == record
    assert finished_record(tmp_path, "1" * 64, model, REQUEST) is None
    assert finished_record(tmp_path, SHA256, replace(model, sha256="other"), REQUEST) is None
    catheter = Catheter(6, (1, 2, 3, 4.5))
    others = {
        "frame": "all",
        "spacing_mm": 0.3,
        "as_run": True,
        "any_modality": True,
        "catheter": catheter,
        "dicom": True,
    }
    assert others.keys() == vars(REQUEST).keys()
    for name, value in others.items():
        changed = replace(REQUEST, **{name: value})
        assert finished_record(tmp_path, SHA256, model, changed) is None
    asked = replace(REQUEST, catheter=catheter)
    write_frame(tmp_path, result, record | {"request": asked.recorded})
    assert finished_record(tmp_path, SHA256, model, asked) is not None
    write_frame(tmp_path, result, record | {"error": "ZeroDivisionError()"})
    assert finished_record(tmp_path, SHA256, model, REQUEST) is None
    record["version"] = "0.0.1"
    write_frame(tmp_path, result, record)
    assert finished_record(tmp_path, SHA256, model, REQUEST) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"schema": "coroseg-result-1"}', b"{}", b"null"]
)
def test_another_s_record_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "result.json").write_bytes(content)
    assert read_record(tmp_path) is None


def test_a_folder_without_record_has_none(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "missing") is None
