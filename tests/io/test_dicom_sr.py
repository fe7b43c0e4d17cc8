import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes

from coroseg.errors import MissingPackageError
from coroseg.geometry.tree import VesselTree
from coroseg.io.dicom import sr_groups
from coroseg.io.dicom.seg import MaskFrames, segmentation
from coroseg.io.dicom.sr import measurement_report
from coroseg.io.dicom.sr_groups import (
    AREA,
    DIAMETER_STENOSIS,
    LENGTH,
    LUMEN_DIAMETER,
    MEAN,
    MINIMUM,
    REFERENCE_DIAMETER,
    STENOSIS,
)
from coroseg.segmentation.predictor import ModelInfo
from coroseg.spacing import PixelSpacing, SpacingSource
from derived_sources import (
    KINDS,
    MODEL,
    asymmetric_mask,
    complaints,
    origin_of,
    write_source,
)
from made_trees import HALF_MM, made_tree

AREA_PX = 250
EMPTY = VesselTree((), None)


def made(
    source: Path,
    tree: VesselTree,
    spacing: PixelSpacing | None = HALF_MM,
    frame: int = 1,
    model: ModelInfo | None = MODEL,
) -> tuple[Dataset, Dataset]:
    origin = origin_of(source, model)
    frames = MaskFrames()
    frames.add(frame, asymmetric_mask())
    segments = segmentation(origin, frames)
    report = measurement_report(
        origin, segments, tree, frame=frame, area_px=AREA_PX, spacing=spacing
    )
    return segments, report


def written(folder: Path, report: Dataset) -> Path:
    report.save_as(folder / "sr.dcm", enforce_file_format=True)
    return folder / "sr.dcm"


