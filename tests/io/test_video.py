import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from coroseg.errors import InputError
from coroseg.io import load

ROWS, COLUMNS, COUNT, RATE = 48, 80, 40, 12.5
CONTAINERS = [("a.avi", "MJPG"), ("a.avi", "XVID"), ("a.mp4", "mp4v")]


def frames() -> np.ndarray:
    """A dark bar that moves to the right on a gradient."""
    scene = np.tile(np.linspace(90, 230, ROWS)[:, None], (COUNT, 1, COLUMNS))
    for number in range(COUNT):
        scene[number, :, 2 * number : 2 * number + 4] -= 80
    return scene.round().astype(np.uint8)


def write(path: Path, codec: str, pictures: np.ndarray) -> Path:
    code = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, RATE, (COLUMNS, ROWS))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture if picture.ndim == 3 else cv2.merge([picture] * 3))
    writer.release()
    return path


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_frames_come_in_order_and_by_number(tmp_path: Path, name: str, codec: str) -> None:
    run = load(write(tmp_path / name, codec, frames()))
    assert (run.rows, run.columns, len(run.frames)) == (ROWS, COLUMNS, COUNT)
    assert run.frame_times_ms == pytest.approx([80 * number for number in range(COUNT)])
    decoded = list(run.frames)
    for frame, wanted in zip(decoded, frames(), strict=True):
        assert frame.dtype == np.float32
        assert np.abs(frame - wanted / 255).mean() < 0.02
    for number in (0, 1, 13, 38, 39, 2):
        np.testing.assert_array_equal(run.frames[number], decoded[number])


def test_without_seeking_the_frame_is_found_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load(write(tmp_path / "a.avi", "MJPG", frames()))
    wanted = list(run.frames)[7]

    class Unseekable:
        def __init__(self, *source: object) -> None:
            self.video = capture(*source)

        def __getattr__(self, name: str) -> object:
            return (lambda *_: False) if name == "set" else getattr(self.video, name)

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Unseekable)
    np.testing.assert_array_equal(run.frames[7], wanted)


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_a_colour_video_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    pictures = np.stack([frames(), frames()[:, ::-1], frames()[:, :, ::-1]], axis=-1)
    with pytest.raises(InputError, match="frame 1: a colour picture"):
        list(load(write(tmp_path / name, codec, pictures)).frames)


@pytest.mark.parametrize(("name", "codec"), CONTAINERS)
def test_a_video_cut_short_is_refused(tmp_path: Path, name: str, codec: str) -> None:
    path = write(tmp_path / name, codec, frames())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"{name}: .*again"):
        list(load(path).frames)


def test_opencv_adds_no_lines_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", "mp4v", frames())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # In a fresh process, as FFmpeg's level is read once.
    code = "import sys, coroseg.io as io; io.load(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith(f"coroseg.errors.InputError: {path}: cannot be opened")
    assert "moov" not in done.stderr


def test_a_video_that_ends_early_is_refused(tmp_path: Path) -> None:
    run = load(write(tmp_path / "a.avi", "MJPG", frames()))
    write(tmp_path / "a.avi", "MJPG", frames()[:30])
    with pytest.raises(InputError, match="ends after 30 of its 40 frames"):
        list(run.frames)


@pytest.mark.parametrize("name", ["a.avi", "a.mp4"])
def test_a_video_without_frames_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "mp4v" if name == "a.mp4" else "MJPG", frames()[:0])
    with pytest.raises(InputError, match=name):
        load(tmp_path / name)


def test_text_named_mp4_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("not a video, though its name says so")
    with pytest.raises(InputError, match=r"a\.mp4: cannot be opened as a video"):
        load(tmp_path / "a.mp4")
