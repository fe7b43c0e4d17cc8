"""One DICOM file, de-identified."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pydicom import Dataset, FileDataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, MediaStorageDirectoryStorage

from coroseg.deidentify.attributes import Cleaner
from coroseg.deidentify.dates import days_for
from coroseg.deidentify.key import Key
from coroseg.deidentify.method import state_method
from coroseg.deidentify.pixels import Rectangle, blank, clean_pixels
from coroseg.deidentify.profile import Options
from coroseg.deidentify.uids import is_registered, pseudonym
from coroseg.errors import CorosegError, InputError
from coroseg.io.dicom.file import DAMAGED, one_line, opened, read_header
from coroseg.io.files import write_whole

_NAMES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class Request:
    """What is asked for: options of the profile, and what is to be masked in the pixels."""

    options: Options = field(default_factory=Options)
    rectangles: tuple[Rectangle, ...] = ()
    mask_text: bool = False


@dataclass(frozen=True)
class Cleaned:
    """A de-identified data set, with its file meta information.

    `masked` are the rectangles that were blanked; `unsure` says that nobody stated whether there
    is text in the pixels.
    """

    dataset: Dataset
    masked: tuple[Rectangle, ...]
    unsure: bool

    @property
    def name(self) -> PurePath:
        """Return study/series/instance.dcm, of the new UIDs."""
        study, series, instance = (str(self.dataset[keyword].value) for keyword in _NAMES)
        return PurePath(study, series, f"{instance}.dcm")

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        with write_whole(path) as temporary, _quiet():
            self.dataset.save_as(temporary, enforce_file_format=True)


def deidentify_file(path: Path, request: Request, key: Key) -> Cleaned:
    """Return what is left of the DICOM file `path`.

    Raises `InputError` where it is no DICOM file, damaged, a DICOMDIR, of an unknown kind, or has
    text burned in that is not masked.
    """
    try:
        with _quiet():
            return _deidentify(path, request, key)
    except CorosegError:
        raise
    except Exception as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}): {DAMAGED}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Return a context in which pydicom quotes no odd values: they can name somebody."""
    log = logging.getLogger("pydicom")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def _deidentify(path: Path, request: Request, key: Key) -> Cleaned:
    syntax = read_header(path).syntax
    with opened(path) as file:
        dataset = dcmread(file, force=True)
    _check_kind(path, dataset)
    patient = _patient(dataset)
    masked: tuple[Rectangle, ...] = ()
    if "PixelData" in dataset:
        clean_pixels(path, dataset, syntax)
        masked = _rectangles(path, dataset, request)
        if masked:
            syntax = blank(path, dataset, syntax, masked)
    elif "Rows" in dataset and "FloatPixelData" not in dataset:
        raise InputError(f"{path}: an image without its pixels: {DAMAGED}")
    unsure = "PixelData" in dataset and not masked and not dataset.get("BurnedInAnnotation")
    try:
        cleaned = Cleaner(key, request.options, days_for(key, patient)).clean(dataset)
    except InputError as error:
        raise InputError(f"{path}: {error}; {DAMAGED}") from error
    cleaned.PatientID = cleaned.PatientName = pseudonym(key, patient)
    cleaned.SpecificCharacterSet = "ISO_IR 192"
    state_method(cleaned, request.options, masked=bool(masked))
    cleaned.file_meta = _meta(cleaned, syntax)
    return Cleaned(cleaned, masked, unsure)


def _check_kind(path: Path, dataset: FileDataset) -> None:
    kind = str(dataset.get("SOPClassUID", ""))
    if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        raise InputError(f"{path}: a DICOMDIR names other files: pass those files")
    for keyword in _NAMES:
        if not dataset.get(keyword):
            raise InputError(f"{path}: {keyword} is missing: {DAMAGED}")
    if not is_registered(kind):
        raise InputError(
            f"{path}: {one_line(kind) or 'no SOP class'} is no kind of object that the standard "
            "knows: what it holds cannot be judged; leave the file out"
        )


def _patient(dataset: Dataset) -> str:
    """Return what tells this patient from others."""
    named = str(dataset.get("PatientID") or "").strip(" \0")
    if named:
        return named
    described = f"{dataset.get('PatientName') or ''}\\{dataset.get('PatientBirthDate') or ''}"
    return described if described != "\\" else str(dataset.StudyInstanceUID)


def _rectangles(path: Path, dataset: Dataset, request: Request) -> tuple[Rectangle, ...]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    inside = _inside(request.rectangles, rows, columns)
    if request.mask_text:
        inside += _text(path)
    if not inside and str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES":
        remedy = (
            "no text was found in the corners: look, and mask it with --mask-rectangle"
            if request.mask_text
            else "mask it with --mask-text or --mask-rectangle"
        )
        raise InputError(f"{path}: Burned In Annotation (0028,0301) is YES: {remedy}")
    return inside


def _inside(rectangles: Sequence[Rectangle], rows: int, columns: int) -> tuple[Rectangle, ...]:
    """Return the rectangles that touch the image."""
    return tuple(
        rectangle for rectangle in rectangles if rectangle[0] < columns and rectangle[1] < rows
    )


def _text(path: Path) -> tuple[Rectangle, ...]:
    from coroseg.deidentify.text import find_text
    from coroseg.io.dicom import read_dicom

    return tuple(find_text(read_dicom(path, any_modality=True).frames))


def _meta(cleaned: Dataset, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = cleaned.SOPClassUID
    meta.MediaStorageSOPInstanceUID = cleaned.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    return meta
