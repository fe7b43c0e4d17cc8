"""Every way in which a file can state its pixel spacing, one by one and against each other."""

import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from coroseg.io.dicom.spacing import resolve_spacing

IMAGER = {"ImagerPixelSpacing": [0.2, 0.3]}
DISTANCES = {"DistanceSourceToDetector": 1050, "DistanceSourceToPatient": 765}
FACTOR = {"EstimatedRadiographicMagnificationFactor": 1.25}
OTHER = {"PixelSpacing": [0.15, 0.25]}
SAME = {"PixelSpacing": [0.2, 0.3]}
IN_BEAM = {"ObjectPixelSpacingInCenterOfBeam": [0.14, 0.21]}
FIDUCIAL = {"PixelSpacingCalibrationType": "FIDUCIAL"}
GEOMETRY = {"PixelSpacingCalibrationType": "GEOMETRY"}

CASES = {
    "nothing": ({}, None, None),
    "fiducial before all": (
        OTHER | FIDUCIAL | IMAGER | FACTOR | DISTANCES | IN_BEAM,
        "fiducial",
        (0.15, 0.25),
    ),
    "geometry before all but fiducial": (
        OTHER | GEOMETRY | IMAGER | FACTOR | DISTANCES | IN_BEAM,
        "geometry",
        (0.15, 0.25),
    ),
    "calibrated, nothing else": (OTHER | FIDUCIAL, "fiducial", (0.15, 0.25)),
    "object plane": (OTHER | IN_BEAM | IMAGER | FACTOR, "object_plane", (0.14, 0.21)),
    "magnification": (OTHER | IMAGER | FACTOR | DISTANCES, "magnification", (0.16, 0.24)),
    "distances": (
        OTHER | IMAGER | DISTANCES,
        "distances",
        (0.2 * 765 / 1050, 0.3 * 765 / 1050),
    ),
    "unspecified": (OTHER | IMAGER, "pixel_spacing_unspecified", (0.15, 0.25)),
    "unspecified alone": (OTHER, "pixel_spacing_unspecified", (0.15, 0.25)),
    "unknown calibration": (
        OTHER | {"PixelSpacingCalibrationType": "GUESS"},
        "pixel_spacing_unspecified",
        (0.15, 0.25),
    ),
    "detector plane": (IMAGER, "detector_plane", (0.2, 0.3)),
    "equal is uncorrected": (SAME | IMAGER, "detector_plane", (0.2, 0.3)),
    "equal is uncorrected, corrected here": (
        SAME | IMAGER | FACTOR,
        "magnification",
        (0.16, 0.24),
    ),
    "equal is uncorrected whatever the type": (
        SAME | IMAGER | GEOMETRY,
        "detector_plane",
        (0.2, 0.3),
    ),
    "one axis equal is corrected": (
        {"PixelSpacing": [0.2, 0.25]} | IMAGER | FIDUCIAL,
        "fiducial",
        (0.2, 0.25),
    ),
    "distances without imager": (DISTANCES | FACTOR, None, None),
    "patient behind the detector": (
        IMAGER | {"DistanceSourceToDetector": 700, "DistanceSourceToPatient": 765},
        "detector_plane",
        (0.2, 0.3),
    ),
    "patient's distance missing": (
        IMAGER | {"DistanceSourceToDetector": 1050},
        "detector_plane",
        (0.2, 0.3),
    ),
    "reducing magnification": (
        IMAGER | DISTANCES | {"EstimatedRadiographicMagnificationFactor": 0.8},
        "distances",
        (0.2 * 765 / 1050, 0.3 * 765 / 1050),
    ),
}


def dataset_of(elements: dict[str, Any]) -> Dataset:
    """Return a data set; bytes are set as a file would hold them, unparsed."""
    dataset = Dataset()
    for keyword, value in elements.items():
        if isinstance(value, bytes):
            tag = Tag(keyword)
            dataset[tag] = RawDataElement(
                tag, "DS", len(value), value, 0, is_implicit_VR=False, is_little_endian=True
            )
        else:
            setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(("elements", "source", "mm"), CASES.values(), ids=CASES)
def test_each_case(
    elements: dict[str, Any], source: str | None, mm: tuple[float, float] | None
) -> None:
    spacing = resolve_spacing(dataset_of(elements))
    if source is None:
        assert spacing is None
    else:
        assert spacing is not None
        assert spacing.source == source
        assert spacing.mm == pytest.approx(mm)


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing"])
@pytest.mark.parametrize(
    "garbage",
    [[0, 0], [0.2, 0], [-0.2, 0.3], b"a\\b", b"0.2,0.3 ", [0.2], [0.2] * 3, "", None, b"nan\\nan "],
)
def test_a_spacing_that_makes_no_sense_is_absent(keyword: str, garbage: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reader ignores pydicom's, and so does this
        assert resolve_spacing(dataset_of({keyword: garbage})) is None


@pytest.mark.parametrize("garbage", [0, -1, b"x ", b"1e999", "", None])
@pytest.mark.parametrize(
    "keyword",
    [
        "DistanceSourceToDetector",
        "DistanceSourceToPatient",
        "EstimatedRadiographicMagnificationFactor",
    ],
)
def test_a_distance_that_makes_no_sense_is_absent(keyword: str, garbage: Any) -> None:
    elements = IMAGER | (DISTANCES if "Distance" in keyword else {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spacing = resolve_spacing(dataset_of(elements | {keyword: garbage}))
    assert spacing is not None
    assert spacing.source == "detector_plane"


@pytest.mark.parametrize(
    "groups", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
)
def test_enhanced_objects_keep_it_in_their_functional_groups(groups: str) -> None:
    group = Dataset()
    group.ProjectionPixelCalibrationSequence = Sequence([dataset_of(IN_BEAM)])
    group.FramePixelDataPropertiesSequence = Sequence([dataset_of(IMAGER)])
    group.XRayGeometrySequence = Sequence([dataset_of(DISTANCES)])
    spacing = resolve_spacing(dataset_of({groups: Sequence([group])}))
    assert spacing is not None
    assert (spacing.source, spacing.mm) == ("object_plane", (0.14, 0.21))

    del group.ProjectionPixelCalibrationSequence
    spacing = resolve_spacing(dataset_of({groups: Sequence([group])}))
    assert spacing is not None
    assert spacing.source == "distances"
    assert spacing.mm == pytest.approx((0.2 * 765 / 1050, 0.3 * 765 / 1050))


@given(st.floats(500, 1500), st.floats(0.5, 1), st.floats(0.05, 1), st.floats(0.05, 1))
def test_the_two_ways_to_a_magnification_agree(
    detector: float, share: float, row: float, column: float
) -> None:
    imager = {"ImagerPixelSpacing": [round(row, 6), round(column, 6)]}
    patient = round(detector * share, 4)
    detector = round(detector, 4)
    by_distance = resolve_spacing(
        dataset_of(
            imager | {"DistanceSourceToDetector": detector, "DistanceSourceToPatient": patient}
        )
    )
    by_factor = resolve_spacing(
        dataset_of(
            imager | {"EstimatedRadiographicMagnificationFactor": f"{detector / patient:.12f}"}
        )
    )
    assert by_distance is not None
    assert by_factor is not None
    assert by_distance.mm == pytest.approx(by_factor.mm)
