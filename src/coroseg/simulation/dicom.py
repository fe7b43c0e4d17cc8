"""A simulated run as a DICOM file: multi-frame X-ray angiographic image, JPEG-LS lossless."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import JPEGLSLosslessEncoder
from pydicom.tag import Tag
from pydicom.uid import JPEGLSLossless, XRayAngiographicImageStorage, generate_uid

from coroseg.simulation.scene import View

BITS = 12
_DATE, _TIME = "20000101", "120000"  # fixed, so that the same run gives the same bytes


def encode(frame: NDArray[np.uint16]) -> bytes:
    """Return a frame (rows, columns) of 12 bits as JPEG-LS lossless."""
    rows, columns = frame.shape
    return JPEGLSLosslessEncoder.encode(
        frame,
        encoding_plugin="pyjpegls",
        rows=rows,
        columns=columns,
        samples_per_pixel=1,
        number_of_frames=1,
        bits_allocated=16,
        bits_stored=BITS,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
    )


def write_xa(
    path: Path,
    encoded: Sequence[bytes],
    view: View,
    *,
    seed: int,
    artery: str,
    frame_time_ms: float,
    linear: bool,
) -> None:
    """Write the frames of `encode` to `path` with the tags of the view they were taken in.

    `linear` pixels are proportional to the X-rays counted, others made for display. The
    same frames give the same bytes, other frames other UIDs.
    """
    content = hashlib.sha256(b"".join(encoded)).hexdigest()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset.SOPClassUID = XRayAngiographicImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        origin = f"coroseg simulated run {seed}, {content}: {keyword}"
        setattr(dataset, keyword, generate_uid(entropy_srcs=[origin]))
    _describe(dataset, seed, artery)
    _describe_acquisition(dataset, view, frame_time_ms)
    _describe_pixels(dataset, len(encoded), view.size)
    dataset.PixelIntensityRelationship = "LIN" if linear else "DISP"
    dataset.PixelData = encapsulate(list(encoded))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)


def _describe(dataset: Dataset, seed: int, artery: str) -> None:
    dataset.Modality = "XA"
    dataset.Manufacturer = "coroseg"
    dataset.ManufacturerModelName = "simulated run"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = _TIME
    dataset.PatientName = "Simulated^Run"
    dataset.PatientID = f"SIMULATED-{seed}"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.PatientOrientation = ""
    dataset.ReferringPhysicianName = dataset.AccessionNumber = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.BodyPartExamined = "HEART"
    dataset.SeriesDescription = f"Simulated {artery}, no patient"
    dataset.BurnedInAnnotation = "NO"


def _describe_acquisition(dataset: Dataset, view: View, frame_time_ms: float) -> None:
    magnification = view.source_to_detector_mm / view.source_to_isocentre_mm
    dataset.ContrastBolusAgent = "Iodinated contrast"
    dataset.KVP = 80
    dataset.XRayTubeCurrent = 500
    dataset.ExposureTime = 7
    dataset.RadiationSetting = "GR"
    dataset.PositionerMotion = "STATIC"
    dataset.PositionerPrimaryAngle = _decimal(view.primary_deg)
    dataset.PositionerSecondaryAngle = _decimal(view.secondary_deg)
    dataset.DistanceSourceToDetector = _decimal(view.source_to_detector_mm)
    dataset.DistanceSourceToPatient = _decimal(view.source_to_isocentre_mm)
    dataset.EstimatedRadiographicMagnificationFactor = _decimal(magnification)
    dataset.ImagerPixelSpacing = [_decimal(view.pitch_mm)] * 2
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = _decimal(frame_time_ms)


def _describe_pixels(dataset: Dataset, frames: int, size: int) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = frames
    dataset.Rows = dataset.Columns = size
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS, BITS - 1
    dataset.PixelRepresentation = 0
    dataset.LossyImageCompression = "00"
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (BITS - 1), 2**BITS


def _decimal(value: float) -> str:
    """Return `value` as a decimal string, which DICOM limits to 16 characters."""
    return f"{value:.8f}"
