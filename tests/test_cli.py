import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from command_line import Command, Ended, folders_in, names, pixels_of, record_in
from coroseg.segmentation.predictor import Predictor
from tiny_sources import (
    COLUMNS,
    FRAME_FILES,
    LENGTHS,
    MEASURE_FILES,
    ROWS,
    write_png,
    write_run,
)


def test_one_image_and_all_its_files(segment: Command, model: Path, tmp_path: Path) -> None:
    image = write_png(tmp_path / "a.png", 50)
    ended = segment(image)
    assert ended == Ended(0, f"1 ok -> {tmp_path / 'out' / 'summary.csv'}\n", "")
    assert names(tmp_path / "out") == {"a", "summary.csv"}
    folder = tmp_path / "out" / "a"
    assert names(folder) == FRAME_FILES | MEASURE_FILES
    mask = pixels_of(folder / "mask.png")
    assert mask.shape == (ROWS, COLUMNS)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    probability = pixels_of(folder / "probability.png")
    assert probability.dtype == np.uint16
    assert probability.shape == mask.shape
    assert probability[mask == 255].min() > probability[mask == 0].max()
    assert pixels_of(folder / "overlay.png").shape == (ROWS, COLUMNS, 3)
    record = record_in(folder)
    assert record["source"] == "a.png"
    assert record["source_sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert record["version"] == version("coroseg")
    assert record["model"] == {
        "name": "tiny",
        "version": "3",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
    }
    assert (record["frame"], record["frames"]) == (1, 1)
    assert (record["rows"], record["columns"]) == (ROWS, COLUMNS)
    assert record["vessel_area_px"] == np.count_nonzero(mask)


def test_without_spacing_all_is_in_pixels(segment: Command, tmp_path: Path) -> None:
    assert segment(write_png(tmp_path / "a.png")).status == 0
    folder = tmp_path / "out" / "a"
    for stated in (record_in(folder), json.loads((folder / "contours.json").read_text())):
        assert (stated["spacing_mm"], stated["spacing_source"]) == (None, None)
    assert record_in(folder)["vessel_area_mm2"] is None
    assert '_mm":' not in (folder / "contours.json").read_text().replace('"spacing_mm":', "")
    svg = ET.parse(folder / "contours.svg").getroot()  # noqa: S314 # our own file
    assert (svg.get("width"), svg.get("height")) == (str(COLUMNS), str(ROWS))


def test_a_spacing_of_the_user_replaces_the_file_s(segment: Command, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run.dcm", ImagerPixelSpacing=[0.5, 0.2])
    assert segment(run, "--spacing", "0.25").status == 0
    folder = tmp_path / "out" / "run"
    record = record_in(folder)
    assert (record["spacing_mm"], record["spacing_source"]) == ([0.25, 0.25], "user")
    assert record["vessel_area_mm2"] == pytest.approx(record["vessel_area_px"] / 16)
    (contour,) = json.loads((folder / "contours.json").read_text())["contours"]
    np.testing.assert_allclose(
        np.array(contour["outer_mm"]), np.array(contour["outer_px"]) / 4, atol=0.003
    )


def test_the_best_frame_is_the_one_with_most_vessel(segment: Command, tmp_path: Path) -> None:
    assert segment(write_run(tmp_path / "run.dcm")).status == 0
    record = record_in(tmp_path / "out" / "run")
    assert (record["frame"], record["frames"], record["request"]["frame"]) == (3, 4, "best")


def test_all_frames_are_one_stack_equal_to_single_ones(segment: Command, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run.dcm")
    folder = tmp_path / "out" / "run"
    singles, outlines = [], []
    for number in range(1, 5):
        assert segment(run, "--frame", number).status == 0
        assert record_in(folder)["frame"] == number
        singles.append(pixels_of(folder / "mask.png"))
        outlines.append(json.loads((folder / "contours.json").read_text()))
    assert [bool(mask.any()) for mask in singles] == [False, True, True, True]
    assert segment(run, "--frame", "all").status == 0
    assert names(folder) == {"mask.tif", "contours.json", "overlay.png", "result.json"}
    with Image.open(folder / "mask.tif") as stack:
        assert stack.n_frames == len(LENGTHS)
        for index, single in enumerate(singles):
            stack.seek(index)
            np.testing.assert_array_equal(np.asarray(stack), single)
    assert json.loads((folder / "contours.json").read_text()) == outlines
    assert record_in(folder)["best_frame"] == 3


def test_a_folder_of_frames_as_one_run(segment: Command, tmp_path: Path) -> None:
    for number, length in ((1, 30), (2, 40), (10, 70), (9, 20)):
        write_png(tmp_path / "cine" / f"frame_{number}.png", length)
    assert segment(tmp_path / "cine", "--as-run").status == 0
    record = record_in(tmp_path / "out" / "cine")
    assert (record["frame"], record["frames"], record["source"]) == (4, 4, "cine")
    assert folders_in(tmp_path / "out") == {"cine"}


def test_names_keep_sub_folders_and_never_collide(segment: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_png(data / "a.png")
    write_run(data / "a.dcm")
    write_png(data / "b.png")
    write_png(data / "sub" / "deeper" / "a.png")
    write_run(data / "1.2.840.7")
    (data / "notes.txt").write_text("no image")
    expected = {"a.png", "a.dcm", "b", "sub/deeper/a", "1.2.840.7"}
    for _ in range(2):
        ended = segment(data)
        assert ended.status == 0
        assert folders_in(tmp_path / "out") == expected
        assert ", 1 other files passed over ->" in ended.out
    assert ended.out.startswith("5 ok (5 before), ")


def test_threads_and_model_reach_the_network(
    coroseg: Command, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    original = Predictor.__init__

    def watched(self: Predictor, model: str | Path = "", *, threads: int | None = None) -> None:
        asked.append((model, threads))
        original(self, model, threads=threads)

    monkeypatch.setattr(Predictor, "__init__", watched)
    image = write_png(tmp_path / "a.png")
    common = ("segment", image, "--out", tmp_path / "out", "--model", model)
    assert coroseg(*common, "--threads", 1).status == 0
    assert coroseg(*common).status == 0
    assert asked == [(model, 1), (model, None)]


SEGMENT = ("segment", "a.png", "--out", "out")
SIX_FRENCH = (*SEGMENT, "--calibrate-catheter", "6F")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["segment"], "SOURCES"),
        (["segment", "a.png"], "out"),
        (["segment", "--out", "out"], "SOURCES"),
        (["segment", "a.png", "--out", "out", "--frame", "first"], "--frame first: best, all"),
        (["segment", "a.png", "--out", "out", "--frame", "0"], "--frame 0"),
        (["segment", "a.png", "--out", "out", "--frame=-1"], "--frame -1"),
        (["segment", "a.png", "--out", "out", "--frame", "1.5"], "--frame 1.5"),
        (["segment", "a.png", "--out", "out", "--spacing=-0.3"], "--spacing -0.3"),
        (["segment", "a.png", "--out", "out", "--spacing", "0"], "--spacing 0"),
        (["segment", "a.png", "--out", "out", "--spacing", "nan"], "--spacing nan"),
        (["segment", "a.png", "--out", "out", "--spacing", "inf"], "--spacing inf"),
        (["segment", "a.png", "--out", "out", "--spacing", "small"], "small"),
        (["segment", "a.png", "--out", "out", "--threads", "0"], "--threads 0"),
        (["segment", "a.png", "--out", "out", "--sharpen"], "--sharpen"),
        ([*SEGMENT, "--calibrate-catheter", "wide"], "--calibrate-catheter wide"),
        ([*SEGMENT, "--calibrate-catheter", "0F"], "--calibrate-catheter 0F"),
        ([*SEGMENT, "--calibrate-catheter", "6F", "--frame", "all"], "--frame all"),
        ([*SEGMENT, "--calibrate-catheter", "6F", "--spacing", "0.3"], "use one"),
        ([*SEGMENT, "--catheter-points", "1,2,3,4"], "--catheter-points needs"),
        ([*SIX_FRENCH, "--catheter-points", "1,2,3"], "--catheter-points 1,2,3"),
        ([*SIX_FRENCH, "--catheter-points", "1,2,3,x"], "--catheter-points 1,2,3,x"),
        ([*SIX_FRENCH, "--catheter-points", "1,2,3,nan"], "--catheter-points 1,2,3,nan"),
        (["segment", "a.png", "--out", "out", "--calibrate-catheter", "99F"], "2 to 12 French"),
        (["segment", "a.png", "--out", "out", "--spacing", "1e300"], "--spacing 1e+300"),
        ([*SEGMENT, "--frame", "1" * 5000], "--frame 111"),
        (["measure", "a.png", "--out", "out"], "image"),
        (["measure", "a.png", "--image", "a.png"], "out"),
        (["measure", "a.png", "--image", "a.png", "--out", "o", "--spacing", "0"], "--spacing 0"),
        (["demo", "folder"], "folder"),
        (["evaluate"], "predictions"),
        (["data", "check"], "MANIFEST"),
        (["export", "a.ckpt"], "out"),
        (["teach", "a.csv", "--model", "default", "--out", "b.csv", "--size", "20"], "--size 20"),
        (["teach", "a.csv", "--out", "b.csv"], "--model"),
        (["teach", "a.csv", "--model", "default", "--out", "b"], "--out b"),
        (["teach", "a.csv", "--model", "default", "--out", "./a.csv"], "not the manifest"),
        (["export", "a.ckpt", "--out", "a.onnx", "--shift", "nan"], "--shift nan"),
        (["segments"], "segments"),
        (["--frames"], "--frames"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    coroseg: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "a.png")
    ended = coroseg(*arguments)
    assert (ended.status, ended.out) == (2, "")
    (line,) = ended.lines
    assert words.casefold() in line.casefold()
    assert names(tmp_path) == {"a.png"}


@pytest.mark.parametrize(
    "model", ["nothing", "nothing.onnx", "./nothing", "a.png", "sub/nothing.onnx"]
)
def test_a_model_that_is_none_is_one_line(
    coroseg: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = coroseg("segment", write_png(tmp_path / "a.png"), "--out", "out", "--model", model)
    assert ended.status == 1
    (line,) = ended.lines
    assert Path(model).name in line


COMMANDS = [
    "",
    "segment",
    "measure",
    "demo",
    "evaluate",
    "simulate",
    "train",
    "teach",
    "export",
    "data",
    *(f"data {name}" for name in ("check", "arcade", "dca1", "xcad", "folder", "simulated")),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(coroseg: Command, name: str) -> None:
    ended = coroseg(*name.split(), "--help")
    assert (ended.status, ended.err) == (0, "")
    assert f"Usage: coroseg {name}".rstrip() in ended.out


def test_the_help_of_segment_names_every_option(coroseg: Command) -> None:
    shown = coroseg("segment", "--help").out
    options = ["out", "frame", "as-run", "model", "spacing", "threads", "any-modality", "overwrite"]
    options += ["calibrate-catheter", "catheter-points"]
    assert set(re.findall(r"--([a-z-]+)", shown)) >= set(options)
    assert "--no-" not in shown


def test_without_a_command_the_help_is_shown(coroseg: Command) -> None:
    shown = coroseg()
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == coroseg("--help").out


def test_the_version(coroseg: Command) -> None:
    assert coroseg("--version") == Ended(0, f"{version('coroseg')}\n", "")
