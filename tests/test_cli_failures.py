import csv
import errno
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import JPEGLSLossless

from command_line import PROGRAM, Command, folders_in, names, record_in
from coroseg import pipeline
from coroseg.segmentation.predictor import Predictor
from dicom_files import write_dicom
from tiny_sources import (
    COLUMNS,
    FRAME_FILES,
    MEASURE_FILES,
    ROWS,
    write_png,
    write_run,
)


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
    assert names(out / "a") == names(out / "z") == FRAME_FILES | MEASURE_FILES
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
    assert names(tmp_path / "out" / "0") == FRAME_FILES | MEASURE_FILES


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
    assert 1 <= len(rows) < 1000
    assert {row["status"] for row in rows} == {"ok"}
    finished = {row["name"] for row in rows}
    found = names(out) - {"summary.csv"}
    # The signal may fall between a result and the note of it: one waits and one is begun by each.
    assert finished <= found
    assert len(found - finished) <= 2 * (os.cpu_count() or 1)
    assert all(names(out / name) == FRAME_FILES | MEASURE_FILES for name in found)
