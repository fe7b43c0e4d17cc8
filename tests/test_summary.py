"""The summary: nothing lost by a kill, one row a source, CSV and Parquet alike."""

import csv
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path, PurePath

import pytest

from coroseg.errors import MissingPackageError, OutputError
from coroseg.io.sources import Source
from coroseg.summary import Outcome, SummaryWriter
from coroseg.summary_table import COLUMNS, read_csv, read_parquet

NAMES = ("a", "b/c", "d,e", 'f"g', "h\r\ni", "é", os.fsdecode(b"\xe9"))
RECORD = {
    "frame": 3,
    "frames": 12,
    "spacing_mm": [0.30000000000000004, 0.25],
    "threshold": 0.4375,
    "vessel_area_px": 5017,
    "flags": ["low_contrast", "no_dicom"],
    "measures": {"branches": 4, "tightest": {"diameter_stenosis_percent": 61.25}},
}


def source(name: str) -> Source:
    return Source(Path("in") / name, PurePath(name))


def outcome(name: str, reason: str = "") -> Outcome:
    return Outcome(source(name), "failed" if reason else "ok", reason, None if reason else RECORD)


def write(path: Path, *names: str, order: tuple[str, ...] = (), reason: str = "") -> Path:
    with SummaryWriter(path, [source(name) for name in order]) as summary:
        for name in names:
            summary.add(outcome(name, reason))
    return path


def names_in(path: Path) -> list[str]:
    rows = read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    return [row["name"] for row in rows]


