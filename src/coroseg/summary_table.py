"""The rows of a summary as CSV text and as Parquet."""

import csv
import io
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from coroseg.errors import MissingPackageError, OutputError
from coroseg.io.files import explained, write_whole

COLUMNS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("name", "source", "status", "reason", "frame"), str),
    **dict.fromkeys(("frames", "rows", "columns"), int),
    **dict.fromkeys(("spacing_row_mm", "spacing_column_mm"), float),
    "spacing_source": str,
    "threshold": float,
    "vessel_area_px": int,
    "vessel_area_mm2": float,
    "flags": str,
    "seconds": float,
    **dict.fromkeys(("branches", "lesions", "not_counted"), int),
    **dict.fromkeys(("tightest_percent", "tightest_diameter_px", "tightest_diameter_mm"), float),
    "measure_seconds": float,
}
"""The columns and the types that they have in Parquet."""

Row = dict[str, str]

_ENCODING: Final = ("utf-8", "surrogateescape")
"""As Python reads the names of files that are not UTF-8."""


def csv_line(values: Iterable[str]) -> bytes:
    """Return one line of CSV, with its end."""
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().encode(*_ENCODING)


def read_csv(path: Path) -> list[Row]:
    """Return the whole rows of a CSV summary, none where there is no file yet.

    A last row that was not written to its end is left out. Raises `OutputError` for a file that is
    no summary of this version's.
    """
    try:
        with explained(path):
            text = path.read_bytes().decode(*_ENCODING)
    except OutputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise
    try:
        header, *rows = csv.reader(io.StringIO(_whole_lines(text), newline=""))
    except (csv.Error, ValueError) as error:
        raise _foreign(path) from error
    if header != list(COLUMNS) or any(len(row) != len(COLUMNS) for row in rows):
        raise _foreign(path)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def read_parquet(path: Path) -> list[Row]:
    """Return the rows of a Parquet summary as text, none where there is no file yet.

    Raises `OutputError` for a file that is no summary of this version's.
    """
    from pyarrow import ArrowInvalid, parquet

    if not path.exists():
        return []
    try:
        with explained(path):
            table = parquet.read_table(path)
    except ArrowInvalid as error:
        raise _foreign(path) from error
    if table.column_names != list(COLUMNS):
        raise _foreign(path)
    return [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in table.to_pylist()
    ]


def write_parquet(path: Path, rows: list[Row]) -> None:
    """Write rows to a Parquet file, whole or not at all; an empty field is null."""
    import pyarrow as pa
    from pyarrow import parquet

    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    columns = {
        name: pa.array([kind(row[name]) if row[name] else None for row in rows], types[kind])
        for name, kind in COLUMNS.items()
    }
    with write_whole(path) as temporary:
        parquet.write_table(pa.table(columns), temporary)


def check_parquet() -> None:
    """Raise `MissingPackageError` where Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise MissingPackageError("pyarrow", "a Parquet file", "pip install 'coroseg[parquet]'")


def as_utf8(value: Any) -> str:
    r"""Return a value as text for Parquet; bytes of a name that are not UTF-8 become \xNN."""
    return str(value).encode(*_ENCODING).decode("utf-8", "backslashreplace")


def _whole_lines(text: str) -> str:
    """Return CSV text up to the end of its last whole line."""
    end = text.rfind("\n")
    while text.count('"', 0, end + 1) % 2:  # this end of a line is quoted, within a field
        end = text.rfind("\n", 0, end)
    return text[: end + 1]


def _foreign(path: Path) -> OutputError:
    return OutputError(f"{path}: was not written by this version: move it, or use another --out")
