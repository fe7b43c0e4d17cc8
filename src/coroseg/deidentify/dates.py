"""Dates of one patient, all moved by the same number of days."""

import re
from datetime import date, timedelta
from typing import Final

from coroseg.deidentify.key import Key

DUMMY: Final = {"DA": "19000101", "TM": "000000", "DT": "19000101000000"}
"""What stands where a date or time must not be empty."""

_DAYS: Final = 3650
_TIME: Final = r"\d{2}(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?"
_FORMS: Final = {
    "DA": re.compile(r"(\d{8})()"),
    "TM": re.compile(rf"()({_TIME})"),
    "DT": re.compile(rf"(\d{{8}})((?:{_TIME})?(?:[+-]\d{{4}})?)"),
}


def days_for(key: Key, patient: str) -> int:
    """Return how many days a patient's dates move: 1 to 3650, into the past."""
    return -1 - int.from_bytes(key.digest("days", patient.strip(" \0"))[:8], "big") % _DAYS


def moved(value: str, vr: str, days: int) -> str:
    """Return a DA, TM or DT value `days` later, its time of day unchanged.

    Empty where there is no whole date in it, or where it is none of the calendar.
    """
    found = _FORMS[vr].fullmatch(value.strip())
    if found is None:
        return ""
    day, time = found.groups()
    if not day:
        return str(time)
    try:
        whole = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        return f"{whole + timedelta(days):%Y%m%d}".zfill(8) + time
    except (ValueError, OverflowError):
        return ""
