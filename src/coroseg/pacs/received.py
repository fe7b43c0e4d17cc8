"""What was fetched or sent: its files below `received`, and whether its results are there."""

import warnings
from pathlib import Path
from typing import Final

from pydicom import dcmread

from coroseg.errors import InputError, NotAnAngiogramError
from coroseg.io.load import load
from coroseg.io.sources import Source
from coroseg.pacs.archive import ArchiveError, Instance
from coroseg.records import RECORD, Request, finished_record, read_record
from coroseg.segmentation.predictor import ModelInfo

RECEIVED: Final = "received"
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def received_path(out: Path, instance: Instance) -> Path:
    """Return where the file of an object is kept: `OUT/received/STUDY/SERIES/INSTANCE.dcm`."""
    name = instance.name
    return out / RECEIVED / name.with_name(f"{name.name}.dcm")


def source_of(out: Path, instance: Instance) -> Source:
    """Return the source for the pipeline."""
    return Source(received_path(out, instance), instance.name)


def identify(path: Path) -> Instance:
    """Return which object a DICOM file holds. Raises `ArchiveError` where it does not say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = dcmread(
                path, stop_before_pixels=True, specific_tags=[*_UIDS, "NumberOfFrames"], force=True
            )
            study, series, uid = (str(header.get(keyword) or "") for keyword in _UIDS)
            return Instance(study, series, uid, int(header.get("NumberOfFrames") or 1))
        except ArchiveError:
            raise
        except Exception as error:
            raise ArchiveError(
                f"the DICOM header cannot be read ({type(error).__name__})"
            ) from error


def check_whole(path: Path, instance: Instance) -> None:
    """Raise `ArchiveError` unless `path` holds this object, with all of its frames."""
    found = identify(path)
    if found.uid != instance.uid:
        raise ArchiveError(f"object {instance.uid}: the archive sent {found.uid} instead")
    try:
        load(path, any_modality=True)
    except NotAnAngiogramError:
        return  # whole, and the pipeline says what it is
    except InputError as error:
        said = str(error).removeprefix(f"{path}: ")
        raise ArchiveError(
            f"object {instance.uid}: not kept, as it cannot be used: {said}"
        ) from error


def is_finished(out: Path, instance: Instance, request: Request, model: ModelInfo) -> bool:
    """Return whether its results are there: of this model, request and version.

    Its file may be gone: an object does not change under its UID.
    """
    folder = out / instance.name
    record = read_record(folder)
    if record is None:
        return False
    return finished_record(folder, record["source_sha256"], model, request) is not None


def unfinished(out: Path, request: Request, model: ModelInfo) -> list[Instance]:
    """Return what lies below `received` and has no results, or came after them."""
    found = []
    for path in sorted((out / RECEIVED).glob("*/*/[!.]*.dcm")):
        try:
            instance = identify(path)
        except ArchiveError as error:
            raise ArchiveError(f"{path}: {error}: remove it") from error
        record = out / instance.name / RECORD
        finished = is_finished(out, instance, request, model)
        if not finished or path.stat().st_mtime > record.stat().st_mtime:
            found.append(instance)
    return found
