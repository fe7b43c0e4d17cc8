import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import Command, names, record_in
from tiny_sources import MEASURE_FILES, write_png, write_run

FILES = MEASURE_FILES | {"overlay.png", "result.json"}


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A mask for the vessel of 50 columns that `write_png` draws, rows 20 to 27 from column 10."""
    vessel = np.zeros((64, 96), dtype=np.uint8)
    vessel[20:28, 10:60] = 255
    Image.fromarray(vessel).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


def test_a_corrected_mask_is_measured(coroseg: Command, mask: Path, tmp_path: Path) -> None:
    image, out = write_png(tmp_path / "a.png"), tmp_path / "out"
    ended = coroseg("measure", mask, "--image", image, "--out", out, "--spacing", 0.25)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.rstrip().endswith(f" -> {out / 'report.html'}")
    assert names(out) == FILES
    record = record_in(out)
    assert record["schema"] == "coroseg-result-2"
    assert (record["source"], record["mask"], record["model"]) == ("a.png", "mine.png", None)
    assert record["mask_sha256"] == hashlib.sha256(mask.read_bytes()).hexdigest()
    assert (record["spacing_mm"], record["spacing_source"]) == ([0.25, 0.25], "user")
    assert record["vessel_area_px"] == 400
    assert record["vessel_area_mm2"] == pytest.approx(400 / 16)
    assert record["measures"]["branches"] == 1
    assert record["measures"]["length_mm"] == pytest.approx(50 / 4, abs=2.5)
    with (out / "branches.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["branch"] for row in rows} == {"1"}
    middle = rows[len(rows) // 2]
    assert float(middle["y_px"]) == pytest.approx(23.5, abs=0.5)
    assert float(middle["diameter_mm"]) == pytest.approx(float(middle["diameter_px"]) / 4, abs=1e-3)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "mine.png, corrected by hand or from elsewhere" in page


def test_of_a_run_the_frame_must_be_named(coroseg: Command, mask: Path, tmp_path: Path) -> None:
    run, out = write_run(tmp_path / "run.dcm"), tmp_path / "out"
    asked = ("measure", mask, "--image", run, "--out", out)
    ended = coroseg(*asked)
    (line,) = ended.lines
    assert ended.status == 1
    assert "has 4 frames" in line
    assert "--frame" in line
    assert coroseg(*asked, "--frame", 4).status == 0
    assert (record_in(out)["frame"], record_in(out)["frames"]) == (4, 4)
    assert coroseg(*asked, "--frame", 5).status == 1
    before_the_first = coroseg(*asked, "--frame", 0)
    assert (before_the_first.status, len(before_the_first.lines)) == (2, 1)


def test_an_empty_mask_has_a_report_too(coroseg: Command, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 96), np.uint8)).save(tmp_path / "none.png")
    out = tmp_path / "out"
    image = write_png(tmp_path / "a.png")
    assert coroseg("measure", tmp_path / "none.png", "--image", image, "--out", out).status == 0
    assert names(out) == FILES
    assert record_in(out)["flags"] == ["no_vessel"]
    assert "Nothing to measure" in (out / "report.html").read_text(encoding="utf-8")


def test_a_mask_that_is_all_vessel_is_not_called_empty(coroseg: Command, tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 96), 255, np.uint8)).save(tmp_path / "all.png")
    image = write_png(tmp_path / "a.png")
    ended = coroseg("measure", tmp_path / "all.png", "--image", image, "--out", tmp_path / "out")
    assert ended.status == 0
    assert "what the mask holds has no centreline" in ended.out


def test_nothing_is_written_where_it_cannot_be_measured(
    coroseg: Command, mask: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((96, 64), np.uint8)).save(tmp_path / "turned.png")
    image = write_png(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no image")
    for arguments, words in (
        ((tmp_path / "turned.png", "--image", image), "has 64 x 96 pixels"),
        ((mask, "--image", tmp_path / "notes.txt"), "notes.txt"),
        ((tmp_path / "missing.png", "--image", image), "missing.png"),
        ((mask, "--image", image, "--calibrate-catheter", "6F"), "--spacing"),
    ):
        ended = coroseg("measure", *arguments, "--out", tmp_path / "out")
        (line,) = ended.lines
        assert (ended.status, ended.out) == (1, "")
        assert words in line
        assert not (tmp_path / "out").exists()


def test_the_results_of_a_segmentation_are_not_written_over(
    coroseg: Command, segment: Command, tmp_path: Path
) -> None:
    image = write_png(tmp_path / "a.png")
    assert segment(image).status == 0
    folder = tmp_path / "out" / "a"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    ended = coroseg("measure", folder / "mask.png", "--image", image, "--out", folder)
    (line,) = ended.lines
    assert ended.status == 1
    assert "holds what the model tiny found: choose another folder" in line
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_mask_of_segment_gives_the_measures_of_segment(
    coroseg: Command, segment: Command, tmp_path: Path
) -> None:
    image, out = write_png(tmp_path / "a.png"), tmp_path / "again"
    assert segment(image, "--spacing", 0.2).status == 0
    folder = tmp_path / "out" / "a"
    asked = ("measure", folder / "mask.png", "--image", image, "--out", out, "--spacing", 0.2)
    for _ in range(2):  # a second time into its own folder
        assert coroseg(*asked).status == 0
    for name in ("branches.csv", "stenoses.csv", "diameters.svg"):
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    ours, theirs = record_in(out)["measures"], record_in(folder)["measures"]
    assert json.dumps(ours | {"seconds": 0}) == json.dumps(theirs | {"seconds": 0})


def test_the_mask_and_other_files_beside_the_results_stay(
    coroseg: Command, mask: Path, tmp_path: Path
) -> None:
    image, out = write_png(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    mine = mask.rename(out / "mask.png")
    (out / "contours.json").write_text("mine")
    content = mine.read_bytes()
    asked = ("measure", mine, "--image", image, "--out", out)
    for _ in range(2):
        assert coroseg(*asked).status == 0
        assert names(out) == FILES | {"mask.png", "contours.json"}
        assert mine.read_bytes() == content


@pytest.mark.parametrize("name", ["overlay.png", "seg.dcm", "report.html", "result.json"])
def test_files_of_another_origin_are_not_written_over(
    coroseg: Command, mask: Path, tmp_path: Path, name: str
) -> None:
    image, out = write_png(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    ended = coroseg("measure", mask, "--image", image, "--out", out)
    (line,) = ended.lines
    assert ended.status == 1
    assert f"holds a {name} that is of no earlier results: choose another folder" in line
    assert names(out) == {name}
    assert (out / name).read_text() == "mine"


def test_results_are_not_written_where_they_would_hide_the_angiogram(
    coroseg: Command, mask: Path, tmp_path: Path
) -> None:
    image = write_png(tmp_path / "a.png")
    before = names(tmp_path)
    ended = coroseg("measure", mask, "--image", image, "--out", tmp_path)
    (line,) = ended.lines
    assert ended.status == 1
    assert "holds the angiogram" in line
    assert names(tmp_path) == before
