"""One process a folder of results, and what a killed one left behind."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from coroseg.errors import OutputError

_PREFIX: Final = ".coroseg-"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Return a context in which no other process that asks for this works in `folder`.

    Raises `OutputError` where one does. The system forgets of it when the process ends, however
    that happens. Where folders cannot be locked (Windows, some network drives) nothing is asked.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another coroseg writes there: wait for its end, or choose another --out"
            ) from error
        except OSError:
            pass  # the drive has no locks
        yield
    finally:
        os.close(descriptor)


@contextmanager
def temporary_beside(folder: Path) -> Iterator[Path]:
    """Return a context with an empty folder beside `folder`, removed at its end."""
    prefix = f"{_PREFIX}{folder.name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as temporary:
        yield Path(temporary)


def remove_leftovers(parents: Iterable[Path], *, of: str = "") -> None:
    """Remove from these folders what `temporary_beside` left when it was killed.

    Only that beside the folder named `of`, where one is named.
    """
    # The rest of the name is tempfile's: without a dash, so that `a` is not taken for `a-b`.
    name = re.compile(f"{_PREFIX}{re.escape(of) if of else '.*'}-[a-z0-9_]+", re.DOTALL)
    for parent in parents:
        with suppress(FileNotFoundError, NotADirectoryError):
            for path in parent.iterdir():
                if name.fullmatch(path.name) and path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
