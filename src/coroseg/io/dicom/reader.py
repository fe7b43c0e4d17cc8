"""Reading a DICOM X-ray angiogram: one file, one run."""

import warnings
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID, MediaStorageDirectoryStorage

from coroseg.angiogram import Angiogram
from coroseg.errors import CorosegError, InputError, NotAnAngiogramError
from coroseg.io.dicom.file import DAMAGED, DicomHeader, one_line, read_header
from coroseg.io.dicom.pixels import DicomFrames, find_frames
from coroseg.io.dicom.spacing import resolve_spacing
from coroseg.io.dicom.values import number, numbers, text
from coroseg.io.limits import check_size

MODALITIES = ("XA", "RF")
MAX_BITS = 16
IDENTIFIERS = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "Modality",
    "StudyDate",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
    "Manufacturer",
    "ManufacturerModelName",
)
"""The keywords kept in `Angiogram.identifiers`, those that the file has."""

_REQUIRED = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "SamplesPerPixel",
    "PixelRepresentation",
)
_FULL_TURN_DEG = 360


def read_dicom(path: Path, *, any_modality: bool = False) -> Angiogram:
    """Return the run in the DICOM file `path`, whose frames are decoded when they are asked for.

    XA and RF images of any kind of object are read; with `any_modality`, other images too.
    Raises `NotAnAngiogramError` for a sound file of another kind, `MissingPackageError` where a
    decoder is not installed, and `InputError` for a file that is damaged, cut, without frames,
    in colour or of an unusable size.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd value is either used, ignored or refused
            return _read(path, any_modality=any_modality)
    except CorosegError:
        raise
    except Exception as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}): {DAMAGED}") from error


def _read(path: Path, *, any_modality: bool) -> Angiogram:
    header = read_header(path)
    dataset = header.dataset
    _check_kind(path, header, any_modality=any_modality)
    frames = _find_checked_frames(path, header)
    return Angiogram(
        name=path.name,
        frames=frames,
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        path=path,
        spacing=resolve_spacing(dataset),
        primary_angle_deg=_angle(dataset, "PositionerPrimaryAngle"),
        secondary_angle_deg=_angle(dataset, "PositionerSecondaryAngle"),
        frame_times_ms=_frame_times_ms(dataset, len(frames)),
        identifiers={
            keyword: found for keyword in IDENTIFIERS if (found := text(dataset, keyword))
        },
    )


def _check_kind(path: Path, header: DicomHeader, *, any_modality: bool) -> None:
    """Raise where the object is no image, or no angiogram and `any_modality` was not said."""
    modality = text(header.dataset, "Modality")
    if modality in MODALITIES or (any_modality and header.length != 0):
        return
    sop_class = UID(text(header.dataset.file_meta, "MediaStorageSOPClassUID"))
    if not modality and header.length == 0 and sop_class != MediaStorageDirectoryStorage:
        raise InputError(f"{path}: neither a Modality (0008,0060) nor pixels: {DAMAGED}")
    kind = UID(text(header.dataset, "SOPClassUID") or sop_class).name or "no SOP class"
    found = f"{path}: modality {modality or 'unknown'} ({kind}) is no X-ray angiogram"
    if header.length == 0:
        raise NotAnAngiogramError(f"{found} and has no pixels: pass an XA or RF image")
    raise NotAnAngiogramError(
        f"{found}: pass an XA or RF image, or --any-modality to read it anyway"
    )


def _find_checked_frames(path: Path, header: DicomHeader) -> DicomFrames:
    dataset = header.dataset
    if header.length == 0:
        raise InputError(
            f"{path}: no Pixel Data (7FE0,0010): the file is cut or holds a header only; "
            "export it again with its pixels"
        )
    sizes = {keyword: number(dataset, keyword) for keyword in _REQUIRED}
    for keyword, size in sizes.items():
        if size is None:
            raise InputError(f"{path}: {keyword} is missing: the file is damaged, export it again")
    check_size(path, int(dataset.Rows), int(dataset.Columns))
    if not 1 <= dataset.BitsStored <= min(MAX_BITS, dataset.BitsAllocated):
        raise InputError(
            f"{path}: {dataset.BitsStored} bits stored in {dataset.BitsAllocated}: "
            f"export it with 8 to {MAX_BITS} bits"
        )
    count = number(dataset, "NumberOfFrames") if "NumberOfFrames" in dataset else 1
    if count is None or count < 1:
        stated = text(dataset, "NumberOfFrames") or "empty"
        raise InputError(
            f"{path}: Number of Frames (0028,0008) is {stated}: there is no frame to read; "
            "export the run again"
        )
    colours = text(dataset, "PhotometricInterpretation")
    if colours == "PALETTE COLOR" or dataset.SamplesPerPixel not in (1, 3):
        raise InputError(
            f"{path}: a colour image ({colours}), and an angiogram is gray: pass the gray original"
        )
    check_size(path, int(dataset.Rows), int(dataset.Columns), int(count))
    frames = find_frames(path, header, int(count))
    if dataset.SamplesPerPixel > 1:
        frames[0]  # refuses colour now, not when the first result is on its way
    return frames


def _angle(dataset: Dataset, keyword: str) -> float | None:
    angle = number(dataset, keyword)
    return angle if angle is not None and abs(angle) <= _FULL_TURN_DEG else None


def _frame_times_ms(dataset: Dataset, frames: int) -> tuple[float, ...] | None:
    """Return each frame's time after the first, or None where no element tells.

    The first that makes sense of: Frame Time Vector (0018,1065), one increment a frame, of which
    the first has no meaning; Frame Time (0018,1063); Cine Rate (0018,0040); Recommended Display
    Frame Rate (0008,2144).
    """
    increments = numbers(dataset, "FrameTimeVector")
    if len(increments) == frames and min(increments) >= 0:
        return tuple(np.cumsum((0.0, *increments[1:])).tolist())
    interval = number(dataset, "FrameTime")
    if interval is None or interval <= 0:
        rates = (number(dataset, k) for k in ("CineRate", "RecommendedDisplayFrameRate"))
        interval = next((1000 / rate for rate in rates if rate is not None and rate > 0), None)
    return None if interval is None else tuple(index * interval for index in range(frames))