@pytest.fixture(params=["summary.csv", "x.parquet"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "out" / request.param


def test_a_row_is_what_is_recorded(path: Path) -> None:
    with SummaryWriter(path) as summary:
        summary.add(outcome("a"))
        summary.add(outcome("b", "b: is broken"))
    a, b = read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    assert {key: value for key, value in a.items() if value} == {
        "name": "a",
        "source": "in/a",
        "status": "ok",
        "frame": "3",
        "frames": "12",
        "spacing_row_mm": "0.30000000000000004",
        "spacing_column_mm": "0.25",
        "threshold": "0.4375",
        "vessel_area_px": "5017",
        "flags": "low_contrast no_dicom",
        "branches": "4",
        "tightest_percent": "61.25",
    }
    assert (b["name"], b["status"], b["reason"]) == ("b", "failed", "b: is broken")


def test_another_library_reads_the_types_of_parquet(tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(write(tmp_path / "x.parquet", *NAMES), dtype_backend="pyarrow")
    assert tuple(table.columns) == tuple(COLUMNS)
    assert table["name"].tolist() == [*NAMES[:-1], r"\xe9"]
    assert (table["vessel_area_px"] == 5017).all()
    assert str(table["vessel_area_px"].dtype) == "int64[pyarrow]"
    assert str(table["vessel_area_mm2"].dtype) == "double[pyarrow]"
    assert table["vessel_area_mm2"].isna().all()
    assert (table["spacing_row_mm"] == 0.30000000000000004).all()


def test_rows_are_in_the_order_asked_for_and_others_stay(path: Path) -> None:
    write(path, "z", "c", "x")
    write(path, "c", "a", "b", order=("a", "b", "c"))
    assert names_in(path) == ["z", "a", "x", "b", "c"]
    write(path, "z", order=("z",))
    assert names_in(path) == ["z", "a", "x", "b", "c"]


def test_the_last_row_of_a_source_counts(path: Path) -> None:
    write(path, *NAMES, reason="not yet")
    write(path, *NAMES)
    rows = read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    assert [row["status"] for row in rows] == ["ok"] * len(NAMES)


def test_rows_are_there_while_the_work_goes_on(path: Path) -> None:
    journal = path if path.suffix == ".csv" else path.with_name(".x.parquet.csv")
    with SummaryWriter(path) as summary:
        assert read_csv(journal) == []
        for number, name in enumerate(NAMES, start=1):
            summary.add(outcome(name))
            assert len(read_csv(journal)) == number
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_work_loses_no_row(path: Path) -> None:
    def work() -> None:
        with SummaryWriter(path) as summary:
            summary.add(outcome("a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert names_in(path) == ["a"]


def test_a_kill_within_a_row_loses_that_row_only(tmp_path: Path) -> None:
    path = write(tmp_path / "summary.csv", *NAMES)
    whole = path.read_bytes()
    ends = [
        write(tmp_path / f"{number}.csv", *NAMES[:number]).stat().st_size
        for number in range(len(NAMES) + 1)
    ]
    for size in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:size])
        left = [row["name"] for row in read_csv(path)]
        assert left == list(NAMES[: sum(end <= size for end in ends) - 1])
    path.write_bytes(whole[: ends[3] - 1])
    write(path, *NAMES[2:], order=NAMES)
    assert path.read_bytes() == whole


_KILLED = """
import sys
from pathlib import Path
from test_summary import SummaryWriter, outcome
with SummaryWriter(Path(sys.argv[1])) as summary:
    for number in range(10**6):
        summary.add(outcome(f"{number:06d}"))
        print(number, flush=True)
"""


def test_a_killed_writer_is_gone_on_from(path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, path]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    ) as process:
        assert process.stdout is not None
        added = [next(process.stdout) for _ in range(200)]
        process.send_signal(signal.SIGKILL)
        added += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    write(path, "last")
    names = names_in(path)
    assert names[-1] == "last"
    assert len(added) <= len(names) - 1 <= len(added) + 1
    assert names[:-1] == [f"{number:06d}" for number in range(len(names) - 1)]


def test_a_full_disk_is_said_and_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    added: list[str] = []

    def fill() -> None:
        with SummaryWriter(path) as summary:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
            for number in range(100):
                summary.add(outcome(f"{number}"))
                added.append(f"{number}")

    try:
        with pytest.raises(OutputError, match="cannot be written"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(added) > 3
    assert names_in(path) == added


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"patient;age\n1;2\n", b"PAR1 and more", b"x" * 200_000 + b"\n"],
)
def test_a_file_of_another_kind_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(OutputError, match="was not written by this version"), SummaryWriter(path):
        pass
    assert path.read_bytes() == content


def test_a_table_with_other_columns_is_left_alone(path: Path) -> None:
    import pandas as pd

    path.parent.mkdir()
    table = pd.DataFrame({"name": ["a"], "age": [7]})
    table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    with pytest.raises(OutputError, match="was not written by this version"), SummaryWriter(path):
        pass


def test_a_row_with_too_many_fields_is_another_file(tmp_path: Path) -> None:
    path = write(tmp_path / "summary.csv", "a")
    with path.open("a", newline="") as file:
        csv.writer(file).writerow(range(len(COLUMNS) + 1))
    with pytest.raises(OutputError, match="was not written by this version"):
        read_csv(path)


def test_without_pyarrow_parquet_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'coroseg\[parquet\]'"):
        SummaryWriter(tmp_path / "x.parquet")
    write(tmp_path / "x.csv", "a")


def test_a_row_that_is_there_already_is_not_added_again(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    ok, failed = outcome("a"), outcome("b", "b: bad")
    with SummaryWriter(path) as summary:
        summary.add(ok)
        summary.add(failed)
    before = path.read_bytes()
    with SummaryWriter(path) as summary:
        summary.add(ok)
        summary.add(failed)
        assert path.read_bytes() == before
        summary.add(outcome("b"))
        assert len(path.read_bytes().splitlines()) == 4  # both, until the end
    assert [(row["name"], row["status"]) for row in read_csv(path)] == [("a", "ok"), ("b", "ok")]


def test_what_is_not_known_is_an_empty_field(path: Path) -> None:
    """As of a source whose pixels have no known size, with a lesion."""
    tightest = {"diameter_stenosis_percent": 61.25, "minimal_diameter_mm": None}
    record = RECORD | {"measures": {"tightest": tightest}, "vessel_area_mm2": None}
    with SummaryWriter(path) as summary:
        summary.add(Outcome(source("a"), "ok", "", record))
    (row,) = read_parquet(path) if path.suffix == ".parquet" else read_csv(path)
    assert row["tightest_percent"] == "61.25"
    assert (row["tightest_diameter_mm"], row["vessel_area_mm2"]) == ("", "")
