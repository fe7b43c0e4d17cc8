"""Angiograms in AVI and MP4 files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import InputError
from coroseg.io.gray import to_frame
from coroseg.io.limits import check_size
from coroseg.io.opencv_log import quiet_opencv


def read_video(path: Path) -> Angiogram:
    """Return the run in a video; its frame times are those of a constant rate.

    Raises `InputError` for a video that is damaged, empty, in colour, too small or too large; one
    that ends before its last frame is found when that frame is decoded.
    """
    _check_whole(path)
    with _opened(path) as video:
        rows = int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
        columns = int(video.get(cv2.CAP_PROP_FRAME_WIDTH))
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        check_size(path, rows, columns, count)
        rate = video.get(cv2.CAP_PROP_FPS)
    if count < 1:
        raise InputError(f"{path}: the video has no frame: export it again")
    times = tuple(i * 1000 / rate for i in range(count)) if 0 < rate < np.inf else None
    return Angiogram(
        path.name,
        VideoFrames(path, count, rows, columns),
        rows,
        columns,
        path,
        frame_times_ms=times,
    )


@dataclass(frozen=True)
class VideoFrames:
    """The frames of one video, in order; another than the next is found by seeking."""

    path: Path
    count: int
    rows: int
    columns: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Frame:
        number = range(self.count)[index]
        with _opened(self.path) as video:
            video.set(cv2.CAP_PROP_POS_FRAMES, number)
            if video.get(cv2.CAP_PROP_POS_FRAMES) == number:
                return self._next(video, number)
        return next(islice(self, number, None))  # a container without an index

    def __iter__(self) -> Iterator[Frame]:
        with _opened(self.path) as video:
            for number in range(self.count):
                yield self._next(video, number)

    def _next(self, video: cv2.VideoCapture, number: int) -> Frame:
        with quiet_opencv():
            read, pixels = video.read()
        if not read:
            raise InputError(
                f"{self.path}: the video ends after {number} of its {self.count} frames: "
                "damaged or cut short: export it again"
            )
        if pixels.shape[:2] != (self.rows, self.columns):
            raise InputError(
                f"{self.path}: frame {number + 1} has another size than the video: export it again"
            )
        colour_order = pixels if pixels.ndim == 2 else pixels[..., ::-1]  # noqa: PLR2004
        return to_frame(colour_order, f"{self.path}, frame {number + 1}")


def _check_whole(path: Path) -> None:
    """Raise `InputError` for an AVI cut short: FFmpeg would give the frames that are left."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] == b"RIFF" and int.from_bytes(head[4:8], "little") + 8 > path.stat().st_size:
        raise InputError(f"{path}: the video is cut short: copy or export it again")


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    with quiet_opencv():
        video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not video.isOpened():
            raise InputError(
                f"{path}: cannot be opened as a video: damaged, or its codec is unknown: "
                "export it as MP4 or AVI again"
            )
        yield video
    finally:
        video.release()
