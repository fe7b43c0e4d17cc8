"""An angiogram, its segmentation and its report, de-identified together: still one study."""

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from coroseg.deidentify.file import Request
from coroseg.deidentify.key import Key
from coroseg.deidentify.profile import Options
from coroseg.deidentify.run import deidentify
from coroseg.io.dicom import read_dicom
from coroseg.io.dicom.seg import MaskFrames, segmentation
from coroseg.io.dicom.sr import measurement_report
from derived_sources import KINDS, asymmetric_mask, origin_of, write_source
from made_trees import HALF_MM, made_tree

KEY = Key(b"k" * 32)
GEOMETRY = {
    "ImagerPixelSpacing": [0.2, 0.3],
    "DistanceSourceToDetector": 1050,
    "DistanceSourceToPatient": 765,
    "PositionerPrimaryAngle": -30.5,
    "PositionerSecondaryAngle": 12,
    "FrameTime": 66.7,
    "RWavePointer": [1, 3],
}


def case(folder: Path, kind: str) -> list[Path]:
    """Return the files of an angiogram and of coroseg's results of it."""
    elements = {} if kind == "enhanced" else GEOMETRY
    source = write_source(folder / "xa.dcm", kind, "full", **elements)
    origin = origin_of(source)
    frames = MaskFrames()
    frames.add(1, asymmetric_mask())
    segments = segmentation(origin, frames)
    report = measurement_report(
        origin, segments, made_tree(), frame=1, area_px=250, spacing=HALF_MM
    )
    segments.save_as(folder / "seg.dcm", enforce_file_format=True)
    report.save_as(folder / "sr.dcm", enforce_file_format=True)
    return [source, folder / "seg.dcm", folder / "sr.dcm"]


def uids(dataset: Dataset) -> list[str]:
    """Return all UIDs that are not the standard's, in order of their places."""
    found = []
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            values = [element.value] if element.VM == 1 else element.value
            found += [str(uid) for uid in values if not uid.startswith("1.2.840.10008.")]
    return found


def errors(path: Path) -> set[str]:
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    said = subprocess.run([program, path], capture_output=True, text=True, check=False)
    lines = (said.stdout + said.stderr).splitlines()
    return {re.sub(r"<[^>]*\d[^>]*>", "", line) for line in lines if line.startswith("Error")}


@pytest.mark.parametrize("dates", ["remove", "shift", "keep"])
@pytest.mark.parametrize("kind", sorted({"cine", "enhanced", "monochrome1", "single"} & set(KINDS)))
def test_links_and_validity_survive(tmp_path: Path, kind: str, dates: str) -> None:
    sources = case(tmp_path, kind)
    outcomes = deidentify(sources, tmp_path / "out", Request(Options(dates)), KEY)
    assert [outcome.status for outcome in outcomes] == ["ok"] * 3
    mapped: dict[str, str] = {}
    for source, outcome in zip(sources, outcomes, strict=True):
        assert outcome.written is not None
        old, new = uids(dcmread(source)), uids(dcmread(outcome.written))
        assert len(old) == len(new)
        for before, after in zip(old, new, strict=True):
            assert mapped.setdefault(before, after) == after != before
        assert errors(outcome.written) <= errors(source)
    assert len(set(mapped.values())) == len(mapped)
    image, segments, report = (dcmread(o.written) for o in outcomes if o.written)
    assert image.PatientID == segments.PatientID == report.PatientID
    reference = segments.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert segments.PixelData == dcmread(sources[1]).PixelData
    assert segments.SegmentSequence[0].SegmentLabel == "Coronary arteries"


@pytest.mark.parametrize("request_", [Request(mask_text=True), Request(rectangles=((0, 0, 9, 9),))])
def test_a_segmentation_is_not_masked_for_it_shows_no_picture(
    tmp_path: Path, request_: Request
) -> None:
    sources = case(tmp_path, "cine")
    _, segments, report = deidentify(sources, tmp_path / "out", request_, KEY)
    assert (segments.status, segments.masked, segments.unsure) == ("ok", 0, False)
    assert report.status == "ok"
    assert segments.written is not None
    assert dcmread(segments.written).PixelData == dcmread(sources[1]).PixelData
    dataset = dcmread(sources[1])
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(sources[1])
    (refused,) = deidentify(sources[1:2], tmp_path / "again", request_, KEY)
    assert "is YES: a segmentation is not masked: leave the file out" in refused.reason


def test_texts_and_numbers_of_the_report_stay(tmp_path: Path) -> None:
    sources = case(tmp_path, "cine")
    outcomes = deidentify(sources, tmp_path / "out", Request(), KEY)
    assert outcomes[2].written is not None
    for keyword in ("TextValue", "NumericValue", "GraphicData"):
        before, after = (
            [str(e.value) for e in dcmread(path).iterall() if e.keyword == keyword]
            for path in (sources[2], outcomes[2].written)
        )
        assert before == after
        assert before


def test_what_geometry_needs_stays(tmp_path: Path) -> None:
    source, *_ = case(tmp_path, "cine")
    (outcome,) = deidentify([source], tmp_path / "out", Request(), KEY)
    assert outcome.written is not None
    before, after = read_dicom(source), read_dicom(outcome.written)
    assert before.spacing == after.spacing is not None
    assert (after.primary_angle_deg, after.secondary_angle_deg) == (-30.5, 12)
    assert before.frame_times_ms == after.frame_times_ms is not None
    kept = dcmread(outcome.written)
    for keyword, value in GEOMETRY.items():
        assert kept[keyword].value == value


def test_dates_of_a_patient_keep_their_distances(tmp_path: Path) -> None:
    sources = case(tmp_path, "cine")
    later = write_source(
        tmp_path / "later.dcm", "cine", "full", StudyDate="20240310", SOPInstanceUID="1.2.3.4"
    )
    first, second = deidentify([sources[0], later], tmp_path / "o", Request(Options("shift")), KEY)
    assert first.written
    assert second.written
    dates = [dcmread(outcome.written).StudyDate for outcome in (first, second)]
    assert "20240229" not in dates
    days = date.fromisoformat(dates[1]) - date.fromisoformat(dates[0])
    assert days.days == 10
    assert dcmread(first.written).StudyTime == "101112.123456"
    assert dcmread(first.written).LongitudinalTemporalInformationModified == "MODIFIED"
    assert dcmread(first.written).PatientBirthDate == ""


def test_the_file_says_how_it_was_done(tmp_path: Path) -> None:
    source, *_ = case(tmp_path, "cine")
    request = Request(Options("keep", retain_device=True), rectangles=((0, 0, 5, 5),))
    (outcome,) = deidentify([source], tmp_path / "out", request, KEY)
    assert outcome.written is not None
    done = dcmread(outcome.written)
    assert done.PatientIdentityRemoved == "YES"
    assert done.LongitudinalTemporalInformationModified == "UNMODIFIED"
    assert done.DeidentificationMethod[0].startswith("coroseg")
    given = [item.CodeValue for item in done.DeidentificationMethodCodeSequence]
    assert given == ["113100", "113101", "113104", "113106", "113109"]
