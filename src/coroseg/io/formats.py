"""Which format a file has: its content tells first, then its name."""

import re
import stat
from pathlib import Path
from typing import Final

from coroseg.errors import InputError

FORMATS: Final = {
    ".dcm": "dicom",
    ".dicom": "dicom",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".pgm": "pgm",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".avi": "video",
    ".mp4": "video",
}
"""The known extensions."""

DICOM_HEAD: Final = 132
_HEAD: Final = 348  # as far as the magic of NIfTI-1

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"BM", "bmp"),
    (b"P2", "pgm"),
    (b"P5", "pgm"),
)


def extension_of(name: str) -> str:
    """Return the known extension that `name` ends with, as written there, or ''."""
    lower = name.lower()
    for extension in (".nii.gz", Path(lower).suffix):
        if extension in FORMATS and lower.endswith(extension) and lower != extension:
            return name[-len(extension) :]
    return ""


def is_dicom(head: bytes) -> bool:
    """Return whether a file that begins with `head` has DICOM's magic (PS3.10, section 7.1)."""
    return head[128:DICOM_HEAD] == b"DICM"


def format_of(path: Path) -> str:
    """Return the format of a file, one of the values of `FORMATS`.

    A DICOM file without preamble is known by its extension, or by a name that has none or is a
    UID. Raises `InputError` for a file that cannot be read, is empty or of no known format.
    """
    head = _head_of(path)
    by_content = _by_content(head)
    if by_content is not None:
        return by_content
    extension = extension_of(path.name).lower()
    if extension:
        return FORMATS[extension]
    if "." not in path.name or re.fullmatch(r"[0-9.]+", path.name):
        return "dicom"
    raise InputError(
        f"{path}: of no known format: pass DICOM, PNG, JPEG, TIFF, BMP, PGM, NIfTI, AVI or MP4"
    )


def _by_content(head: bytes) -> str | None:
    if is_dicom(head):
        return "dicom"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video"
    if head[4:8] == b"ftyp":
        return "video"
    if head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0":
        return "nifti"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def _head_of(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: a folder: pass its files, or as_run (--as-run) for one run")
        if not stat.S_ISREG(mode):
            raise InputError(f"{path}: not a regular file: pass a file or a folder of files")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}): check the path and its permissions"
        ) from error
    if not head:
        raise InputError(f"{path}: the file is empty: export or copy it again")
    return head
