"""One DICOM file, de-identified."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    UID,
    MediaStorageDirectoryStorage,
    SegmentationStorage,
)

from coroseg.deidentify.attributes import Cleaner
from coroseg.deidentify.dates import days_for
from coroseg.deidentify.key import Key
from coroseg.deidentify.method import state_method
from coroseg.deidentify.pixels import PixelElement, Rectangle, pixel_element
from coroseg.deidentify.profile import Options
from coroseg.deidentify.uids import is_registered, pseudonym
from coroseg.errors import CorosegError, InputError
from coroseg.io.dicom.file import DAMAGED, one_line, read_header
from coroseg.io.files import write_whole

_LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
_SEGMENTATIONS = (SegmentationStorage, _LABEL_MAP_SEGMENTATION)
_NAMES = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


@dataclass(frozen=True)
class Request:
    """What is asked for: options of the profile, and what is to be masked in the pixels."""

    options: Options = field(default_factory=Options)
    rectangles: tuple[Rectangle, ...] = ()
    mask_text: bool = False


@dataclass(frozen=True)
class Cleaned:
    """A de-identified data set, with its file meta information, of the file `source`.

    Its `pixels` are read from there when it is written. `masked` are the rectangles that are blank;
    `unsure` says that nobody stated whether there is text in the pixels.
    """

    source: Path
    dataset: Dataset
    pixels: PixelElement | None
    masked: tuple[Rectangle, ...]
    unsure: bool

    @property
    def name(self) -> PurePath:
        """Return study/series/instance.dcm, of the new UIDs."""
        study, series, instance = (str(self.dataset[keyword].value) for keyword in _NAMES)
        return PurePath(study, series, f"{instance}.dcm")

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises `OutputError` for what the system refuses, `InputError` where a frame is damaged, or
        what was kept of the source cannot be written, such as an unknown transfer syntax.
        """
        with write_whole(path) as temporary, _quiet():
            try:
                self.dataset.save_as(temporary, enforce_file_format=True)
                if self.pixels:
                    with temporary.open("ab") as file:
                        self.pixels.write(file)
            except (CorosegError, OSError):
                raise
            except Exception as error:
                raise InputError(
                    f"{self.source}: cannot be written again ({one_line(error)}): {DAMAGED}"
                ) from error


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
    header = read_header(path, floats=True)
    dataset, pixels = header.dataset, None
    _check_kind(path, dataset)
    patient = _patient(dataset)
    masked: tuple[Rectangle, ...] = ()
    if header.vr:
        masked = _rectangles(path, dataset, request)
        pixels = pixel_element(path, header, masked)
    elif "Rows" in dataset and "FloatPixelData" not in dataset:
        raise InputError(f"{path}: an image without its pixels: {DAMAGED}")
    says_nothing = pixels and not dataset.get("BurnedInAnnotation")
    unsure = bool(says_nothing) and not masked and dataset.SOPClassUID not in _SEGMENTATIONS
    try:
        cleaned = Cleaner(key, request.options, days_for(key, patient)).clean(dataset)
    except InputError as error:
        raise InputError(f"{path}: {error}; {DAMAGED}") from error
    cleaned.PatientID = cleaned.PatientName = pseudonym(key, patient)
    cleaned.SpecificCharacterSet = "ISO_IR 192"
    state_method(cleaned, request.options, masked=bool(masked))
    if pixels:
        pixels.describe(cleaned)
    cleaned.file_meta = _meta(cleaned, pixels.syntax if pixels else header.syntax)
    return Cleaned(path, cleaned, pixels, masked, unsure)


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
    """Return what is to be blanked in the frames of `dataset`: nothing in a segmentation.

    Its pixels say what belongs to a structure; there is no picture with text in it.
    """
    has_text = str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES"
    is_picture = dataset.SOPClassUID not in _SEGMENTATIONS
    masked: tuple[Rectangle, ...] = ()
    if is_picture:
        _check_inside(path, request.rectangles, int(dataset.Rows), int(dataset.Columns))
        masked = request.rectangles + (_text(path) if request.mask_text else ())
    if has_text and not masked:
        remedy = "mask it with --mask-text or --mask-rectangle"
        if request.mask_text:
            remedy = "no text was found in the corners: look, and mask it with --mask-rectangle"
        if not is_picture:
            remedy = "a segmentation is not masked: leave the file out"
        raise InputError(f"{path}: Burned In Annotation (0028,0301) is YES: {remedy}")
    return masked


def _check_inside(path: Path, rectangles: Sequence[Rectangle], rows: int, columns: int) -> None:
    """Raise `InputError` for a rectangle beside the image: what it is for lies somewhere else."""
    for rectangle in rectangles:
        if rectangle[0] >= columns or rectangle[1] >= rows:
            stated = ",".join(map(str, rectangle))
            raise InputError(
                f"{path}: --mask-rectangle {stated} lies outside its {columns} x {rows} pixels: "
                "do files of this size on their own, with the place of their text"
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
