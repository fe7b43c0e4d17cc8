"""Sources done as tasks of a Ray cluster: one source on one processor of any of its machines."""

from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from coroseg.cluster import connected, ended_tasks, why_failed
from coroseg.io.leftovers import remove_leftovers, remove_scratch, scratch, scratch_path
from coroseg.io.sources import Source
from coroseg.pipeline import Job
from coroseg.records import RECORD
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome
from coroseg.workers import Limits, Workers

RETRIES = 3
"""How often a source is begun again after the machine that did it was lost."""

_AHEAD: Final = 1000
"""Sources that the cluster is given at a time: enough for many machines, and little memory."""


@dataclass(frozen=True)
class _Order:
    """What a machine of the cluster needs to know.

    `model` is a name, or Ray's reference to the content of a file.
    """

    job: Job
    model: Any
    limits: Limits


_begun: tuple[Workers, Job] | None = None
"""What does the sources in a process of Ray's, from its first on."""


def on_ray(
    sources: Sequence[Source], job: Job, predictor: Predictor, address: str, limits: Limits
) -> Generator[Outcome, None, None]:
    """Yield how each source ended, as they end, done by the Ray cluster at `address`.

    A source has one processor, and a watched process there, as in `in_workers`; one whose machine
    is lost is done by another. Paths have to be those of all machines. Raises as `connected` does.
    """
    with connected(address, "segment on several machines") as ray:
        model = predictor.model
        sent = ray.put(model.read_bytes()) if isinstance(model, Path) else model
        order = _Order(replace(job, out=job.out.absolute()), sent, limits)
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(do_source)

        def begin(source: Source) -> Any:
            here = source if source.url else replace(source, path=source.path.absolute())
            return task.remote(here, order)

        for ended in ended_tasks(ray, begin, sources, ahead=_AHEAD):
            for source, future in ended:
                yield _outcome(ray, future, source, job)
    remove_leftovers({(job.out / source.name).parent for source in sources})  # of lost machines


def do_source(source: Source, order: _Order) -> Outcome:
    """Do a source in a process beside this one, which is a process of Ray's; return its outcome."""
    global _begun  # noqa: PLW0603  # a process of Ray's has one order
    if _begun is None:
        _begun = _begin(order)
    workers, job = _begun
    # For one source only, since Ray ends its processes without a warning.
    with scratch(job.out) if job.url is not None else nullcontext():
        return next(workers.do([source]))


def _begin(order: _Order) -> tuple[Workers, Job]:
    job, model = order.job, order.model
    if not isinstance(model, str):
        import ray

        model = ray.get(model)
    if job.url is not None:
        remove_scratch()
        job = replace(job, out=scratch_path())
    return Workers(job, model, order.limits), job


def _outcome(ray: Any, future: Any, source: Source, job: Job) -> Outcome:
    """Return how a source ended whose task has ended."""
    try:
        outcome: Outcome = ray.get(future)
    except ray.exceptions.RayError as error:
        reason = f"{source.place}: not done on the cluster ({why_failed(error)}): run again"
        return Outcome(source, "failed", reason)
    if outcome.status == "ok" and job.url is None:
        record = job.out / source.name / RECORD
        if not record.exists():
            reason = f"{source.place}: {record} cannot be seen from here: share its path"
            return Outcome(source, "failed", reason)
    reason = outcome.reason.replace(outcome.source.place, source.place)
    return replace(outcome, source=source, reason=reason)
