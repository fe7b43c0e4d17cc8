from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.deidentify.dates import days_for, moved
from coroseg.deidentify.key import Key

DAYS = st.dates(date(1900, 1, 1), date(2100, 1, 1))


def written(day: date) -> str:
    return day.isoformat().replace("-", "")


@given(st.binary(min_size=32, max_size=32).map(Key), st.text(), DAYS, DAYS)
def test_intervals_of_one_patient_stay(key: Key, patient: str, first: date, second: date) -> None:
    days = days_for(key, patient)
    assert -3650 <= days <= -1
    moved_first, moved_second = (moved(written(day), "DA", days) for day in (first, second))
    between = date.fromisoformat(moved_second) - date.fromisoformat(moved_first)
    assert between == second - first
    assert moved_first != written(first)


@given(DAYS, st.integers(-3650, 3650))
def test_a_date_moves_by_the_calendar(day: date, days: int) -> None:
    assert moved(written(day), "DA", days) == written(day + timedelta(days=days))


def test_other_patients_move_otherwise() -> None:
    key = Key(b"k" * 32)
    assert len({days_for(key, f"P{n}") for n in range(100)}) > 90


@pytest.mark.parametrize(
    ("value", "vr", "expected"),
    [
        ("20240301", "DA", "20240229"),
        ("20240301101112.5+0100", "DT", "20240229101112.5+0100"),
        ("20240301", "DT", "20240229"),
        ("101112.123456", "TM", "101112.123456"),
        ("10", "TM", "10"),
        ("20240230", "DA", ""),
        ("2024.03.01", "DA", ""),
        ("202403", "DT", ""),
        ("DOE^JANE", "DA", ""),
        ("DOE^JANE", "TM", ""),
        ("20240301DOE", "DT", ""),
        ("00010101", "DA", ""),
    ],
)
def test_what_moves_and_what_is_no_date(value: str, vr: str, expected: str) -> None:
    assert moved(value, vr, -1) == expected
