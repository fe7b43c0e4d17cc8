"""Many DICOM files, de-identified one after another; a bad one never stops the others."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from coroseg.deidentify.file import Request, deidentify_file
from coroseg.deidentify.key import Key
from coroseg.errors import CorosegError, InputError, OutputError
from coroseg.io.files import sha256_of
from coroseg.io.formats import DICOM_HEAD, is_dicom
from coroseg.io.sources import natural_key

_BARE_STARTS: Final = (b"\x08\x00", b"\x02\x00")
"""How a DICOM file without preamble begins."""


@dataclass(frozen=True)
class Outcome:
    """What became of one source: `reason` says why it failed, `masked` how many rectangles."""

    path: Path
    status: Literal["ok", "failed"]
    reason: str = ""
    written: Path | None = None
    masked: int = 0
    unsure: bool = False


@dataclass(frozen=True)
class Found:
    """The DICOM files, in natural order, and how many other files there are."""

    sources: list[Path]
    passed_over: int


def find_files(paths: Sequence[Path]) -> Found:
    """Return the files named, and every DICOM file below the folders named.

    Hidden files, DICOMDIRs and files of other formats below a folder are passed over.
    """
    sources: dict[Path, None] = {}
    passed_over = 0
    for path in paths:
        if not path.is_dir():
            sources[path] = None
            continue
        for folder, folders, names in os.walk(path):
            folders.sort(key=natural_key)
            for name in sorted(names, key=natural_key):
                if _is_source(Path(folder, name)):
                    sources[Path(folder, name)] = None
                else:
                    passed_over += 1
    return Found(list(sources), passed_over)


def deidentify(
    sources: Sequence[Path],
    out: Path,
    request: Request,
    key: Key,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Write each source to `out`, named by its new UIDs, and return what became of it.

    The same source, key and request give the same bytes.
    """
    written: dict[Path, Path] = {}
    outcomes = []
    for source in sources:
        outcome = _one(source, out, request, key, written)
        report(outcome)
        outcomes.append(outcome)
    return outcomes


def _one(source: Path, out: Path, request: Request, key: Key, written: dict[Path, Path]) -> Outcome:
    try:
        cleaned = deidentify_file(source, request, key)
        target = out / cleaned.name
        if target in written and sha256_of(written[target]) != sha256_of(source):
            raise InputError(
                f"{source}: another file has the same SOP Instance UID and other content: "
                "keep one of the two"
            )
        cleaned.write(target)
        written[target] = source
    except OutputError:
        raise  # what holds for one file holds for all
    except CorosegError as error:
        return Outcome(source, "failed", str(error))
    return Outcome(source, "ok", written=target, masked=len(cleaned.masked), unsure=cleaned.unsure)


def _is_source(path: Path) -> bool:
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    if path.suffix.lower() in (".dcm", ".dicom"):
        return True
    try:
        with path.open("rb") as file:
            head = file.read(DICOM_HEAD)
    except OSError:
        return True  # reading it says why
    return is_dicom(head) or head[:2] in _BARE_STARTS
