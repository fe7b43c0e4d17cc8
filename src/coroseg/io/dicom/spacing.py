"""What a pixel of a DICOM angiogram measures in the patient, in mm, and how that is known."""

import math

from pydicom import Dataset

from coroseg.io.dicom.values import number, numbers, text
from coroseg.spacing import PixelSpacing, SpacingSource

_SAME = 1e-4  # relative difference below which two spacings are one number written twice

_CALIBRATIONS = {"FIDUCIAL": SpacingSource.FIDUCIAL, "GEOMETRY": SpacingSource.GEOMETRY}


def resolve_spacing(dataset: Dataset) -> PixelSpacing | None:
    """Return the most trustworthy pixel spacing of `dataset`, or None where there is none.

    In this order: Pixel Spacing calibrated by FIDUCIAL, then by GEOMETRY; Object Pixel Spacing in
    Center of Beam; Imager Pixel Spacing divided by the magnification factor; Imager Pixel Spacing
    x source-patient / source-detector distance; Pixel Spacing of unspecified origin; Imager Pixel
    Spacing as it is, in the detector's plane. A Pixel Spacing equal to the Imager Pixel Spacing
    is uncorrected, whatever its calibration type says (PS3.3 10.7.1.3). Values that are not
    positive, and magnifications below 1, count as absent.
    """
    imager = _pair(dataset, "ImagerPixelSpacing")
    calibrated = _pair(dataset, "PixelSpacing")
    if imager and calibrated and _same(imager, calibrated):
        calibrated = None

    calibration = _CALIBRATIONS.get(text(dataset, "PixelSpacingCalibrationType").upper())
    if calibrated and calibration:
        return PixelSpacing(calibrated, calibration)
    if in_beam := _pair(dataset, "ObjectPixelSpacingInCenterOfBeam"):
        return PixelSpacing(in_beam, SpacingSource.OBJECT_PLANE)
    if imager:
        if factor := _at_least_one(number(dataset, "EstimatedRadiographicMagnificationFactor")):
            return PixelSpacing(_divided(imager, factor), SpacingSource.MAGNIFICATION)
        if factor := _magnification_from_distances(dataset):
            return PixelSpacing(_divided(imager, factor), SpacingSource.DISTANCES)
    if calibrated:
        return PixelSpacing(calibrated, SpacingSource.PIXEL_SPACING_UNSPECIFIED)
    return PixelSpacing(imager, SpacingSource.DETECTOR_PLANE) if imager else None


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    """Return two positive numbers `(row, column)`, None where the element holds anything else."""
    found = numbers(dataset, keyword)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None  # noqa: PLR2004


def _magnification_from_distances(dataset: Dataset) -> float | None:
    """Return source-detector / source-patient distance."""
    to_detector = number(dataset, "DistanceSourceToDetector")
    to_patient = number(dataset, "DistanceSourceToPatient")
    if not to_detector or not to_patient or to_patient < 0:
        return None
    return _at_least_one(to_detector / to_patient)


def _at_least_one(factor: float | None) -> float | None:
    """Return `factor` where it can be a magnification: the detector lies behind the patient."""
    return factor if factor is not None and factor >= 1 else None


def _divided(spacing: tuple[float, float], factor: float) -> tuple[float, float]:
    return spacing[0] / factor, spacing[1] / factor


def _same(first: tuple[float, float], second: tuple[float, float]) -> bool:
    return all(math.isclose(a, b, rel_tol=_SAME) for a, b in zip(first, second, strict=True))
