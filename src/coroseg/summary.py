"""How sources ended, a row each: `summary.csv`."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from coroseg.errors import OutputError
from coroseg.io.files import explained, write_whole
from coroseg.io.sources import Source
from coroseg.measuring import Record

SUMMARY = "summary.csv"
COLUMNS = (
    "name", "source", "status", "reason", "frame", "frames", "rows", "columns", "spacing_row_mm",
    "spacing_column_mm", "spacing_source", "threshold", "vessel_area_px", "vessel_area_mm2",
    "flags", "seconds", "branches", "lesions", "not_counted", "tightest_percent",
    "tightest_diameter_px", "tightest_diameter_mm", "measure_seconds",
)  # fmt: skip

_CSV: Final[dict[str, Any]] = {
    "newline": "",
    "encoding": "utf-8",
    "errors": "surrogateescape",  # as Python reads the names of files that are not UTF-8
}


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


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a row an outcome to the CSV file `path`, after the rows of other sources it had."""
    rows = {row["name"]: row for row in rows_in(path)}
    rows |= {row["name"]: row for row in map(_row, outcomes)}
    with write_whole(path) as temporary, temporary.open("w", **_CSV) as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows.values())


def rows_in(path: Path) -> list[dict[str, str]]:
    """Return the rows of a summary, none where there is no file yet.

    Raises `OutputError` for a file that is no summary of this version's.
    """
    if not path.exists():
        return []
    with explained(path), path.open(**_CSV) as file:
        reader = csv.DictReader(file)
        columns, rows = tuple(reader.fieldnames or ()), list(reader)
    if columns != COLUMNS or any(None in row for row in rows):
        raise OutputError(f"{path}: was not written by this version: move it, or use another --out")
    return rows


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
    values = {name: record.get(name, "") for name in COLUMNS if record.get(name) is not None}
    return values | {
        "name": outcome.source.name.as_posix(),
        "source": str(outcome.source.path),
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
