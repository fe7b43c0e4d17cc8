"""Files behind URLs (S3, GCS, SFTP and others), by fsspec: listed, fetched and put."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coroseg.errors import CorosegError, InputError, MissingPackageError, OutputError


@dataclass(frozen=True)
class UrlEntry:
    """What a folder behind a URL holds, with the methods of `os.DirEntry` that a walk needs."""

    name: str
    path: str
    kind: str

    def is_dir(self) -> bool:
        """Return whether it is a folder that is no link: those might go round in circles."""
        return self.kind == "directory"

    def is_file(self) -> bool:
        """Return whether it is a file."""
        return self.kind == "file"


def is_url(place: str) -> bool:
    """Return whether `place` is a URL, not a path of this machine."""
    return "://" in place


def without_slash(url: str) -> str:
    """Return a URL without the slashes at its end, but those of its scheme."""
    scheme, separator, place = url.partition("://")
    return scheme + separator + (place.rstrip("/") or place)


def is_folder(url: str) -> bool:
    """Return whether there is a folder at `url`. Raises `InputError` where nobody answers."""
    with _explained(url, InputError, "read"):
        filesystem, path = _located(url)
        return bool(filesystem.isdir(path))


def entries(url: str) -> list[UrlEntry]:
    """Return what the folder at `url` holds; nothing where there is none. Raises `InputError`."""
    url = without_slash(url)
    with _explained(url, InputError, "listed"):
        filesystem, path = _located(url)
        filesystem.invalidate_cache()  # others may have written there
        try:
            listed = filesystem.ls(path, detail=True)
        except FileNotFoundError:
            return []
        found = []
        for info in listed:
            whole = info["name"].rstrip("/")
            name = whole.rsplit("/", 1)[-1]
            if whole != path.rstrip("/"):  # object stores can list a folder in itself
                found.append(UrlEntry(name, f"{url}/{name}", info["type"]))
        return found


def head(url: str, size: int) -> bytes:
    """Return the first bytes of a file. Raises `InputError`."""
    with _explained(url, InputError, "read"):
        filesystem, path = _located(url)
        return bytes(filesystem.cat_file(path, start=0, end=size))


def fetch(url: str, path: Path) -> None:
    """Copy the file at `url` to `path`. Raises `InputError`."""
    with _explained(url, InputError, "read"):
        filesystem, there = _located(url)
        filesystem.get_file(there, str(path))


def put(path: Path, url: str) -> None:
    """Copy a file to `url`. Raises `OutputError`."""
    with _explained(url, OutputError, "written"):
        filesystem, there = _located(url)
        filesystem.put_file(str(path), there)


def put_whole(path: Path, url: str) -> None:
    """Copy a file to `url`, whole or not at all. Raises `OutputError`."""
    folder, _, name = url.rpartition("/")
    with _explained(url, OutputError, "written"):
        filesystem, there = _located(url)
        _, beside = _located(f"{folder}/.{name}.part")
        filesystem.put_file(str(path), beside)
        filesystem.mv(beside, there)


def remove(url: str) -> None:
    """Remove the file at `url`. Raises `OutputError`."""
    with _explained(url, OutputError, "removed"):
        filesystem, path = _located(url)
        filesystem.rm_file(path)


def _located(url: str) -> tuple[Any, str]:
    """Return the file system of `url`, and the path there."""
    scheme = url.partition("://")[0]
    if find_spec("fsspec") is None:
        raise MissingPackageError("fsspec", f"{scheme}://", 'pip install "coroseg[cluster]"')
    if urlsplit(url).password is not None:
        raise InputError(
            f"{scheme}://{urlsplit(url).hostname}: a password in a URL would stand in the summary: "
            "leave it out, and use a key or the environment"
        )
    from fsspec.core import url_to_fs

    options = {"auto_mkdir": True} if scheme in {"file", "local"} else {}
    try:
        if scheme in {"sftp", "ssh"}:
            from coroseg.io.sftp import check_hosts

            check_hosts()
        filesystem, path = url_to_fs(url, **options)
    except ImportError as error:
        missing = getattr(error.__cause__ or error, "name", None) or scheme
        package = str(missing).partition(".")[0]
        raise MissingPackageError(package, f"{scheme}://", f"pip install {package}") from error
    return filesystem, path


@contextmanager
def _explained(url: str, kind: type[CorosegError], what: str) -> Iterator[None]:
    """Return a context in which whatever a file system raises is one line about `url`."""
    try:
        yield
    except (CorosegError, MemoryError):
        raise
    except Exception as error:  # each has its own kinds
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if isinstance(error, FileNotFoundError):
            reason = "no such file"
        raise kind(
            f"{url}: cannot be {what} ({reason or type(error).__name__}): "
            "check the address, and that you have access"
        ) from error
