import re

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from coroseg.deidentify.profile import Action, Options, action_for, table


def action(keyword: str, options: Options = Options()) -> Action:  # noqa: B008
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return action_for(tag, dictionary_VR(tag), options)


def test_the_table_is_whole() -> None:
    rows = table()
    assert len(rows) > 640
    assert all(re.fullmatch(r"[XZDU](/[ZDU]\*?)*", row.basic) for row in rows.values())
    # The numbers of the published table: 169 attributes tell of time.
    assert sum(row.full_dates == "K" for row in rows.values()) == 169
    assert all(bool(row.full_dates) == bool(row.modified_dates) for row in rows.values())


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("PatientBirthDate", Action.EMPTY),
        ("AccessionNumber", Action.EMPTY),
        ("InstitutionName", Action.DUMMY),
        ("PatientAddress", Action.REMOVE),
        ("SOPInstanceUID", Action.UID),
        ("SourceImageSequence", Action.UID),
        ("ReferencedStudySequence", Action.EMPTY),
        ("ContentSequence", Action.DUMMY),
        ("OtherPatientIDsSequence", Action.REMOVE),
        ("DistanceSourceToDetector", Action.UNLISTED),
        ("PositionerPrimaryAngle", Action.UNLISTED),
    ],
)
def test_the_basic_profile(keyword: str, expected: Action) -> None:
    assert action(keyword) is expected


def test_options_reach_what_they_name() -> None:
    assert action("StudyDate", Options("shift")) is Action.SHIFT
    assert action("StudyDate", Options("keep")) is Action.KEEP
    assert action("PatientBirthDate", Options("keep")) is Action.EMPTY
    assert action("DeviceSerialNumber", Options(retain_device=True)) is Action.KEEP
    assert action("PatientName", Options("keep", retain_device=True)) is Action.EMPTY
    assert action("PatientID", Options("keep", retain_device=True)) is Action.DUMMY
