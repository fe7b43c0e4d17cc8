"""From files that were received to results, and back into the archive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from coroseg.batch import process
from coroseg.errors import CorosegError
from coroseg.io.sources import Source
from coroseg.pacs.archive import MULTIPLE_FRAMES, Archive, ArchiveError, Instance
from coroseg.pacs.patience import patiently
from coroseg.pacs.received import identify, is_finished, source_of
from coroseg.records import SEG, SR, Request
from coroseg.segmentation.predictor import Predictor
from coroseg.workers import Limits


@dataclass(frozen=True)
class Ended:
    """How an object ended; `repeated` if its results were there, `stored` is how many went back."""

    instance: Instance | None
    status: Literal["ok", "skipped", "failed"]
    reason: str = ""
    repeated: bool = False
    stored: int = 0


@dataclass(frozen=True)
class Work:
    """What is done with every object, and where its results go.

    `archive` takes the SEG and SR; None keeps them here only.
    """

    out: Path
    request: Request
    predictor: Predictor
    archive: Archive | None = None
    single_frames: bool = False
    report: Callable[[Ended], None] = lambda _: None

    def wants(self, instance: Instance) -> bool:
        """Return whether it has frames enough, as far as is known."""
        return self.single_frames or instance.frames is None or instance.frames >= MULTIPLE_FRAMES

    def is_finished(self, instance: Instance) -> bool:
        """Return whether its results are there already."""
        return is_finished(self.out, instance, self.request, self.predictor.info)

    def do(self, instances: Iterable[Instance]) -> tuple[list[Ended], ArchiveError | None]:
        """Return how each object ended, and the error after which the archive is of no use.

        The results of what was received are made whatever the archive says.
        """
        sources: dict[Source, Instance] = {}
        ended: list[Ended] = []
        for instance in instances:
            source = source_of(self.out, instance)
            if source.path.exists() or not self.is_finished(instance):
                sources[source] = instance
            else:
                ended.append(Ended(instance, "ok", repeated=True))
        if sources:
            # Never in this process: an object that ends its process would end the service.
            workers = min(self.predictor.threads, len(sources))
            outcomes = process(
                list(sources),
                self.out,
                self.request,
                self.predictor,
                workers=workers,
                limits=Limits.shared(workers),
            )
            ended += [
                Ended(sources[outcome.source], outcome.status, outcome.reason, outcome.repeated)
                for outcome in outcomes
            ]
        stopped: ArchiveError | None = None
        for index, one in enumerate(ended):
            if one.status == "ok" and self.archive is not None and one.instance is not None:
                try:
                    if stopped is None:
                        stored = store_results(self.archive, self.out / one.instance.name)
                        ended[index] = replace(one, stored=stored)
                    else:
                        reason = f"{one.instance.uid}: results not stored: the archive is gone"
                        ended[index] = replace(one, status="failed", reason=reason)
                except CorosegError as error:
                    ended[index] = replace(one, status="failed", reason=str(error))
                    if isinstance(error, ArchiveError) and error.stops:
                        stopped = error
            self.report(ended[index])
        return ended, stopped


def store_results(archive: Archive, folder: Path) -> int:
    """Return how many of a folder's SEG and SR were stored: those that the archive has not yet."""
    paths = [folder / name for name in (SEG, SR) if (folder / name).exists()]
    if not paths:
        raise CorosegError(f"{folder}: no {SEG} to store: its result.json says why")
    objects = {path: identify(path) for path in paths}
    missing = [path for path, one in objects.items() if not patiently(partial(archive.holds, one))]
    if missing:
        study = objects[missing[0]].study
        patiently(partial(archive.store, study, missing))
    return len(missing)
