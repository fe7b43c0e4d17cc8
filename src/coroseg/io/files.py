"""Writing files whole or not at all, and their SHA-256."""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coroseg.errors import InputError, OutputError
from coroseg.io.sources import image_files

_REMEDIES: Final = {
    errno.ENOSPC: "free some space, or choose another folder",
    errno.EDQUOT: "free some of your quota, or choose another folder",
    errno.EACCES: "choose a folder in which you may write",
    errno.EPERM: "choose a folder in which you may write",
    errno.EROFS: "choose a folder in which you may write",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: choose another folder",
    errno.EISDIR: "a folder stands where the file is needed: remove it or choose another folder",
}


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Return a context with a path to write to, beside `path` and with its extension.

    It becomes `path` when the context ends well, and is removed on any failure, Ctrl-C too. The
    folders above are made. Raises `OutputError` for what the system refuses, and where something
    other than a file stands: a device or a pipe would be replaced by the file.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    with explained(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise OutputError(f"{path}: no regular file, cannot be replaced: choose another file")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Return a context in which what the system refuses is an `OutputError` about `path`."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose another folder")
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}): {remedy}"
        ) from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits.

    That of a folder is over the names and the content of its angiogram files, in natural order.
    Raises `InputError` for what cannot be read.
    """
    try:
        if not path.is_dir():
            return _sha256_of_file(path)
        digest = hashlib.sha256()
        for file in image_files(path):
            digest.update(os.fsencode(f"{file.name}\n{_sha256_of_file(file)}\n"))
        return digest.hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}): check the path and its permissions"
        ) from error


def _sha256_of_file(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
        raise InputError(f"{path}: not a regular file: pass a file or a folder of files")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
