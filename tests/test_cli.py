import csv
import errno
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import JPEGLSLossless

from coroseg import pipeline
from coroseg.cli import main
from coroseg.segmentation.predictor import Predictor
from dicom_files import write_dicom
from tiny_sources import (
    COLUMNS,
    FRAME_FILES,
    LENGTHS,
    ROWS,
    write_model,
    write_png,
    write_run,
)

PROGRAM = [sys.executable, "-c", "from coroseg.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


Command = Callable[..., Ended]


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
def segment(coroseg: Command, model: Path, tmp_path: Path) -> Command:
    """Return `coroseg segment` with the tiny model, writing to `out`."""

    def run(*arguments: object) -> Ended:
        return coroseg("segment", "--out", tmp_path / "out", "--model", model, *arguments)

    return run


def record_in(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def folders_in(out: Path) -> set[str]:
    return {path.parent.relative_to(out).as_posix() for path in out.rglob("result.json")}


# What is written


def test_one_image_and_all_its_files(segment: Command, model: Path, tmp_path: Path) -> None:
    image = write_png(tmp_path / "a.png", 50)
    ended = segment(image)
    assert ended == Ended(0, f"1 ok -> {tmp_path / 'out' / 'summary.csv'}\n", "")
    assert names(tmp_path / "out") == {"a", "summary.csv"}
    folder = tmp_path / "out" / "a"
    assert names(folder) == FRAME_FILES
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
    singles = []
    for number in range(1, 5):
        assert segment(run, "--frame", number).status == 0
        assert record_in(folder)["frame"] == number
        singles.append(pixels_of(folder / "mask.png"))
    assert [bool(mask.any()) for mask in singles] == [False, True, True, True]
    assert segment(run, "--frame", "all").status == 0
    assert names(folder) == {"mask.tif", "overlay.png", "result.json"}
    with Image.open(folder / "mask.tif") as stack:
        assert stack.n_frames == len(LENGTHS)
        for index, single in enumerate(singles):
            stack.seek(index)
            np.testing.assert_array_equal(np.asarray(stack), single)
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


# Bad sources


def empty(folder: Path) -> Path:
    (folder / "m.png").touch()
    return folder / "m.png"


def text_named_dcm(folder: Path) -> Path:
    (folder / "m.dcm").write_text("Dear colleague,\n" * 40)
    return folder / "m.dcm"


def cut_in_its_pixels(folder: Path) -> Path:
    path = write_run(folder / "m.dcm")
    path.write_bytes(path.read_bytes()[: -ROWS * COLUMNS * 4])
    return path


def without_pixels(folder: Path) -> Path:
    path = write_run(folder / "m.dcm")
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    return path


def of_zero_frames(folder: Path) -> Path:
    return write_run(folder / "m.dcm", NumberOfFrames=0)


def undecodable(folder: Path) -> Path:
    pixels = np.zeros((1, ROWS, COLUMNS), np.uint16)
    path = write_dicom(folder / "m.dcm", pixels, syntax=JPEGLSLossless)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"  # MPEG-4
    dataset.save_as(path)
    return path


def computed_tomogram(folder: Path) -> Path:
    return write_run(folder / "m.dcm", Modality="CT")


def colour_photograph(folder: Path) -> Path:
    colours = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3)).astype(np.uint8)
    Image.fromarray(colours).save(folder / "m.png")
    return folder / "m.png"


def nan_nifti(folder: Path) -> Path:
    pixels = np.zeros((COLUMNS, ROWS), np.float32)
    pixels[3, 4] = np.nan
    nib.save(nib.Nifti1Image(pixels, np.eye(4)), folder / "m.nii.gz")
    return folder / "m.nii.gz"


def nan_tiff(folder: Path) -> Path:
    pixels = np.zeros((ROWS, COLUMNS), np.float32)
    pixels[3, 4] = np.nan
    Image.fromarray(pixels).save(folder / "m.tif")
    return folder / "m.tif"


def one_pixel(folder: Path) -> Path:
    Image.new("L", (1, 1)).save(folder / "m.png")
    return folder / "m.png"


