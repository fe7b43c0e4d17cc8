"""Many sources to their results and one summary: in this process, in several, or on a cluster."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from coroseg import remote
from coroseg.io.files import write_whole
from coroseg.io.leftovers import (
    alone_in,
    remove_leftovers,
    remove_scratch,
    scratch,
    scratch_path,
)
from coroseg.io.sources import Source
from coroseg.io.urls import without_slash
from coroseg.pipeline import Job
from coroseg.records import Request
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import SUMMARY, Outcome, SummaryWriter
from coroseg.tasks import on_ray
from coroseg.workers import Limits, in_workers


def process(
    sources: Sequence[Source],
    out: Path | str,
    request: Request,
    predictor: Predictor,
    *,
    overwrite: bool = False,
    ray: str | None = None,
    workers: int = 0,
    limits: Limits | None = None,
    summary: Path | None = None,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Write every source's results into its folder below `out`; return how each ended.

    `out` is a folder, or a URL as a string. With `workers`, each is done in one of so many
    processes, which share the predictor's threads and are ended where a source passes the `limits`;
    with the address of a `ray` cluster, in such processes of its machines; without, in this one.
    `report` hears of each outcome as it comes. `summary` (`summary.csv` in `out` unless given;
    Parquet by its extension) gets a row for each of them at once (one behind a URL at the end), and
    is in the order of the sources however this ends, beside the rows of other sources that it had.
    The outcomes returned are without their records, which may be many. Raises `OutputError` where
    nothing can be written to `out`, where another process writes there, or where the summary is
    another's.
    """
    outcomes: list[Outcome] = []
    with _job(out, request, overwrite) as job, _summary(job, summary, sources) as rows:
        if ray is not None:
            ended = on_ray(sources, job, predictor, ray, limits or Limits())
        elif workers:
            ended = in_workers(sources, job, predictor, workers, limits or Limits())
        else:
            ended = _in_turn(sources, job, predictor)
        with closing(ended):
            for outcome in ended:
                rows.add(outcome)
                report(outcome)
                outcomes.append(replace(outcome, record=None))
                if outcome.status == "failed":
                    _check(job)  # or no other source needs a try
    order = {source: index for index, source in enumerate(sources)}
    return sorted(outcomes, key=lambda outcome: order[outcome.source])


@contextmanager
def _job(out: Path | str, request: Request, overwrite: bool) -> Iterator[Job]:
    """Return a context with the job, once something could be written to `out`."""
    if isinstance(out, Path):
        job = Job(out, request, overwrite)
        _check(job)
        yield job
    else:
        remove_scratch()
        job = Job(scratch_path(), request, overwrite, without_slash(out))
        with scratch(job.out):
            _check(job)
            yield job


@contextmanager
def _summary(job: Job, given: Path | None, sources: Sequence[Source]) -> Iterator[SummaryWriter]:
    """Return a context with the summary, in which no other process writes to the folder `out`."""
    if job.url is None:
        with alone_in(job.out), SummaryWriter(given or job.out / SUMMARY, sources) as rows:
            remove_leftovers({(job.out / source.name).parent for source in sources})
            yield rows
    elif given:
        with SummaryWriter(given, sources) as rows:
            yield rows
    else:
        with remote.summary_behind(job.url) as path, SummaryWriter(path, sources) as rows:
            yield rows


def _check(job: Job) -> None:
    if job.url is None:
        check_writable(job.out)
    else:
        remote.check_writable(job.url)


def check_writable(out: Path) -> None:
    """Raise `OutputError` unless a file can be written to `out`; the folder is made if need be."""
    probe = out / ".coroseg-probe"
    with write_whole(probe) as temporary:
        temporary.write_bytes(bytes(4096))
    probe.unlink()


def _in_turn(
    sources: Sequence[Source], job: Job, predictor: Predictor
) -> Generator[Outcome, None, None]:
    for source in sources:
        yield remote.do_anywhere(source, job, predictor)
