"""Trying again, with longer and longer waits, what may go well the next time."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from coroseg.pacs.archive import ArchiveError

WAITS_S: tuple[float, ...] = (1, 2, 4, 8, 16, 32)
LONGEST_WAIT_S = 300
"""However long an archive asks for."""

Value = TypeVar("Value")
_log = logging.getLogger(__name__)


def patiently(action: Callable[[], Value]) -> Value:
    """Return what `action` returns, tried again after `ArchiveError`s that may pass."""
    for wait_s in WAITS_S:
        try:
            return action()
        except ArchiveError as error:
            if not error.again:
                raise
            pause_s = min(max(wait_s, error.wait_s), LONGEST_WAIT_S)
            _log.warning("%s (trying again in %g s)", error, pause_s)
        time.sleep(pause_s)
    return action()
