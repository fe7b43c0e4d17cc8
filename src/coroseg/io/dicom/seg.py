"""Masks as a DICOM Segmentation, BINARY, whose frames refer to those of the angiogram.

Written with pydicom: highdicom refuses sources without a Frame of Reference, as angiograms are.
"""

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import SegmentationStorage

from coroseg.io.dicom.context import one_value, tidy
from coroseg.io.dicom.derived import (
    MAKER,
    Origin,
    code,
    finish,
    new_object,
    reference_to,
    series_uid,
)
from coroseg.io.dicom.uids import derived_uid
from coroseg.metrics import Mask

TRACKING = "Coronary arteries"
_LABEL = 64  # characters
_LOSSY = ("LossyImageCompressionRatio", "LossyImageCompressionMethod")


class MaskFrames:
    """Masks of a run's frames, kept at one bit a pixel in the order of BINARY pixel data."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.shape = (0, 0)
        self._content = bytearray()
        self._open: NDArray[np.bool_] = np.empty(0, dtype=bool)  # bits of an unfinished byte

    def add(self, number: int, mask: Mask) -> None:
        """Add the mask of frame `number`, counted from 1; all masks have one shape."""
        self.numbers.append(number)
        self.shape = (mask.shape[0], mask.shape[1])
        bits = np.concatenate([self._open, mask.ravel()])
        whole = len(bits) // 8 * 8
        self._content += np.packbits(bits[:whole], bitorder="little").tobytes()
        self._open = bits[whole:]

    def pixel_data(self) -> bytes:
        """Return the frames one after another, of even length (PS3.5 8.1.1)."""
        content = bytes(self._content) + np.packbits(self._open, bitorder="little").tobytes()
        return content + bytes(len(content) % 2)


def tracking_uid(origin: Origin) -> str:
    """Return the UID of the arteries of this angiogram, in every object that tells of them."""
    return derived_uid(origin.uid, TRACKING)


def segmentation(origin: Origin, frames: MaskFrames) -> Dataset:
    """Return the Segmentation (PS3.3 A.51) of `frames`, of which there is at least one."""
    dataset = new_object(origin, SegmentationStorage, "SEG", "Coronary arteries, coroseg")
    series = Dataset()
    series.SeriesInstanceUID = series_uid(origin)
    series.ReferencedInstanceSequence = [origin.reference()]
    dataset.ReferencedSeriesSequence = [series]
    dataset.ContentLabel = "ARTERIES"
    dataset.ContentDescription = "Coronary arteries in an X-ray angiogram"
    dataset.ContentCreatorName = ""
    dataset.SegmentSequence = [_segment(origin)]
    _describe_frames(dataset, origin, frames)
    _describe_pixels(dataset, origin, frames)
    finish(dataset, origin)
    return dataset


def _segment(origin: Origin) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber = 1
    segment.SegmentLabel = TRACKING
    segment.SegmentedPropertyCategoryCodeSequence = [
        code("91723000", "SCT", "Anatomical structure")
    ]
    segment.SegmentedPropertyTypeCodeSequence = [code("41801008", "SCT", "Coronary artery")]
    segment.TrackingID = TRACKING
    segment.TrackingUID = tracking_uid(origin)
    if origin.model is None:
        segment.SegmentAlgorithmType = "MANUAL"
        return segment
    model = origin.model
    segment.SegmentAlgorithmType = "AUTOMATIC"
    segment.SegmentAlgorithmName = one_value(f"{MAKER} {model.name}", _LABEL)
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = [code("123110", "DCM", "Artificial Intelligence")]
    algorithm.AlgorithmName = one_value(model.name, _LABEL)
    algorithm.AlgorithmVersion = one_value(model.version, _LABEL)
    algorithm.AlgorithmParameters = f"model SHA-256 {model.sha256}; {MAKER} {version(MAKER)}"
    segment.SegmentationAlgorithmIdentificationSequence = [algorithm]
    return segment


def _describe_frames(dataset: Dataset, origin: Origin, frames: MaskFrames) -> None:
    organization = derived_uid(*origin.key, "dimensions")
    item = Dataset()
    item.DimensionOrganizationUID = organization
    dataset.DimensionOrganizationSequence = [item]
    dataset.DimensionIndexSequence = [
        _dimension(organization, "ReferencedSegmentNumber", "SegmentIdentificationSequence"),
        _dimension(organization, "TemporalPositionIndex", "FrameContentSequence"),
    ]
    identification = Dataset()
    identification.ReferencedSegmentNumber = 1
    shared = Dataset()
    shared.SegmentIdentificationSequence = [identification]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(origin, number) for number in frames.numbers]


def _dimension(organization: str, pointer: str, group: str) -> Dataset:
    dimension = Dataset()
    dimension.DimensionOrganizationUID = organization
    dimension.DimensionIndexPointer = Tag(pointer)
    dimension.FunctionalGroupPointer = Tag(group)
    return dimension


def _frame(origin: Origin, number: int) -> Dataset:
    content = Dataset()
    content.DimensionIndexValues = [1, number]
    content.TemporalPositionIndex = number
    source = reference_to(origin.sop_class, origin.uid)
    if origin.has_frames:
        source.ReferencedFrameNumber = number
    source.PurposeOfReferenceCodeSequence = [
        code("121322", "DCM", "Source image for image processing operation")
    ]
    source.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.DerivationCodeSequence = [code("113076", "DCM", "Segmentation")]
    derivation.SourceImageSequence = [source]
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.DerivationImageSequence = [derivation]
    return groups


def _describe_pixels(dataset: Dataset, origin: Origin, frames: MaskFrames) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PatientOrientation = ""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = len(frames.numbers)
    dataset.Rows, dataset.Columns = frames.shape
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = dataset.PixelRepresentation = 0
    dataset.SegmentationType = "BINARY"
    lossy = [tidy(origin.header, keyword) for keyword in _LOSSY]
    dataset.LossyImageCompression = "00"
    if tidy(origin.header, "LossyImageCompression") == "01":
        dataset.LossyImageCompression = "01"
        for keyword, found in zip(_LOSSY, lossy, strict=True):
            if found:
                setattr(dataset, keyword, found)
    dataset.PixelData = frames.pixel_data()
    dataset["PixelData"].VR = "OB"
