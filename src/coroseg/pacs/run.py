"""`coroseg pacs run`: fetch the runs of studies, segment them, store what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event

from coroseg.errors import ConfigError, CorosegError, OutputError
from coroseg.io.ahead import ahead
from coroseg.io.files import write_whole
from coroseg.pacs.archive import Archive, ArchiveError, Instance
from coroseg.pacs.patience import patiently
from coroseg.pacs.received import check_whole, identify, received_path
from coroseg.pacs.work import Ended, Work

STUDIES_AHEAD = 1
"""Studies that are fetched beside the one that is segmented."""


@dataclass
class _Fetched:
    """What there is of a study: its objects on disk or finished, and how the others ended."""

    instances: list[Instance] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    stopped: ArchiveError | None = None


def run_studies(
    archive: Archive, studies: Sequence[str], work: Work
) -> tuple[list[Ended], ArchiveError | None]:
    """Return how every object of the studies ended, and the error that ended it all too early.

    A study is fetched while the one before is segmented. What is there already, files or results,
    is not fetched again. Raises `OutputError` where nothing can be written.
    """
    ended: list[Ended] = []
    halt = Event()
    fetch = partial(_fetch_study, archive, work, halt)
    try:
        for fetching in ahead(fetch, studies, STUDIES_AHEAD):
            fetched = fetching.result()
            for one in fetched.ended:
                work.report(one)
            done, stopped = work.do(fetched.instances)
            ended += fetched.ended + done
            stopped = fetched.stopped or stopped
            if stopped:
                return ended, stopped
    finally:
        halt.set()  # or the study ahead would still be fetched to its end
    return ended, None


def _fetch_study(archive: Archive, work: Work, halt: Event, study: str) -> _Fetched:
    fetched = _Fetched()
    try:
        instances = patiently(lambda: archive.runs(study))
        if not instances:
            reason = f"study {study}: no XA or RF object in the archive"
            fetched.ended.append(Ended(None, "skipped", reason))
        for instance in instances:
            if halt.is_set():
                break
            _fetch_one(archive, instance, work, fetched)
    except ArchiveError as error:
        if error.stops:
            fetched.stopped = error
        else:
            fetched.ended.append(Ended(None, "failed", f"study {study}: {error}"))
    return fetched


def _fetch_one(archive: Archive, instance: Instance, work: Work, fetched: _Fetched) -> None:
    path = received_path(work.out, instance)
    try:
        if work.wants(instance) and not path.exists() and not work.is_finished(instance):
            patiently(lambda: _fetch_whole(archive, instance, path))
        if instance.frames is None and path.exists():
            instance = replace(instance, frames=identify(path).frames)
        if work.wants(instance):
            fetched.instances.append(instance)
        else:
            reason = f"object {instance.uid}: a single frame: --single-frames takes these too"
            fetched.ended.append(Ended(instance, "skipped", reason))
    except (OutputError, ConfigError):
        raise
    except CorosegError as error:
        if isinstance(error, ArchiveError) and error.stops:
            raise
        fetched.ended.append(Ended(instance, "failed", str(error)))


def _fetch_whole(archive: Archive, instance: Instance, path: Path) -> None:
    """Write an object to `path`, which appears with all its frames or not at all."""
    with write_whole(path) as temporary:
        archive.fetch(instance, temporary)
        check_whole(temporary, instance)
