"""The manifest: a CSV file with a row an image, its mask and what is known of them.

Paths are relative to the manifest, so that a folder can move. `segments` is an image that tells the
named parts of the vessels apart: 0 outside them, 1 to 254 inside, as the data set numbers them.
`probability` is an image of how likely other models held each pixel to be vessel: 0 to 255.
What may never straddle two splits is a patient, or where no patient is known a group (frames of one
run), else the image: `Sample.unit`.
"""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import inf, nan
from pathlib import Path
from typing import Any, Literal

from coroseg.errors import DataError
from coroseg.io.files import write_whole

UnitKind = Literal["patient", "group", "image"]


@dataclass(frozen=True)
class Sample:
    """One image with its vessel mask; the fields are the manifest's columns.

    The paths are absolute. Angles are the positioner's in degrees (LAO and
    cranial positive), spacing is in mm; what is not known is None.
    """

    image: Path
    mask: Path
    patient: str | None = None
    group: str | None = None
    artery: str | None = None
    projection: str | None = None
    primary_angle: float | None = None
    secondary_angle: float | None = None
    spacing_row_mm: float | None = None
    spacing_column_mm: float | None = None
    dataset: str | None = None
    split: str | None = None
    segments: Path | None = None
    probability: Path | None = None

    @property
    def unit(self) -> tuple[str, UnitKind, str]:
        """What must stay in one split: (dataset, `patient`, `group` or `image`, its name)."""
        if self.patient is not None:
            return (self.dataset or "", "patient", self.patient)
        if self.group is not None:
            return (self.dataset or "", "group", self.group)
        return (self.dataset or "", "image", str(self.image))

    @property
    def name(self) -> str:
        """The data set and the file of the image, for people."""
        return "/".join(filter(None, (self.dataset, self.split, self.image.name)))


COLUMNS = tuple(column.name for column in fields(Sample))
_REQUIRED = ("image", "mask")
_PATHS = (*_REQUIRED, "segments", "probability")
_CHOICES = {"artery": ("LCA", "RCA"), "projection": ("LAO", "RAO")}
_ANGLES = ("primary_angle", "secondary_angle")
_SPACINGS = ("spacing_row_mm", "spacing_column_mm")
_MAX_ANGLE = 180


def read_manifest(path: Path) -> list[Sample]:
    """Return the samples of the manifest `path`, in its order; the files are not opened.

    Raises `DataError`, naming the line, for a column that is not known (a mistyped `patient` would
    let patients straddle splits), a value missing or out of range, and an image listed twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(reader.fieldnames or (), path)
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a manifest: {error}") from error
    if not rows:
        raise DataError(f"{path}: the manifest lists no image")
    samples = []
    seen: dict[Path, int] = {}
    for line, row in rows:
        sample = _parse(row, path, f"{path}, line {line}")
        first = seen.setdefault(sample.image, line)
        if first != line:
            raise DataError(
                f"{path}, line {line}: {row['image']} is listed in line {first} already"
            )
        samples.append(sample)
    return samples


def write_manifest(path: Path, samples: Iterable[Sample]) -> None:
    """Write the samples to the manifest `path`, whole or not at all, with paths relative to it."""
    folder = path.parent.resolve()
    with write_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_row(sample, folder) for sample in samples)


def absolute(path: Path) -> Path:
    """Return `path` in its resolved folder; a link keeps its own name, which may carry meaning."""
    return path.parent.resolve() / path.name


def _check_columns(columns: Iterable[str], path: Path) -> None:
    columns = list(columns)
    if missing := [name for name in _REQUIRED if name not in columns]:
        raise DataError(f"{path}: no column {' and '.join(missing)} in: {','.join(columns)}")
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise DataError(
            f"{path}: unknown column {', '.join(map(repr, unknown))}: the manifest's columns are "
            f"{', '.join(COLUMNS)}"
        )
    if len(set(columns)) != len(columns):
        raise DataError(f"{path}: a column stands twice in: {','.join(columns)}")


def _parse(row: dict[str, Any], manifest: Path, place: str) -> Sample:
    """Return the sample of one row. Raises `DataError` with the `place` of a bad value."""
    if None in row or None in row.values():
        raise DataError(f"{place}: the row and the header differ in their number of columns")
    values: dict[str, Any] = {name: text.strip() or None for name, text in row.items()}
    for name in _REQUIRED:
        if values[name] is None:
            raise DataError(f"{place}: no {name}")
    for name in _PATHS:
        if values.get(name) is not None:
            values[name] = absolute(manifest.parent / values[name])
    for name, choices in _CHOICES.items():
        if values.get(name) not in (None, *choices):
            expected = " or ".join(choices)
            raise DataError(f"{place}: {name} is {values[name]!r}: it must be {expected}")
    for name in (*_ANGLES, *_SPACINGS):
        values[name] = _number(values.get(name), name, place)
    if (values["spacing_row_mm"] is None) != (values["spacing_column_mm"] is None):
        raise DataError(f"{place}: spacing_row_mm and spacing_column_mm are known both or neither")
    return Sample(**values)


def _number(text: str | None, name: str, place: str) -> float | None:
    """Return `text` as an angle in degrees or a spacing in mm, None where it is empty."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = nan
    is_angle = name in _ANGLES
    if not (abs(value) <= _MAX_ANGLE if is_angle else 0 < value < inf):
        expected = "a number of degrees, -180 to 180" if is_angle else "a positive number of mm"
        raise DataError(f"{place}: {name} is {text!r}: it must be {expected}")
    return value


def _row(sample: Sample, folder: Path) -> dict[str, Any]:
    """Return the columns of one sample, its paths relative to `folder`."""
    row = {name: getattr(sample, name) for name in COLUMNS}
    for name in _PATHS:
        if row[name] is None:
            continue
        row[name] = Path(os.path.relpath(absolute(row[name]), folder)).as_posix()
    return row
