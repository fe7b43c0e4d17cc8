import pytest

from coroseg.errors import ConfigError
from coroseg.pacs.query import parse_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (
            "ModalitiesInStudy=XA,StudyDate=2024*",
            {"ModalitiesInStudy": "XA", "StudyDate": "20240101-20241231"},
        ),
        ("StudyDate=202402*", {"StudyDate": "20240201-20240229"}),
        ("StudyDate=202302*", {"StudyDate": "20230201-20230228"}),
        ("StudyDate=20240301-20240305", {"StudyDate": "20240301-20240305"}),
        (" PatientID = P-1* ", {"PatientID": "P-1*"}),
    ],
)
def test_parse_query(text: str, query: dict[str, str]) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    "text", ["", "XA", "Modality=XA", "StudyDate=", "PatientName=*", "StudyDate=202413*", "A=b,"]
)
def test_what_would_match_every_study_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--query"):
        parse_query(text)