def groups_in(
    folder: Path, report: Dataset
) -> list[highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    read = highdicom.sr.srread(written(folder, report))
    return read.content.get_planar_roi_measurement_groups()


def numbers(
    group: highdicom.sr.PlanarROIMeasurementsAndQualitativeEvaluations,
) -> dict[tuple[str, str | None], tuple[float, str]]:
    return {
        (m.name.value, m.derivation.value if m.derivation else None): (m.value, m.unit.value)
        for m in group.get_measurements()
    }


@pytest.mark.parametrize("context", ["bare", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_report_on_any_kind_of_angiogram_is_valid(
    tmp_path: Path, kind: str, context: str
) -> None:
    source = write_source(tmp_path / "run.dcm", kind, context)
    assert complaints(written(tmp_path, made(source, made_tree())[1])) == []


@pytest.mark.parametrize("context", ["japanese", "long", "junk", "anonymous_how"])
def test_no_patient_or_study_makes_it_invalid(tmp_path: Path, context: str) -> None:
    source = write_source(tmp_path / "run.dcm", "cine", context)
    assert complaints(written(tmp_path, made(source, made_tree(), frame=3)[1])) == []


@pytest.mark.parametrize(
    ("tree", "spacing", "model"),
    [(EMPTY, None, MODEL), (EMPTY, HALF_MM, MODEL), (made_tree(None), None, None)],
)
def test_a_report_of_nothing_or_in_pixels_is_valid(
    tmp_path: Path, tree: VesselTree, spacing: PixelSpacing | None, model: ModelInfo | None
) -> None:
    source = write_source(tmp_path / "run.dcm")
    assert complaints(written(tmp_path, made(source, tree, spacing, model=model)[1])) == []


def test_it_tells_the_arteries_their_branches_and_lesions(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    arteries, *rest = groups_in(tmp_path, made(source, made_tree())[1])
    branches, lesions = rest[:3], rest[3:]
    # Half a millimetre a pixel; branches of 80, 30 and 20 px; lesions of 60 % in 6 px, 30 % in 4.
    assert numbers(arteries) == {
        (AREA.value, None): (AREA_PX * 0.25, "mm2"),
        (LENGTH.value, None): (65, "mm"),
    }
    assert [numbers(branch)[LENGTH.value, None] for branch in branches] == [
        (40, "mm"),
        (15, "mm"),
        (10, "mm"),
    ]
    first = numbers(branches[0])
    assert first[REFERENCE_DIAMETER.value, MEAN.value] == (3, "mm")
    # 8 of 80 px narrow from 6 px to 2.4 and back.
    mean = np.mean([6] * 32 + [6 * (1 - 0.15 * k) for k in (1, 2, 3, 4, 3, 2, 1)] + [6] * 2)
    assert first[LUMEN_DIAMETER.value, MEAN.value] == (pytest.approx(mean / 2, abs=1e-4), "mm")
    assert [numbers(lesion) for lesion in lesions] == [
        {
            (DIAMETER_STENOSIS.value, None): (pytest.approx(percent), "%"),
            (LUMEN_DIAMETER.value, MINIMUM.value): (pytest.approx(minimal), "mm"),
            (REFERENCE_DIAMETER.value, None): (reference, "mm"),
            (LENGTH.value, None): (pytest.approx(length), "mm"),
        }
        for percent, minimal, reference, length in [(60, 1.2, 3, 8), (30, 1.4, 2, 5.25)]
    ]
    assert [lesion.finding_type.value for lesion in lesions] == [STENOSIS.value] * 2
    assert [lesion.tracking_identifier for lesion in lesions] == [
        "Lesion 1, branch 1",
        "Lesion 2, branch 2",
    ]


def test_lengths_are_in_pixels_where_the_spacing_is_not_known(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    groups = groups_in(tmp_path, made(source, made_tree(None), spacing=None)[1])
    assert numbers(groups[0]) == {
        (AREA.value, None): (AREA_PX, "{pixels}"),
        (LENGTH.value, None): (130, "{pixels}"),
    }
    assert {unit for group in groups for _, unit in numbers(group).values()} == {"{pixels}", "%"}


def test_lesions_lie_on_their_frame_from_the_corner_of_the_first_pixel(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    lesion = groups_in(tmp_path, made(source, made_tree(), frame=3)[1])[4]
    region = lesion.roi
    assert region.graphic_type.value == "POLYLINE"
    # Points 12 to 20 of 41 from x = 10 to 90, on y = 24; the middle of pixel 0 is at 0.5.
    expected = np.column_stack([np.arange(34, 52, 2) + 0.5, np.full(9, 24.5)])
    np.testing.assert_allclose(region.value, expected)
    image = dcmread(source)
    (item,) = region.ContentSequence[0].ReferencedSOPSequence
    assert item.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert item.ReferencedFrameNumber == 3


def test_no_point_lies_outside_the_image(tmp_path: Path) -> None:
    tree = made_tree()
    line = tree.branches[0].centreline
    outside = replace(line, points=line.points + np.array([50, -24.8]))
    tree = VesselTree((replace(tree.branches[0], centreline=outside), *tree.branches[1:]), HALF_MM)
    source = write_source(tmp_path / "run.dcm")
    points = groups_in(tmp_path, made(source, tree)[1])[1].roi.value
    assert points.min(axis=0).tolist() == [60.5, 0]
    assert points.max(axis=0).tolist() == [101, 0]


def test_it_refers_to_the_segmentation_and_to_the_angiogram(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    segments, report = made(source, made_tree(), frame=2)
    image = dcmread(source)
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    assert evidence.StudyInstanceUID == image.StudyInstanceUID == report.StudyInstanceUID
    assert [
        (series.SeriesInstanceUID, series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for series in evidence.ReferencedSeriesSequence
    ] == [
        (image.SeriesInstanceUID, image.SOPInstanceUID),
        (segments.SeriesInstanceUID, segments.SOPInstanceUID),
    ]
    arteries = groups_in(tmp_path, report)[0]
    (item,) = arteries.referenced_segmentation_frame[0].ReferencedSOPSequence
    assert item.ReferencedSOPInstanceUID == segments.SOPInstanceUID
    assert item.ReferencedSegmentNumber == 1
    assert "ReferencedFrameNumber" not in item
    assert arteries.tracking_uid == segments.SegmentSequence[0].TrackingUID


def test_it_says_how_its_numbers_were_obtained(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    spacing = PixelSpacing((0.5, 0.4), SpacingSource.DISTANCES)
    report = made(source, made_tree(), spacing)[1]
    arteries = groups_in(tmp_path, report)[0]
    remarks = [
        item.TextValue for item in arteries[0].ContentSequence if item.name == codes.DCM.Comment
    ]
    assert remarks[0] == "Pixel spacing: 0.5 x 0.4 mm (row x column), source: distances"
    assert "Flag: loop" in remarks
    texts = [
        [i.TextValue for i in g[0].ContentSequence if i.name == codes.DCM.AlgorithmParameters]
        for g in groups_in(tmp_path, report)
    ]
    assert all(f"model SHA-256 {MODEL.sha256}" in text for text in texts)
    assert {text[-1] for text in texts} == {
        "pixel spacing 0.5 x 0.4 mm (row x column), source: distances"
    }


def test_the_same_measures_are_the_same_file_and_others_another_object(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    first, again = (written(tmp_path, made(source, made_tree())[1]).read_bytes() for _ in range(2))
    assert first == again
    reports = [
        made(source, made_tree())[1],
        made(source, made_tree(), frame=2)[1],
        made(source, VesselTree(made_tree().branches[:2], HALF_MM))[1],
        made(source, made_tree(None), None)[1],
        made(source, made_tree(), model=None)[1],
    ]
    assert len({report.SOPInstanceUID for report in reports}) == len(reports)


def test_without_highdicom_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'coroseg\[dicom\]'"):
        sr_groups.templates()
