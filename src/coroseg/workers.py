"""Sources done in several processes that are watched: one that hangs or swells is ended."""

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final, Self

import cv2
from pebble import ProcessExpired, ProcessPool

from coroseg.io.leftovers import remove_leftovers
from coroseg.io.sources import Source
from coroseg.logs import quieten
from coroseg.pipeline import Job
from coroseg.remote import do_anywhere
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome

_AHEAD: Final = 2
"""Sources that wait for each worker, so that none waits for its next."""

_LEAST_MB: Final = 1024
"""What a long run takes with all its results, and some to spare."""

_doing: tuple[Job, Predictor] | None = None
"""What a worker does, set when it begins."""

_at_work = False
"""Whether a worker does a source, and may have written a part of its files."""


@dataclass(frozen=True)
class Limits:
    """How long a source may take, and how much memory a process may take up; None: no limit.

    Memory is limited on Linux only.
    """

    seconds: float | None = None
    memory_mb: int | None = None

    @classmethod
    def shared(cls, workers: int, seconds: float = 600, memory_mb: int | None = None) -> Self:
        """Return limits for so many workers: of the machine's memory they leave a fifth alone.

        Each may have `_LEAST_MB` even so: machines with many processors have little for each.
        """
        if memory_mb is None and hasattr(os, "sysconf"):
            machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
            memory_mb = max(_LEAST_MB, round(0.8 * machine / workers / 2**20))
        return cls(seconds, memory_mb)


def in_workers(
    sources: Sequence[Source], job: Job, predictor: Predictor, workers: int, limits: Limits
) -> Generator[Outcome, None, None]:
    """Yield how each source ended, as they end, done by `workers` processes.

    The workers share the predictor's threads. What is begun when the iterator is closed is ended
    and leaves nothing behind.
    """
    threads = max(1, predictor.threads // workers)
    with Workers(job, predictor.model, limits, workers=workers, threads=threads) as pool:
        yield from pool.do(sources)


class Workers:
    """A context with processes that do sources; each opens the model once, with so many threads.

    `model` as `Predictor` takes it, or the content of a file.
    """

    def __init__(
        self,
        job: Job,
        model: str | Path | bytes,
        limits: Limits,
        *,
        workers: int = 1,
        threads: int = 1,
    ) -> None:
        self._job, self._limits, self._workers = job, limits, workers
        begin_with = (job, model, threads, limits.memory_mb)
        context = get_context("spawn")
        self._pending: dict[Future[Outcome], Source] = {}
        self._pool = ProcessPool(workers, initializer=_begin, initargs=begin_with, context=context)

    def do(self, sources: Iterable[Source]) -> Generator[Outcome, None, None]:
        """Yield how each source ended, as they end."""
        coming = iter(sources)
        pending = self._pending
        while True:
            for source in islice(coming, self._workers * _AHEAD - len(pending)):
                future: Future[Outcome] = self._pool.schedule(
                    _do, (source,), timeout=self._limits.seconds
                )
                pending[future] = source
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                source = pending.pop(future)
                error = future.exception()
                if error:
                    self._remove_leftovers(source)
                yield _cut_off(source, error, self._limits) if error else future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        for source in self._pending.values():  # a worker on its way out has few seconds to clean up
            self._remove_leftovers(source)

    def _remove_leftovers(self, source: Source) -> None:
        remove_leftovers({(self._job.out / source.name).parent}, of=source.name.name)


def _cut_off(source: Source, error: BaseException, limits: Limits) -> Outcome:
    """Return the outcome of a source whose worker was ended, or ended by itself."""
    if isinstance(error, TimeoutError):
        reason = f"took more than {limits.seconds:g} s and was cut off: see --time-limit"
    elif isinstance(error, ProcessExpired):
        reason = (
            f"its process ended with status {error.exitcode}: "
            "a damaged file, or too little memory (--memory-limit)"
        )
    else:
        raise error
    return Outcome(source, "failed", f"{source.place}: {reason}")


def _begin(job: Job, model: str | Path | bytes, threads: int, memory_mb: int | None) -> None:
    """Make this process a worker: called once, when it begins."""
    global _doing  # noqa: PLW0603  # a process has one job
    quieten()
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, args=(job,), daemon=True).start()
    cv2.setNumThreads(threads)
    _doing = job, _opened(model, threads)
    if memory_mb is not None:
        _limit_memory(memory_mb)


def _opened(model: str | Path | bytes, threads: int) -> Predictor:
    if not isinstance(model, bytes):
        return Predictor(model, threads=threads)
    with tempfile.TemporaryDirectory() as here:
        path = Path(here) / "model.onnx"
        path.write_bytes(model)
        return Predictor(path, threads=threads)


def _do(source: Source) -> Outcome:
    global _at_work  # noqa: PLW0603
    if _doing is None:
        raise RuntimeError("a worker that was not begun")
    try:
        _at_work = True
        return do_anywhere(source, *_doing)
    except SystemExit:  # told to leave: what it wrote is removed by now
        os._exit(1)
    finally:
        _at_work = False


def _leave(*_: object) -> None:
    if not _at_work:  # there is nothing to remove, and nobody to catch what is raised
        os._exit(1)
    raise SystemExit(1)


def _end_with_parent(job: Job) -> None:
    """End this process when the one that began it has gone, killed perhaps: nobody would hear."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        if job.url is not None:  # `out` is a folder of work that the parent would have removed
            shutil.rmtree(job.out, ignore_errors=True)
        os._exit(1)


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    size = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
