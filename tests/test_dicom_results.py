"""DICOM objects from the command line to the file, each read again by another library."""

import csv
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from command_line import PROGRAM, Command, names, pixels_of, record_in
from derived_sources import complaints, write_source
from dicom_files import write_dicom
from tiny_sources import COLUMNS, FRAME_FILES, LENGTHS, MEASURE_FILES, ROWS, write_png, write_run

OBJECTS = {"seg.dcm", "sr.dcm"}


def masks_of(seg: Path, source: Path) -> np.ndarray:
    """Return (frames, rows, columns) as highdicom finds it."""
    image = dcmread(source)
    stack = highdicom.seg.segread(seg).get_pixels_by_source_frame(
        image.SOPInstanceUID,
        list(range(1, image.NumberOfFrames + 1)),
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    return np.asarray(stack[..., 0])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run.dcm")


def test_a_frame_s_objects_hold_its_mask_and_its_measures(
    segment: Command, run: Path, tmp_path: Path
) -> None:
    assert segment(run, "--dicom").status == 0
    folder = tmp_path / "out" / "run"
    assert names(folder) == FRAME_FILES | MEASURE_FILES | OBJECTS
    assert record_in(folder)["request"]["dicom"] is True
    stack = masks_of(folder / "seg.dcm", run)
    frame = record_in(folder)["frame"]
    np.testing.assert_array_equal(stack[frame - 1], pixels_of(folder / "mask.png") > 0)
    assert np.flatnonzero(stack.any(axis=(1, 2))).tolist() == [frame - 1]
    with (folder / "branches.csv").open() as file:
        points = [(float(row["x_px"]), float(row["y_px"])) for row in csv.DictReader(file)]
    report = highdicom.sr.srread(folder / "sr.dcm")
    branch = report.content.get_planar_roi_measurement_groups()[1]
    np.testing.assert_allclose(branch.roi.value, np.array(points) + 0.5, atol=0.01)
    for name in OBJECTS:
        assert complaints(folder / name) == []


def test_an_asymmetric_vessel_is_where_it_was_drawn(segment: Command, tmp_path: Path) -> None:
    drawn = np.zeros((ROWS, COLUMNS), dtype=bool)
    drawn[:9, :30] = drawn[:40, :7] = drawn[50:58, 60:] = True
    noise = np.random.default_rng(1).normal(0, 30, (1, ROWS, COLUMNS))
    pixels = np.where(drawn, 800, 3300) + noise
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    source = write_dicom(tmp_path / "a.dcm", pixels.astype(np.uint16), **window)
    assert segment(source, "--dicom").status == 0
    (mask,) = masks_of(tmp_path / "out" / "a" / "seg.dcm", source)
    assert mask[0, 0]
    assert (mask != drawn).mean() < 0.01
    for flipped in (mask[::-1], mask[:, ::-1], mask[::-1, ::-1]):
        assert (flipped != drawn).mean() > 0.05


def test_of_all_frames_those_that_show_vessel_are_in_the_segmentation(
    segment: Command, run: Path, tmp_path: Path
) -> None:
    assert segment(run, "--dicom", "--frame", "all").status == 0
    folder = tmp_path / "out" / "run"
    assert OBJECTS & names(folder) == {"seg.dcm"}
    stack = masks_of(folder / "seg.dcm", run)
    with Image.open(folder / "mask.tif") as pages:
        for number in range(len(LENGTHS)):
            pages.seek(number)
            np.testing.assert_array_equal(stack[number], np.asarray(pages) > 0)
    shown = [number for number, length in enumerate(LENGTHS, start=1) if length]
    seg = dcmread(folder / "seg.dcm")
    assert [
        groups.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
        for groups in seg.PerFrameFunctionalGroupsSequence
    ] == shown
    assert complaints(folder / "seg.dcm") == []


@pytest.mark.parametrize("frame", ["best", "all"])
def test_without_vessel_one_empty_mask_says_so(
    segment: Command, tmp_path: Path, frame: str
) -> None:
    source = write_run(tmp_path / "none.dcm", (0, 0))
    assert segment(source, "--dicom", "--frame", frame).status == 0
    folder = tmp_path / "out" / "none"
    assert len(dcmread(folder / "seg.dcm").PerFrameFunctionalGroupsSequence) == 1
    assert not masks_of(folder / "seg.dcm", source).any()
    for name in OBJECTS & names(folder):
        assert complaints(folder / name) == []


def test_a_second_run_makes_the_same_files_and_nothing_is_done_twice(
    segment: Command, run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "run"
    assert segment(run, "--dicom").status == 0
    first = {name: (folder / name).read_bytes() for name in OBJECTS}
    assert "1 before" in segment(run, "--dicom").out
    assert "before" not in segment(run, "--dicom", "--overwrite").out
    assert {name: (folder / name).read_bytes() for name in OBJECTS} == first
    assert "before" not in segment(run).out
    assert not OBJECTS & names(folder)


def test_what_is_no_dicom_has_its_other_results_and_says_why(
    segment: Command, tmp_path: Path
) -> None:
    image = write_png(tmp_path / "a.png")
    ended = segment(image, "--dicom")
    assert ended.status == 0
    (line,) = ended.lines
    assert line.startswith(f"ok: {image}: no dicom: ")
    assert "pass the original, or leave out --dicom" in line
    folder = tmp_path / "out" / "a"
    assert names(folder) == FRAME_FILES | MEASURE_FILES
    record = record_in(folder)
    assert "no_dicom" in record["flags"]
    assert str(tmp_path) not in record["no_dicom"]
    assert "1 before" in segment(image, "--dicom").out


def test_odd_values_in_the_header_are_not_talked_about(model: Path, tmp_path: Path) -> None:
    source = write_source(tmp_path / "odd.dcm", "cine", "long")
    # In a process of its own: here pytest has taken the log.
    ended = subprocess.run(
        [*PROGRAM, "segment", source, "--out", tmp_path, "--model", model, "--dicom"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert names(tmp_path / "odd") >= OBJECTS


def test_without_highdicom_nothing_is_begun(
    segment: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    ended = segment(run, "--dicom")
    assert ended.status == 1
    assert "pip install 'coroseg[dicom]'" in ended.err
    assert not (tmp_path / "out" / "run").exists()
    assert segment(run, "--dicom", "--frame", "all").status == 0


def test_a_corrected_mask_becomes_objects_too(coroseg: Command, run: Path, tmp_path: Path) -> None:
    mask = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    mask[20:28, 10:80] = mask[0, 0] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    out = tmp_path / "measured"
    arguments = ("measure", tmp_path / "mask.png", "--out", out, "--dicom", "--image")
    assert coroseg(*arguments, run, "--frame", 3).status == 0
    stack = masks_of(out / "seg.dcm", run)
    np.testing.assert_array_equal(stack[2], mask > 0)
    segment = dcmread(out / "seg.dcm").SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "MANUAL"
    for name in OBJECTS:
        assert complaints(out / name) == []

    image = write_png(tmp_path / "a.png")
    ended = coroseg(
        "measure", tmp_path / "mask.png", "--out", tmp_path / "b", "--dicom", "--image", image
    )
    assert ended.status == 1
    assert ended.err.startswith(f"{image}: DICOM results refer to a DICOM angiogram")
    assert not (tmp_path / "b").exists()
