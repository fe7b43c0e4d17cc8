"""How sources ended, a row each: `summary.csv`, or a Parquet file."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from coroseg.io.files import explained, write_whole
from coroseg.io.sources import Source
from coroseg.measuring import Record
from coroseg.summary_table import (
    COLUMNS,
    as_utf8,
    check_parquet,
    csv_line,
    read_csv,
    read_parquet,
    write_parquet,
)

SUMMARY = "summary.csv"


@dataclass(frozen=True)
class Outcome:
    """How a source ended. `record` is its `result.json`; `repeated` if it was there already.

    The reason of an `ok` is what could not be calibrated, measured or written as DICOM.
    """

    source: Source
    status: Literal["ok", "skipped", "failed"]
    reason: str = ""
    record: Record | None = None
    repeated: bool = False


class SummaryWriter:
    """A context in which `add` appends a row at once, so that a kill loses none that is whole.

    When the context ends, by an error too, the file is written anew: one row a source, its last.
    Rows stay where the file had them, new ones follow, and those of `order` are in its order
    among themselves. A path that ends with `.parquet` becomes a Parquet file at the end; till then
    the rows are in a hidden CSV file beside it, where the next writer finds them after a kill.

    Raises `MissingPackageError` where Parquet cannot be written; entering raises `OutputError` for
    a file that cannot be written or is no summary of this version's, and so does `add` for what
    the system refuses.
    """

    def __init__(self, path: Path, order: Sequence[Source] = ()) -> None:
        self._path = path
        self._parquet = path.suffix.lower() == ".parquet"
        if self._parquet:
            check_parquet()
        self._journal = path.with_name(f".{path.name}.csv") if self._parquet else path
        self._order = {self._text(source.name.as_posix()): i for i, source in enumerate(order)}
        self._lines: dict[str, bytes] = {}  # a name's row: little, however much its record holds
        self._file = -1

    def __enter__(self) -> Self:
        rows = read_parquet(self._path) if self._parquet else []
        for row in rows + read_csv(self._journal):
            self._lines[row["name"]] = csv_line(row.values())
        self._write_journal()
        with explained(self._journal):
            self._file = os.open(self._journal, os.O_WRONLY | os.O_APPEND)
        return self

    def add(self, outcome: Outcome) -> None:
        """Append how a source ended."""
        values = _row(outcome)
        known = {column: value for column, value in values.items() if value is not None}
        row = [self._text(known.get(column, "")) for column in COLUMNS]
        line = csv_line(row)
        if self._lines.get(row[0]) == line:  # as before: a second run found it finished
            return
        with explained(self._journal):
            size = os.fstat(self._file).st_size
            if os.write(self._file, line) < len(line):
                os.ftruncate(self._file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._lines[row[0]] = line

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._file)
        self._sort()
        self._write_journal()
        if self._parquet:
            write_parquet(self._path, read_csv(self._journal))
            self._journal.unlink()

    def _sort(self) -> None:
        """Put the rows of `order` in its order, at the places that they have among all rows."""
        asked = iter(sorted(self._order.keys() & self._lines.keys(), key=self._order.__getitem__))
        names = [next(asked) if name in self._order else name for name in self._lines]
        self._lines = {name: self._lines[name] for name in names}

    def _write_journal(self) -> None:
        with write_whole(self._journal) as temporary:
            temporary.write_bytes(b"".join((csv_line(COLUMNS), *self._lines.values())))

    def _text(self, value: Any) -> str:
        return as_utf8(value) if self._parquet else str(value)


def _row(outcome: Outcome) -> dict[str, Any]:
    record = outcome.record or {}
    row_mm, column_mm = record.get("spacing_mm") or ("", "")
    frame_results = record.get("frame_results")
    measures = record.get("measures") or {}
    tightest = measures.get("tightest") or {}
    flags = record.get("flags", ())
    if frame_results:
        record = {**record, **frame_results[record["best_frame"] - 1], "frame": "all"}
        flags = sorted({flag for frame in frame_results for flag in frame["flags"]})
    values = {name: record[name] for name in COLUMNS if name in record}
    return values | {
        "name": outcome.source.name.as_posix(),
        "source": outcome.source.place,
        "status": outcome.status,
        "reason": outcome.reason,
        "spacing_row_mm": row_mm,
        "spacing_column_mm": column_mm,
        "flags": " ".join(flags),
        "branches": measures.get("branches", ""),
        "lesions": measures.get("lesions", ""),
        "not_counted": measures.get("not_counted", ""),
        "tightest_percent": tightest.get("diameter_stenosis_percent", ""),
        "tightest_diameter_px": tightest.get("minimal_diameter_px", ""),
        "tightest_diameter_mm": tightest.get("minimal_diameter_mm", ""),
        "measure_seconds": measures.get("seconds", ""),
    }
