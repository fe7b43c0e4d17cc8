"""The one path from sources to their results: read, segment, write; a bad source stops no other."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from coroseg.angiogram import Angiogram
from coroseg.dicom_results import NO_DICOM, RunObjects, frame_objects, origin_or_reason
from coroseg.errors import CorosegError, NotAnAngiogramError, OutputError
from coroseg.io.ahead import FramesAhead, ahead
from coroseg.io.dicom.derived import Origin
from coroseg.io.files import sha256_of, write_whole
from coroseg.io.load import load
from coroseg.io.sources import Source
from coroseg.measuring import PROBLEMS, Catheter, Record, measure_frame
from coroseg.results import (
    Request,
    finished_record,
    frame_record,
    run_record,
    spacing_record,
    write_frame,
    write_run,
)
from coroseg.segmentation.predictor import Predictor
from coroseg.segmentation.segment import Segmentation, segment, segment_all
from coroseg.summary import SUMMARY, Outcome, rows_in, write_summary

AHEAD = 2
"""Sources that are read, or written, beside the one that the network is busy with."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """A source when its turn comes: its run, or the record of results that are there already."""

    record: Record
    run: Angiogram | None
    catheter: Catheter | None = None
    origin: Origin | None = None


def process(
    sources: Sequence[Source],
    out: Path,
    request: Request,
    predictor: Predictor,
    *,
    overwrite: bool = False,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Segment every source into its folder below `out`; return how each ended.

    Sources are read and results written beside the network. `report` hears of each outcome as it
    comes. However this ends, `summary.csv` in `out` has a row for each of them, in the order of
    the sources, after the rows of other sources that it had. Raises `OutputError` where nothing
    can be written to `out`, or where its `summary.csv` is another's.
    """
    check_writable(out)
    rows_in(out / SUMMARY)  # what cannot be added to is found before the work, not after it
    order = {source: index for index, source in enumerate(sources)}
    ledger = _Ledger(report)
    open_one = partial(_open, out=out, request=request, predictor=predictor, overwrite=overwrite)
    try:
        with ThreadPoolExecutor(1) as writer:
            for source, opening in zip(sources, ahead(open_one, sources, AHEAD), strict=True):
                try:
                    opened = opening.result()
                    if opened.run is None:
                        ledger.add(_success(source, opened.record, repeated=True))
                    else:
                        write = _segment(opened, out / source.name, predictor, writer)
                        ledger.writes.append((source, write))
                except Exception as error:  # noqa: BLE001  # a bad source stops no other
                    ledger.fail(source, error)
                ledger.collect(at_most=AHEAD)
                if ledger.refused:
                    check_writable(out)  # or no other source needs a try
    finally:
        ledger.collect(at_most=0)  # the writer has ended, whatever ended the loop
        ledger.outcomes.sort(key=lambda outcome: order[outcome.source])
        write_summary(out / SUMMARY, ledger.outcomes)
    return ledger.outcomes


@dataclass
class _Ledger:
    """How sources ended, and those whose results are being written, the oldest first.

    `refused` is whether the system refused to write any.
    """

    report: Callable[[Outcome], None]
    outcomes: list[Outcome] = field(default_factory=list)
    writes: deque[tuple[Source, Future[Record]]] = field(default_factory=deque)
    refused: bool = False

    def add(self, outcome: Outcome) -> None:
        """Enter how a source ended, and report it."""
        self.outcomes.append(outcome)
        self.report(outcome)

    def fail(self, source: Source, error: BaseException) -> None:
        """Enter a source that raised `error`."""
        self.refused = self.refused or isinstance(error, OutputError)
        self.add(_failure(source, error))

    def collect(self, at_most: int) -> None:
        """Wait for the oldest results, until those of `at_most` sources are left."""
        while len(self.writes) > at_most:
            source, write = self.writes[0]
            error = write.exception()
            self.writes.popleft()  # not before: Ctrl-C may end the waiting
            if error:
                self.fail(source, error)
            else:
                self.add(_success(source, write.result()))


def check_writable(out: Path) -> None:
    """Raise `OutputError` unless a file can be written to `out`; the folder is made if need be."""
    probe = out / ".coroseg-probe"
    with write_whole(probe) as temporary:
        temporary.write_bytes(bytes(4096))
    probe.unlink()


def _open(
    source: Source, *, out: Path, request: Request, predictor: Predictor, overwrite: bool
) -> _Opened:
    """Return the source's run and the start of its record, or the record that is there already."""
    sha256 = sha256_of(source.path)
    if not overwrite:
        record = finished_record(out / source.name, sha256, predictor.info, request)
        if record:
            return _Opened(record, run=None)
    run = load(
        source.path,
        spacing_mm=request.spacing_mm,
        any_modality=request.any_modality,
        as_run=request.as_run,
    )
    record = run_record(run, sha256, predictor.info, request)
    single = len(run.frames) == 1
    frames = [run.frames[0]] if single else FramesAhead(run.frames)
    origin = origin_or_reason(source.path, predictor.info, record) if request.dicom else None
    return _Opened(record, replace(run, frames=frames), request.catheter, origin)


def _segment(
    opened: _Opened, folder: Path, predictor: Predictor, writer: ThreadPoolExecutor
) -> Future[Record]:
    """Return the writing of the source's results, which may still go on."""
    run, record = opened.run, opened.record
    if run is None:
        raise ValueError("results that are there already are not made again")
    start = time.perf_counter()
    if record["request"]["frame"] == "all":
        done: Future[Record] = Future()
        objects = RunObjects(opened.origin) if opened.origin else None
        done.set_result(write_run(folder, segment_all(run, predictor), record, start, objects))
        return done
    frame = record["request"]["frame"]
    result = segment(run, frame=frame if frame == "best" else int(frame), predictor=predictor)
    curve = result.vessel_curve
    record |= frame_record(result)
    record["vessel_curve"] = None if curve is None else [round(score, 6) for score in curve]
    record["seconds"] = round(time.perf_counter() - start, 4)
    return writer.submit(_measure_and_write, folder, result, record, opened.catheter, opened.origin)


def _measure_and_write(
    folder: Path,
    result: Segmentation,
    record: Record,
    catheter: Catheter | None,
    origin: Origin | None,
) -> Record:
    """Measure the frame beside the network's next one, and write all its results.

    An error of our own loses the measures, not the mask; its record says so and is not finished.
    """
    try:
        measured = measure_frame(result.mask, result.image, result.spacing, catheter)
        result = replace(result, spacing=measured.spacing)
        whole = record | spacing_record(measured.spacing) | frame_record(result) | measured.record
        whole["flags"] += measured.problems + [flag for flag in (NO_DICOM,) if flag in whole]
        tree = measured.tree
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
    reason = f"{source.path}: {'; '.join(problems)}" if problems else ""
    return Outcome(source, "ok", reason, record, repeated)


def _failure(source: Source, error: BaseException) -> Outcome:
    """Return how a source ended that raised `error`."""
    if isinstance(error, NotAnAngiogramError):
        return Outcome(source, "skipped", str(error))
    if isinstance(error, CorosegError):
        return Outcome(source, "failed", str(error))
    _log.error("%s: an error of coroseg's own", source.path, exc_info=error)
    reason = f"{source.path}: an error of coroseg's own, please report it: {error!r}"
    return Outcome(source, "failed", reason)
