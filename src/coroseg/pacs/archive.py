"""What an archive is asked for, whichever protocol it speaks."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, Protocol, Self
from urllib.parse import SplitResult, urlsplit

from coroseg.errors import ConfigError, CorosegError

MODALITIES = ("XA", "RF")
MULTIPLE_FRAMES: Final = 2
"""From this many frames on, an object is a run."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")  # leading zeros are forbidden and found in the field
_LONGEST_UID = 64


def split_url(url: str) -> SplitResult:
    """Return the parts of an address. Raises `ConfigError`, without it: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only here is it checked
    except ValueError:
        raise ConfigError(
            "--url: no such address or port: write http(s)://HOST:PORT/PATH, or "
            "dicom://HOST:PORT/AE-TITLE"
        ) from None
    return parts


class ArchiveError(CorosegError):
    """An archive that does not give or take what it is asked for.

    `again` is whether another try may help, after at least `wait_s` seconds; `stops` is whether
    nothing else will work either.
    """

    def __init__(
        self, message: str, *, again: bool = False, stops: bool = False, wait_s: float = 0
    ) -> None:
        super().__init__(message)
        self.again, self.stops, self.wait_s = again, stops, wait_s


@dataclass(frozen=True)
class Instance:
    """An object in an archive, by its UIDs; `frames` is None where the archive does not tell."""

    study: str
    series: str
    uid: str
    frames: int | None = None

    def __post_init__(self) -> None:
        for uid in (self.study, self.series, self.uid):
            check_uid(uid)

    @property
    def name(self) -> PurePath:
        """The folder of its results below the output, and that of its file below `received`."""
        return PurePath(self.study, self.series, self.uid)


class Archive(Protocol):
    """An archive. All methods raise `ArchiveError`, and none tries again by itself."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...

    def studies(self, query: Mapping[str, str]) -> list[str]:
        """Return the UIDs of the studies that match."""

    def runs(self, study: str) -> list[Instance]:
        """Return the objects of a study's XA and RF series."""

    def fetch(self, instance: Instance, path: Path) -> None:
        """Write an object to the file `path`."""

    def holds(self, instance: Instance) -> bool:
        """Return whether the archive has this object already."""

    def store(self, study: str, paths: Iterable[Path]) -> None:
        """Store DICOM files of a study."""


def check_uid(uid: str) -> str:
    """Return `uid`. Raises `ArchiveError` where it is none: UIDs become names of folders."""
    if len(uid) > _LONGEST_UID or not _UID.fullmatch(uid):
        raise ArchiveError(f"{uid[:80]!r} is no DICOM UID: pass one, such as 1.2.840.113619.2.5")
    return uid
