"""What `--query` asks for: attributes of studies and the values they must match."""

import calendar
import re

from coroseg.errors import ConfigError

KEYWORDS = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ModalitiesInStudy",
    "ReferringPhysicianName",
    "StudyDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
)
"""An archive passes over what it does not know and would then give all its studies."""

_YEAR_OR_MONTH = re.compile(r"(\d{4})(\d\d)?\*")


def parse_query(text: str) -> dict[str, str]:
    """Return the values by keyword. Raises `ConfigError` for what cannot be asked of studies.

    Dates cannot be matched with `*` (PS3.4 C.2.2.2.4): 2024* and 202403* become ranges.
    """
    query = {}
    for part in text.split(","):
        keyword, _, value = (piece.strip() for piece in part.partition("="))
        if keyword not in KEYWORDS:
            raise ConfigError(f"--query {part!r}: ask for KEYWORD=VALUE of {', '.join(KEYWORDS)}")
        if not value.strip("*?"):
            raise ConfigError(f"--query {part!r}: matches every study: give a value, or leave out")
        query[keyword] = _date_range(value) if keyword.endswith("Date") else value
    return query


def _date_range(value: str) -> str:
    found = _YEAR_OR_MONTH.fullmatch(value)
    if not found:
        return value
    year, month = found.groups()
    if month is None:
        return f"{year}0101-{year}1231"
    if not 1 <= int(month) <= 12:  # noqa: PLR2004
        raise ConfigError(f"--query: {value} is no month: write 202403* for March 2024")
    last = calendar.monthrange(int(year), int(month))[1]
    return f"{year}{month}01-{year}{month}{last}"
