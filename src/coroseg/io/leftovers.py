"""One process a folder of results, and what a killed one left behind."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from coroseg.errors import OutputError
from coroseg.io.files import explained

_PREFIX: Final = ".coroseg-"
_SCRATCH_PREFIX: Final = ".coroseg_scratch_"  # another, where results go to that folder itself
_SCRATCH: Final = re.compile(rf"{re.escape(_SCRATCH_PREFIX)}[0-9a-f]{{16}}")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Return a context in which no other process that asks for this works in `folder`.

    Raises `OutputError` where one does. The system forgets of it when the process ends, however
    that happens. Where folders cannot be locked (Windows, some network drives) nothing is asked.
    """
    with _locked(folder) as is_ours:
        if is_ours is False:
            raise OutputError(
                f"{folder}: another coroseg writes there: wait for its end, or choose another --out"
            )
        yield


def scratch_path() -> Path:
    """Return a new name in this machine's temporary folder, for `scratch`."""
    return Path(tempfile.gettempdir()) / f"{_SCRATCH_PREFIX}{secrets.token_hex(8)}"


@contextmanager
def scratch(path: Path) -> Iterator[None]:
    """Return a context with the new folder `path`, which is for its owner only, removed at its end.

    What a kill leaves of it is removed by `remove_scratch` in any later process.
    """
    new = path.with_suffix(".new")  # it gets its name when it is locked, so that none is without
    with explained(path):
        new.mkdir(mode=0o700)
    with _locked(new):
        new.rename(path)
        try:
            yield
        finally:
            shutil.rmtree(path, ignore_errors=True)


def remove_scratch() -> None:
    """Remove from this machine's temporary folder what killed processes left there."""
    for path in Path(tempfile.gettempdir()).iterdir():
        if _SCRATCH.fullmatch(path.name) and path.is_dir():
            with suppress(OSError), _locked(path) as is_ours:  # others' folders are refused
                if is_ours:
                    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def temporary_beside(folder: Path) -> Iterator[Path]:
    """Return a context with an empty folder beside `folder`, removed at its end.

    In one move it can become `folder`: it is as open to others as any new folder.
    """
    prefix = f"{_PREFIX}{folder.name}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as for_owner_only:
        new = Path(for_owner_only) / "new"
        new.mkdir()
        yield new


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


@contextmanager
def _locked(folder: Path) -> Iterator[bool | None]:
    """Return a context with whether a folder is this process's till its end; None: not known."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        is_ours: bool | None = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_ours = False
        except OSError:  # the drive has no locks
            is_ours = None
        yield is_ours
    finally:
        os.close(descriptor)
