"""What every DICOM object that we derive from an angiogram has in common."""

import hashlib
import io
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from coroseg.errors import InputError
from coroseg.io.dicom.context import copy_context, tidy
from coroseg.io.dicom.file import read_header
from coroseg.io.dicom.uids import derived_uid
from coroseg.io.dicom.values import text, value
from coroseg.io.formats import format_of
from coroseg.segmentation.predictor import ModelInfo

MAKER = "coroseg"
_NO_DATE, _NO_TIME = "19000101", "000000"
"""Where the source has no date: a clock would make each repetition another object."""
_MOMENTS = ("Content", "Acquisition", "Series", "Study")
_MOST_SERIES = 10**6
_SERIES_OFFSET = {"SEG": 1000, "SR": 2000}


@dataclass(frozen=True)
class Origin:
    """What objects are derived from: an angiogram, by a model or, without one, by a given mask.

    `options` are those that the result depends on, as in its record.
    """

    header: Dataset
    model: ModelInfo | None
    options: Mapping[str, Any]

    @property
    def uid(self) -> UID:
        """The SOP instance UID of the angiogram."""
        return UID(_uid(self.header, "SOPInstanceUID"))

    @property
    def sop_class(self) -> UID:
        """The SOP class UID of the angiogram."""
        return UID(_uid(self.header, "SOPClassUID"))

    @property
    def has_frames(self) -> bool:
        """Whether the angiogram is a multi-frame object, even one of a single frame."""
        return value(self.header, "NumberOfFrames") is not None

    @property
    def key(self) -> tuple[str, ...]:
        """What names everything that is derived, beside its content."""
        options = json.dumps(self.options, sort_keys=True)
        return (self.uid, self.model.sha256 if self.model else "", version(MAKER), options)

    def reference(self) -> Dataset:
        """Return an item that refers to the angiogram."""
        return reference_to(self.sop_class, self.uid)


def find_origin(path: Path, model: ModelInfo | None, options: Mapping[str, Any]) -> Origin:
    """Return what objects derived from the angiogram in the file `path` refer to.

    Raises `InputError` where it is no DICOM file, or lacks the UIDs that refer to it.
    """
    if path.is_dir() or format_of(path) != "dicom":
        raise InputError(
            f"{path}: DICOM results refer to a DICOM angiogram, and this is not one DICOM file: "
            "pass the original, or leave out --dicom"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd value is either mended or left out
        header = read_header(path).dataset
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not re.fullmatch(r"[0-9.]{1,64}", _uid(header, keyword)):
            raise InputError(
                f"{path}: {keyword} is {_uid(header, keyword) or 'missing'}: DICOM results cannot "
                "refer to it; export the run again from its archive"
            )
    return Origin(header, model, options)


def new_object(origin: Origin, sop_class: UID, modality: str, description: str) -> Dataset:
    """Return an object of the angiogram's study, in a series of ours beside the angiogram's."""
    header = origin.header
    dataset = Dataset()
    copy_context(header, dataset)
    dataset.SOPClassUID = sop_class
    dataset.StudyInstanceUID = _uid(header, "StudyInstanceUID")
    dataset.SeriesInstanceUID = derived_uid(
        modality, _uid(header, "SeriesInstanceUID"), *origin.key[1:3]
    )
    dataset.Modality = modality
    dataset.SeriesNumber = _SERIES_OFFSET[modality] + _count(header, "SeriesNumber")
    dataset.SeriesDescription = description
    dataset.InstanceNumber = max(1, _count(header, "InstanceNumber"))
    dataset.ContentDate, dataset.ContentTime = _moment(header)
    dataset.Manufacturer = dataset.ManufacturerModelName = MAKER
    dataset.DeviceSerialNumber = origin.model.sha256 if origin.model else "0"
    dataset.SoftwareVersions = version(MAKER)
    return dataset


def finish(dataset: Dataset, origin: Origin) -> None:
    """Give the object the UID that its origin and its content name: same UID, same bytes."""
    content = io.BytesIO()
    dataset.save_as(content, implicit_vr=False, little_endian=True)
    sha256 = hashlib.sha256(content.getbuffer()).hexdigest()
    dataset.SOPInstanceUID = derived_uid(*origin.key, dataset.SOPClassUID, sha256)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = derived_uid(MAKER)
    meta.ImplementationVersionName = f"COROSEG {version(MAKER)}"[:16]
    dataset.file_meta = meta


def reference_to(sop_class: str, uid: str) -> Dataset:
    """Return an item that refers to an object."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def series_uid(origin: Origin) -> str:
    """Return the UID of the angiogram's series."""
    return _uid(origin.header, "SeriesInstanceUID")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return the item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _moment(header: Dataset) -> tuple[str, str]:
    """Return the date and time of the angiogram, from the first element that has a date."""
    for name in _MOMENTS:
        if date := tidy(header, f"{name}Date"):
            return date, tidy(header, f"{name}Time") or _NO_TIME
    return _NO_DATE, _NO_TIME


def _uid(header: Dataset, keyword: str) -> str:
    meta = {
        "SOPClassUID": "MediaStorageSOPClassUID",
        "SOPInstanceUID": "MediaStorageSOPInstanceUID",
    }
    stated = text(header, keyword)
    return stated or (text(header.file_meta, meta[keyword]) if keyword in meta else "")


def _count(header: Dataset, keyword: str) -> int:
    """Return a small count out of the header, 0 where there is none."""
    count = int(tidy(header, keyword) or 0)
    return count if 0 < count < _MOST_SERIES else 0
