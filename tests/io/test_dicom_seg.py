import struct
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from coroseg.errors import InputError
from coroseg.io.dicom.derived import find_origin
from coroseg.io.dicom.seg import MaskFrames, segmentation
from derived_sources import (
    COLUMNS,
    CONTEXTS,
    FRAMES,
    FULL,
    KINDS,
    MODEL,
    ROWS,
    asymmetric_mask,
    complaints,
    origin_of,
    write_source,
)


def frames_of(masks: dict[int, np.ndarray]) -> MaskFrames:
    frames = MaskFrames()
    for number, mask in masks.items():
        frames.add(number, mask)
    return frames


def write(path: Path, dataset: Dataset) -> Path:
    dataset.save_as(path, enforce_file_format=True)
    return path


def made(source: Path, masks: dict[int, np.ndarray], **options: object) -> Dataset:
    return segmentation(origin_of(source, **options), frames_of(masks))


@pytest.mark.parametrize("context", ["bare", "full"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_segmentation_of_any_kind_of_angiogram_is_valid(
    tmp_path: Path, kind: str, context: str
) -> None:
    source = write_source(tmp_path / "run.dcm", kind, context)
    path = write(tmp_path / "seg.dcm", made(source, {1: asymmetric_mask()}))
    assert complaints(path) == []


def test_the_validator_complains_of_a_broken_one(tmp_path: Path) -> None:
    broken = made(write_source(tmp_path / "run.dcm"), {1: asymmetric_mask()})
    del broken.SegmentSequence[0].SegmentLabel
    assert complaints(write(tmp_path / "seg.dcm", broken)) != []


@pytest.mark.parametrize("context", CONTEXTS)
def test_no_patient_or_study_makes_it_invalid(tmp_path: Path, context: str) -> None:
    source = write_source(tmp_path / "run.dcm", "cine", context)
    masks = {number: asymmetric_mask(number) for number in (2, 4)}
    assert complaints(write(tmp_path / "seg.dcm", made(source, masks))) == []


@pytest.mark.parametrize("kind", ["cine", "enhanced", "monochrome1", "secondary_cine"])
def test_highdicom_reads_the_masks_bit_for_bit(tmp_path: Path, kind: str) -> None:
    source = write_source(tmp_path / "run.dcm", kind)
    masks = {number: asymmetric_mask(number) for number in (1, 3, 4)}
    path = write(tmp_path / "seg.dcm", made(source, masks))
    read = highdicom.seg.segread(path)
    stack = read.get_pixels_by_source_frame(
        dcmread(source).SOPInstanceUID,
        list(range(1, FRAMES + 1)),
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    assert stack.shape == (FRAMES, ROWS, COLUMNS, 1)
    masks[2] = np.zeros((ROWS, COLUMNS), dtype=bool)
    for number, mask in masks.items():
        np.testing.assert_array_equal(stack[number - 1, ..., 0], mask)


def test_highdicom_reads_the_mask_of_a_single_frame(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm", "single")
    path = write(tmp_path / "seg.dcm", made(source, {1: asymmetric_mask()}))
    (image,) = highdicom.seg.segread(path).get_pixels_by_source_instance(
        [dcmread(source).SOPInstanceUID], ignore_spatial_locations=True
    )
    np.testing.assert_array_equal(image[..., 0], asymmetric_mask())


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 13), columns=st.integers(1, 13), count=st.integers(1, 5), data=st.data())
def test_pixels_are_packed_row_after_row_the_first_in_the_lowest_bit(
    rows: int, columns: int, count: int, data: st.DataObject
) -> None:
    bits = data.draw(
        st.lists(st.booleans(), min_size=rows * columns * count, max_size=rows * columns * count)
    )
    stack = np.reshape(bits, (count, rows, columns))
    packed = frames_of(dict(enumerate(stack, start=1))).pixel_data()
    number = int.from_bytes(packed, "little")  # an independent reading of PS3.5 8.1.1
    assert [bool(number >> place & 1) for place in range(len(bits))] == bits
    assert len(packed) % 2 == 0
    assert len(packed) < len(bits) / 8 + 2


def test_each_frame_refers_to_its_source_frame_and_the_study_is_the_source_s(
    tmp_path: Path,
) -> None:
    source = write_source(tmp_path / "run.dcm")
    seg = made(source, {2: asymmetric_mask(), 4: asymmetric_mask()})
    image = dcmread(source)
    for number, groups in zip((2, 4), seg.PerFrameFunctionalGroupsSequence, strict=True):
        item = groups.DerivationImageSequence[0].SourceImageSequence[0]
        assert item.ReferencedSOPInstanceUID == image.SOPInstanceUID
        assert item.ReferencedSOPClassUID == image.SOPClassUID
        assert item.ReferencedFrameNumber == number
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == image.SeriesInstanceUID
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "ContentDate"):
        assert seg[keyword].value == image[keyword].value
    assert seg.SeriesInstanceUID != image.SeriesInstanceUID
    (segment,) = seg.SegmentSequence
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("tiny", "3")
    assert MODEL.sha256 in algorithm.AlgorithmParameters
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "41801008"


def test_names_in_any_script_are_kept(tmp_path: Path) -> None:
    for context in ("latin_1", "japanese", "undeclared"):
        source = write_source(tmp_path / f"{context}.dcm", "cine", context)
        path = write(tmp_path / "seg.dcm", made(source, {1: asymmetric_mask()}))
        assert str(dcmread(path).PatientName) == CONTEXTS[context]["PatientName"]


def test_what_breaks_the_rules_is_cut_or_left_out(tmp_path: Path) -> None:
    long = made(write_source(tmp_path / "l.dcm", "cine", "long"), {1: asymmetric_mask()})
    assert long.PatientID == "7" * 64
    assert long.AccessionNumber == "1" * 16
    junk = made(write_source(tmp_path / "j.dcm", "cine", "junk"), {1: asymmetric_mask()})
    assert (junk.PatientID, junk.PatientSex, junk.StudyDate) == ("AB", "", "")
    assert "PatientAge" not in junk
    assert junk.ContentDate == FULL["ContentDate"]


def test_a_model_of_any_name_is_named(tmp_path: Path) -> None:
    model = replace(MODEL, name="a\\b\n" + "c" * 90, version="é" * 90)
    origin = origin_of(write_source(tmp_path / "run.dcm"), model)
    seg = segmentation(origin, frames_of({1: asymmetric_mask()}))
    (algorithm,) = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "a/b" + "c" * 61
    assert complaints(write(tmp_path / "seg.dcm", seg)) == []


def test_a_given_mask_has_no_algorithm(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    seg = segmentation(origin_of(source, model=None), frames_of({1: asymmetric_mask()}))
    assert seg.SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
    assert complaints(write(tmp_path / "seg.dcm", seg)) == []


def test_the_same_result_is_the_same_file_and_another_is_another_object(tmp_path: Path) -> None:
    source = write_source(tmp_path / "run.dcm")
    mask = asymmetric_mask()
    first = write(tmp_path / "a.dcm", made(source, {1: mask})).read_bytes()
    moved = tmp_path / "elsewhere" / "named otherwise.dcm"
    moved.parent.mkdir()
    source.rename(moved)
    assert write(tmp_path / "b.dcm", made(moved, {1: mask})).read_bytes() == first

    changed = mask.copy()
    changed[5, 7] ^= True
    another = write_source(tmp_path / "c.dcm", SOPInstanceUID="1.2.3")
    model = origin_of(moved, model=type(MODEL)("tiny", "3", "5f" * 32, 64))
    objects = [
        made(moved, {1: mask}),
        made(moved, {1: changed}),
        made(moved, {2: mask}),
        made(moved, {1: mask}, spacing_mm=0.3),
        made(another, {1: mask}),
        segmentation(model, frames_of({1: mask})),
    ]
    assert len({item.SOPInstanceUID for item in objects}) == len(objects)
    assert len({item.SeriesInstanceUID for item in objects[:5]}) == 1
    assert objects[5].SeriesInstanceUID != objects[0].SeriesInstanceUID
    for item in objects:
        number = int(item.SOPInstanceUID.removeprefix("2.25."))
        assert struct.pack(">QQ", *divmod(number, 2**64))[6] >> 4 == 5  # the UUID's version


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"SeriesInstanceUID": None}, "SeriesInstanceUID is missing"),
        ({"StudyInstanceUID": ""}, "StudyInstanceUID is missing"),
    ],
)
def test_without_uids_there_is_nothing_to_refer_to(
    tmp_path: Path, elements: dict[str, object], said: str
) -> None:
    source = write_source(tmp_path / "run.dcm", **elements)
    with pytest.raises(InputError, match=said):
        origin_of(source)


def test_what_is_no_dicom_file_has_no_dicom_results(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for path in (tmp_path / "a.png", tmp_path):
        with pytest.raises(InputError, match="not one DICOM file"):
            find_origin(path, MODEL, {})
