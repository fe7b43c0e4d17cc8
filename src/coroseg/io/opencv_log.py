"""OpenCV without its own messages: what went wrong is said once, in our error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Return a context in which OpenCV and its FFmpeg write nothing to standard error."""
    # FFmpeg's level is read once, when the first video is opened; -8 is AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    from cv2.utils import logging

    before = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(before)
