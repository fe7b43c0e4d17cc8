"""Sources and results behind URLs: fetched, done here, and put where they belong."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from coroseg.errors import OutputError
from coroseg.io import urls
from coroseg.io.files import explained
from coroseg.io.leftovers import temporary_beside
from coroseg.io.sources import Source
from coroseg.pipeline import Job, do, failure
from coroseg.records import NOT_WHOLE, RECORD, write_record
from coroseg.results import SEGMENTED
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import SUMMARY, Outcome


def do_anywhere(source: Source, job: Job, predictor: Predictor) -> Outcome:
    """Do a source as `do` does, wherever it and its results lie; return how it ended."""
    if source.url is None and job.url is None:
        return do(source, job, predictor)
    beside = job.out / source.name
    try:
        with explained(beside):
            beside.parent.mkdir(parents=True, exist_ok=True)
            with temporary_beside(beside) as here:
                return _by_way_of(here, source, job, predictor)
    except Exception as error:  # noqa: BLE001  # a bad source stops no other
        return failure(source, error)


def check_writable(url: str) -> None:
    """Raise `OutputError` unless a file can be put into the folder at `url`."""
    probe = f"{url}/.coroseg-probe"
    with TemporaryDirectory() as here:
        content = Path(here) / "probe"
        content.write_bytes(bytes(4096))
        urls.put(content, probe)
    urls.remove(probe)


@contextmanager
def summary_behind(url: str) -> Iterator[Path]:
    """Return a context with a file that begins as the summary at `url`, and is put there after.

    That is so however the context ends.
    """
    there = f"{url}/{SUMMARY}"
    with TemporaryDirectory() as here:
        path = Path(here) / SUMMARY
        if any(entry.name == SUMMARY for entry in urls.entries(url)):
            urls.fetch(there, path)
        before = _content(path)
        try:
            yield path
        except OutputError as error:
            raise OutputError(str(error).replace(str(path), there)) from error
        finally:
            if _content(path) != before:
                urls.put_whole(path, there)


def _by_way_of(here: Path, source: Source, job: Job, predictor: Predictor) -> Outcome:
    """Do a source with what is far away in the folder `here`; the outcome names the places."""
    near, out = source, job.out
    if source.url is not None:
        near = Source(here / "in" / source.path.name, source.name)
        near.path.parent.mkdir()
        urls.fetch(source.url, near.path)
    if job.url is None:
        outcome = do(near, job, predictor)
    else:
        out = here / "out"
        outcome = _do_and_put(near, replace(job, out=out, url=None), predictor, job.url)
    reason = outcome.reason.replace(str(near.path), source.place)
    reason = reason.replace(str(out), job.url or str(out))
    return replace(outcome, source=source, reason=reason)


def _do_and_put(source: Source, job: Job, predictor: Predictor, url: str) -> Outcome:
    """Do a source that is here, and put its results below `url`.

    `do` is shown what lies there: the record, and the other files as empty ones, so that its own
    rules tell what is finished, what is stale and what is the user's.
    """
    folder, url = job.out / source.name, f"{url}/{source.name.as_posix()}"
    folder.mkdir(parents=True)
    there = {entry.name for entry in urls.entries(url)} & {RECORD, *SEGMENTED}
    for name in there:
        (folder / name).touch()
    if RECORD in there:
        urls.fetch(f"{url}/{RECORD}", folder / RECORD)
    before = _content(folder / RECORD)
    outcome = do(source, job, predictor)
    done = outcome.status == "ok" and not outcome.repeated
    if done or _content(folder / RECORD) != before:  # one that failed can have a record with why
        _put(folder, url, there)
    return outcome


def _put(folder: Path, url: str, there: set[str]) -> None:
    """Put results to `url`, where the files `there` are. Meanwhile the record has an `error`."""
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    urls.put_whole(write_record(folder, record | NOT_WHOLE), f"{url}/{RECORD}")
    for name in sorted(set(SEGMENTED)):
        if (folder / name).exists():
            urls.put(folder / name, f"{url}/{name}")
        elif name in there:
            urls.remove(f"{url}/{name}")
    urls.put_whole(write_record(folder, record), f"{url}/{RECORD}")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