def huge_png(folder: Path) -> Path:
    """Only the header is right: whoever went on to decode would say that it is damaged."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(bytes(20001)), b"IEND"]
    written = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    (folder / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(written))
    return folder / "m.png"


def huge_dicom(folder: Path) -> Path:
    return write_run(folder / "m.dcm", Rows=20000, Columns=20000)


def missing(folder: Path) -> Path:
    return folder / "m.png"


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (empty, "the file is empty"),
    (text_named_dcm, "no DICOM"),
    (cut_in_its_pixels, "damaged or incomplete"),
    (without_pixels, "no Pixel Data"),
    (of_zero_frames, "Number of Frames (0028,0008) is 0"),
    (undecodable, "1.2.840.10008.1.2.4.102"),
    (colour_photograph, "a colour picture"),
    (nan_nifti, "1 pixels are NaN or infinite"),
    (nan_tiff, "1 pixels are NaN or infinite"),
    (one_pixel, "1 x 1 pixels are too few"),
    (huge_png, "20000 x 20000 pixels are too many"),
    (huge_dicom, "20000 x 20000 pixels are too many"),
    (missing, "No such file"),
]


@pytest.mark.parametrize(("make", "words"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_a_bad_source_is_one_line_and_stops_no_other(
    segment: Command, tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    before, after = write_png(tmp_path / "a.png"), write_run(tmp_path / "z.dcm")
    bad = make(tmp_path)
    ended = segment(before, bad, after)
    assert ended.status == 1
    (line,) = ended.lines
    assert line.startswith(f"failed: {bad}")
    assert words in line
    out = tmp_path / "out"
    assert ended.out == f"2 ok, 1 failed -> {out / 'summary.csv'}\n"
    assert names(out) == {"a", "z", "summary.csv"}
    assert names(out / "a") == names(out / "z") == FRAME_FILES
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["status"]) for row in rows] == [
        ("a", "ok"),
        ("m", "failed"),
        ("z", "ok"),
    ]
    assert f"failed: {rows[1]['reason']}" == line


def test_another_modality_is_skipped_unless_asked_for(segment: Command, tmp_path: Path) -> None:
    tomogram = computed_tomogram(tmp_path)
    ended = segment(write_png(tmp_path / "a.png"), tomogram)
    assert ended.status == 0
    (line,) = ended.lines
    assert line.startswith(f"skipped: {tomogram}: modality CT")
    assert "--any-modality" in line
    assert ended.out.startswith("1 ok, 1 skipped -> ")
    assert names(tmp_path / "out") == {"a", "summary.csv"}
    ended = segment(tomogram, "--any-modality")
    assert (ended.status, ended.err) == (0, "")
    assert record_in(tmp_path / "out" / "m")["request"]["any_modality"] is True


def test_a_file_that_may_not_be_read(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = write_png(tmp_path / "m.png")
    secret.chmod(0)
    if os.access(secret, os.R_OK):  # root may read anything
        original = Path.open

        def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
            if path == secret:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return original(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", refuse)
    ended = segment(secret, write_png(tmp_path / "z.png"))
    assert ended.status == 1
    (line,) = ended.lines
    assert line == (
        f"failed: {secret}: cannot be read (Permission denied): check the path and its permissions"
    )
    assert folders_in(tmp_path / "out") == {"z"}


def test_a_frame_number_past_the_end(segment: Command, tmp_path: Path) -> None:
    run, image = write_run(tmp_path / "run.dcm"), write_png(tmp_path / "a.png")
    ended = segment(image, run, "--frame", 4)
    assert ended.status == 1
    assert ended.lines == [
        "failed: a.png: there is no frame 4: the run has 1, counted from 1",
    ]
    assert folders_in(tmp_path / "out") == {"run"}


def test_an_error_of_our_own_is_a_failed_source(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, **options: Any) -> Any:
        if path.stem == "m":
            raise ZeroDivisionError("of our own")
        return original(path, **options)

    original = pipeline.load
    monkeypatch.setattr(pipeline, "load", fail)
    ended = segment(*(write_png(tmp_path / f"{name}.png") for name in "amz"))
    assert ended.status == 1
    (line,) = ended.lines
    assert line == (
        f"failed: {tmp_path / 'm.png'}: an error of coroseg's own, please report it: "
        "ZeroDivisionError('of our own')"
    )
    assert folders_in(tmp_path / "out") == {"a", "z"}


def test_nothing_to_do_is_said(segment: Command, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("no image")
    ended = segment(tmp_path / "notes")
    assert ended.status == 1
    assert ended.lines == [f"{tmp_path / 'notes'}: no angiogram in it (1 other files passed over)"]


# The output folder


def test_a_file_in_the_output_folder_s_place(segment: Command, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ended = segment(write_png(tmp_path / "a.png"))
    assert ended.status == 1
    (line,) = ended.lines
    assert "a file stands where a folder is needed" in line
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_an_output_folder_that_may_not_be_written(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    image = write_png(tmp_path / "a.png")
    (tmp_path / "out").mkdir()

    def refuse(path: Path, content: bytes) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    ended = segment(image)
    assert ended.status == 1
    (line,) = ended.lines
    assert f"cannot be written ({os.strerror(number)})" in line
    assert "choose a folder in which you may write" in line
    assert names(tmp_path / "out") == set()


def test_a_full_disk_is_said_and_ends_the_work(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [write_png(tmp_path / f"{index}.png") for index in range(9)]
    original, writes = Path.write_bytes, iter(range(1000))

    def fill(path: Path, content: bytes) -> int:
        if next(writes) >= 5:  # one to try, three for the first image, one of the second
            original(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    ended = segment(*images)
    assert ended.status == 1
    assert "free some space, or choose another folder" in ended.lines[-1]
    assert len(ended.lines) < len(images)  # it does not go on to fail with all
    assert names(tmp_path / "out") == {"0", "summary.csv"}
    assert names(tmp_path / "out" / "0") == FRAME_FILES


def test_ctrl_c_is_one_line_and_status_130(
    segment: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [write_png(tmp_path / f"{name}.png") for name in "abcd"]
    original, runs = Predictor.run, iter(range(100))

    def interrupt(self: Predictor, pixels: np.ndarray) -> np.ndarray:
        if next(runs) == 2:
            raise KeyboardInterrupt
        return original(self, pixels)

    monkeypatch.setattr(Predictor, "run", interrupt)
    ended = segment(*images)
    assert ended.status == 130
    (line,) = ended.lines
    assert line.startswith("interrupted: what is finished stays")
    assert names(tmp_path / "out") == {"a", "b", "summary.csv"}
    assert segment(*images).out.startswith("4 ok (2 before) -> ")


def test_a_second_run_repeats_only_what_failed(segment: Command, tmp_path: Path) -> None:
    image, bad = write_png(tmp_path / "a.png"), empty(tmp_path)
    first = segment(image, bad)
    second = segment(image, bad)
    assert first.status == second.status == 1
    assert first.lines == second.lines
    assert first.out.startswith("1 ok, 1 failed")
    assert second.out.startswith("1 ok (1 before), 1 failed")
    assert segment(image, "--overwrite").out.startswith("1 ok ->")


# Usage


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
        (["demo", "folder"], "folder"),
        (["evaluate"], "predictions"),
        (["data", "check"], "MANIFEST"),
        (["export", "a.ckpt"], "out"),
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
    "demo",
    "evaluate",
    "train",
    "export",
    "data",
    *(f"data {name}" for name in ("check", "arcade", "dca1", "xcad", "folder")),
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(coroseg: Command, name: str) -> None:
    ended = coroseg(*name.split(), "--help")
    assert (ended.status, ended.err) == (0, "")
    assert f"Usage: coroseg {name}".rstrip() in ended.out


def test_the_help_of_segment_names_every_option(coroseg: Command) -> None:
    shown = coroseg("segment", "--help").out
    options = ["out", "frame", "as-run", "model", "spacing", "threads", "any-modality", "overwrite"]
    assert set(re.findall(r"--([a-z-]+)", shown)) >= set(options)
    assert "--no-" not in shown


def test_without_a_command_the_help_is_shown(coroseg: Command) -> None:
    shown = coroseg()
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == coroseg("--help").out


def test_the_version(coroseg: Command) -> None:
    assert coroseg("--version") == Ended(0, f"{version('coroseg')}\n", "")


# As a process of its own


def test_many_bad_sources_in_a_process_are_a_line_each(tmp_path: Path, model: Path) -> None:
    paths = []
    for make, _ in BAD:
        folder = tmp_path / make.__name__
        folder.mkdir()
        paths.append(make(folder))
    good = write_png(tmp_path / "good.png")
    ended = subprocess.run(
        [*PROGRAM, "segment", *paths, good, "--out", tmp_path / "out", "--model", model],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert len(lines) == len(paths)
    assert all(any(line.startswith(f"failed: {path}") for line in lines) for path in paths), (
        ended.stderr
    )
    assert ended.stdout == f"1 ok, {len(paths)} failed -> {tmp_path / 'out' / 'summary.csv'}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_in_a_process(tmp_path: Path, model: Path) -> None:
    image = write_png(tmp_path / "in" / "0.png")
    for index in range(1, 1000):
        (tmp_path / "in" / f"{index}.png").hardlink_to(image)
    out = tmp_path / "out"
    with subprocess.Popen(
        [*PROGRAM, "segment", tmp_path / "in", "--out", out, "--model", model],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 60
        while not (out / "5" / "result.json").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=60)
    assert (process.returncode, shown) == (130, "")
    (line,) = said.splitlines()
    assert line.startswith("interrupted:")
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 5 < len(rows) < 1000
    assert {row["status"] for row in rows} == {"ok"}
    finished = {row["name"] for row in rows}
    found = names(out) - {"summary.csv"}
    # The signal may fall between handing a result to its writer and noting that this was done.
    assert finished <= found
    assert len(found - finished) <= 1
    assert all(names(out / name) == FRAME_FILES for name in found)
