"""The measures of one frame as a DICOM measurement report, TID 1500 (PS3.16).

The templates are highdicom's, an optional package; the object around them is ours, since highdicom
would date it by the clock.
"""

from importlib.metadata import version

from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ComprehensiveSRStorage

from coroseg.geometry.tree import VesselTree
from coroseg.io.dicom.derived import (
    MAKER,
    Origin,
    finish,
    new_object,
    reference_to,
    series_uid,
)
from coroseg.io.dicom.sr_groups import OWN_SCHEME, Groups, templates
from coroseg.io.dicom.uids import derived_uid
from coroseg.spacing import PixelSpacing

CORONARY_ANGIOGRAPHY = Code("33367005", "SCT", "Coronary angiography")


def measurement_report(
    origin: Origin,
    segmentation: Dataset,
    tree: VesselTree,
    *,
    frame: int,
    area_px: int,
    spacing: PixelSpacing | None,
) -> Dataset:
    """Return the report of a frame: the arteries as segmented, their branches, and the lesions.

    `segmentation` has that one frame; `spacing` is the image's. Lengths are in mm where it is
    known, else in pixels. Raises `MissingPackageError` where highdicom is not installed.
    """
    sr = templates()
    groups = Groups(origin, frame, tree, spacing)
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=derived_uid(MAKER, version(MAKER)), name=MAKER, manufacturer_name=MAKER
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=CORONARY_ANGIOGRAPHY,
        imaging_measurements=[
            groups.arteries(segmentation, area_px),
            *map(groups.branch, tree.branches),
            *map(groups.lesion, tree.lesions),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    dataset = new_object(origin, ComprehensiveSRStorage, "SR", "Coronary measures, coroseg")
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = OWN_SCHEME, "Codes of coroseg"
    dataset.CodingSchemeIdentificationSequence = [scheme]
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.CurrentRequestedProcedureEvidenceSequence = [_evidence(origin, segmentation)]
    dataset.update(report[0])
    finish(dataset, origin)
    return dataset


def _evidence(origin: Origin, segmentation: Dataset) -> Dataset:
    """Return the item that lists the objects which the report refers to."""
    study = Dataset()
    study.StudyInstanceUID = segmentation.StudyInstanceUID
    study.ReferencedSeriesSequence = []
    segments = reference_to(segmentation.SOPClassUID, segmentation.SOPInstanceUID)
    for uid, item in (
        (series_uid(origin), origin.reference()),
        (segmentation.SeriesInstanceUID, segments),
    ):
        series = Dataset()
        series.SeriesInstanceUID = uid
        series.ReferencedSOPSequence = [item]
        study.ReferencedSeriesSequence.append(series)
    return study
