"""Many sources to their results and one summary: in this process, or in several."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from coroseg.io.files import write_whole
from coroseg.io.leftovers import alone_in, remove_leftovers
from coroseg.io.sources import Source
from coroseg.pipeline import Job, do
from coroseg.results import Request
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import SUMMARY, Outcome, SummaryWriter
from coroseg.workers import Limits, in_workers


def process(
    sources: Sequence[Source],
    out: Path,
    request: Request,
    predictor: Predictor,
    *,
    overwrite: bool = False,
    workers: int = 0,
    limits: Limits | None = None,
    summary: Path | None = None,
    report: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Write every source's results into its folder below `out`; return how each ended.

    With `workers`, each is done in one of so many processes, which share the predictor's threads
    and are ended where a source passes the `limits`; without, in this one. `report` hears of each
    outcome as it comes. `summary` (`summary.csv` in `out` unless given; Parquet by its extension)
    gets a row for each of them at once, and is in the order of the sources however this ends,
    beside the rows of other sources that it had. The outcomes returned are without their records,
    which may be many. Raises `OutputError` where nothing can be written to `out`, where another
    process writes there, or where the summary is another's.
    """
    check_writable(out)
    outcomes: list[Outcome] = []
    job = Job(out, request, overwrite)
    with alone_in(out), SummaryWriter(summary or out / SUMMARY, sources) as rows:
        remove_leftovers({(out / source.name).parent for source in sources})
        if workers:
            ended = in_workers(sources, job, predictor, workers, limits or Limits())
        else:
            ended = _in_turn(sources, job, predictor)
        with closing(ended):
            for outcome in ended:
                rows.add(outcome)
                report(outcome)
                outcomes.append(replace(outcome, record=None))
                if outcome.status == "failed":
                    check_writable(out)  # or no other source needs a try
    order = {source: index for index, source in enumerate(sources)}
    return sorted(outcomes, key=lambda outcome: order[outcome.source])


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
        yield do(source, job, predictor)
