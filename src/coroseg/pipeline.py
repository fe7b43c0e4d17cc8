"""The path of a source on this machine: read, segment, measure, write; how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from coroseg.angiogram import Angiogram
from coroseg.errors import CorosegError, NotAnAngiogramError
from coroseg.io.ahead import FramesAhead
from coroseg.io.files import sha256_of
from coroseg.io.load import load
from coroseg.io.sources import Source
from coroseg.measuring import PROBLEMS, Catheter, Record, measure_frame
from coroseg.records import (
    NO_DICOM,
    Request,
    finished_record,
    frame_record,
    run_record,
    spacing_record,
)
from coroseg.results import write_frame, write_run
from coroseg.segmentation.predictor import Predictor
from coroseg.segmentation.segment import Segmentation, segment, segment_all
from coroseg.summary import Outcome

if TYPE_CHECKING:
    from coroseg.io.dicom.derived import Origin

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What is asked of every source. The results of each go into its own folder below `out`.

    With a `url` they go below that, and `out` is a folder of this machine for work on the way.
    """

    out: Path
    request: Request
    overwrite: bool = False
    url: str | None = None


def do(source: Source, job: Job, predictor: Predictor) -> Outcome:
    """Write the results of a source, unless they are there already; return how it ended.

    Raises nothing but what ends the whole work, such as Ctrl-C.
    """
    folder, request = job.out / source.name, job.request
    try:
        sha256 = sha256_of(source.path)
        if not job.overwrite:
            finished = finished_record(folder, sha256, predictor.info, request)
            if finished:
                return _success(source, finished, repeated=True)
        run = load(
            source.path,
            spacing_mm=request.spacing_mm,
            any_modality=request.any_modality,
            as_run=request.as_run,
        )
        record = run_record(run, sha256, predictor.info, request)
        origin = _origin(source.path, predictor, record) if request.dicom else None
        single = len(run.frames) == 1
        run = replace(run, frames=[run.frames[0]] if single else FramesAhead(run.frames))
        if request.frame == "all":
            results = segment_all(run, predictor)
            record = _write_all(folder, results, record, origin)
        else:
            result = _segment(run, record, request.frame, predictor)
            record = _measure_and_write(folder, result, record, request.catheter, origin)
        return _success(source, record)
    except Exception as error:  # noqa: BLE001  # a bad source stops no other
        return failure(source, error)


def _segment(run: Angiogram, record: Record, frame: str, predictor: Predictor) -> Segmentation:
    """Return the vessels of the frame asked for; what is recorded of them is added to `record`."""
    start = time.perf_counter()
    result = segment(run, frame=frame if frame == "best" else int(frame), predictor=predictor)
    curve = result.vessel_curve
    record |= frame_record(result)
    record["vessel_curve"] = None if curve is None else [round(score, 6) for score in curve]
    record["seconds"] = round(time.perf_counter() - start, 4)
    return result


def _origin(path: Path, predictor: Predictor, record: Record) -> Origin | None:
    from coroseg.dicom_results import origin_or_reason

    return origin_or_reason(path, predictor.info, record)


def _write_all(
    folder: Path, results: Iterable[Segmentation], record: Record, origin: Origin | None
) -> Record:
    objects = None
    if origin:
        from coroseg.dicom_results import RunObjects

        objects = RunObjects(origin)
    return write_run(folder, results, record, time.perf_counter(), objects)


def _measure_and_write(
    folder: Path,
    result: Segmentation,
    record: Record,
    catheter: Catheter | None,
    origin: Origin | None,
) -> Record:
    """Measure the frame and write all its results.

    An error of our own loses the measures, not the mask; its record says so and is not finished.
    """
    try:
        measured = measure_frame(result.mask, result.image, result.spacing, catheter)
        result = replace(result, spacing=measured.spacing)
        whole = record | spacing_record(measured.spacing) | frame_record(result) | measured.record
        whole["flags"] += measured.problems + [flag for flag in (NO_DICOM,) if flag in whole]
        tree = measured.tree
        objects = {}
        if origin:
            from coroseg.dicom_results import frame_objects

            objects = frame_objects(origin, result.mask, result.frame, tree, result.spacing)
        return write_frame(folder, result, whole, tree, objects)
    except CorosegError:
        raise
    except Exception as error:
        write_frame(folder, result, record | {"error": repr(error)})
        raise


def _success(source: Source, record: Record, *, repeated: bool = False) -> Outcome:
    """Return how a source ended that has its results, with what could not be measured."""
    names = (*PROBLEMS, NO_DICOM)
    problems = [f"{name.replace('_', ' ')}: {record[name]}" for name in names if name in record]
    reason = f"{source.place}: {'; '.join(problems)}" if problems else ""
    return Outcome(source, "ok", reason, record, repeated)


def failure(source: Source, error: BaseException) -> Outcome:
    """Return how a source ended that raised `error`."""
    if isinstance(error, NotAnAngiogramError):
        return Outcome(source, "skipped", str(error))
    if isinstance(error, CorosegError):
        return Outcome(source, "failed", str(error))
    if isinstance(error, MemoryError) or "alloc" in str(error):  # as OpenCV and ONNX Runtime say it
        reason = f"{source.place}: needs more memory than it may have: see --memory-limit"
        return Outcome(source, "failed", reason)
    _log.error("%s: an error of coroseg's own", source.place, exc_info=error)
    reason = f"{source.place}: an error of coroseg's own, please report it: {error!r}"
    return Outcome(source, "failed", reason)
