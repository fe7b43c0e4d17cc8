"""The commands `coroseg pacs ...`."""

import importlib.util
import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from coroseg.errors import ConfigError, CorosegError, MissingPackageError
from coroseg.terminal import FAILED, UsageError, open_model, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from coroseg.pacs.archive import Archive
    from coroseg.pacs.work import Ended, Work

pacs_app = App(name="pacs", help="Runs out of an archive, and results back into it.")
_PACKAGES = ("pynetdicom", "dicomweb_client", "python_multipart")


@pacs_app.command
def run(
    *,
    url: str,
    out: Path,
    study: Annotated[list[str] | None, Parameter(negative="")] = None,
    query: str | None = None,
    store: Annotated[bool, Parameter(negative="")] = False,
    single_frames: Annotated[bool, Parameter(negative="")] = False,
    frame: Literal["best", "all"] = "best",
    model: str = "default",
    threads: int | None = None,
    aet: str = "COROSEG",
    host: str = "127.0.0.1",
    port: int = 11112,
) -> int:
    """Fetch the runs of studies from an archive and extract their arteries.

    A second run does what is missing and stores nothing twice. Name and password come from
    COROSEG_PACS_USER and COROSEG_PACS_PASSWORD, or COROSEG_PACS_TOKEN, or ~/.netrc.
    Exit status 0 if all went well, 1 if anything failed, 2 for wrong usage.

    Parameters
    ----------
    url
        http(s)://HOST:PORT/PATH of a DICOMweb service, or dicom://HOST:PORT/AE-TITLE.
    out
        Folder for the files (received/) and the results, and summary.csv.
    study
        Study Instance UID. Can be repeated.
    query
        The studies that match, such as ModalitiesInStudy=XA,StudyDate=2024*
    store
        Store seg.dcm and sr.dcm in the archive.
    single_frames
        Take XA and RF images of a single frame too.
    frame
        best (the frame that shows most vessel), or all.
    model
        Name of a model in the package, or an ONNX file.
    threads
        Processors to use; all unless given.
    aet
        Our AE title (dicom:// only).
    host
        Address at which the archive sends to us (dicom:// only).
    port
        Port at which the archive sends to us (dicom:// only).
    """
    if bool(study) == bool(query):
        raise UsageError("pass --study UID, or --query KEYWORD=VALUE,... for several studies")
    _check_packages(frame)
    from coroseg.pacs.archive import check_uid
    from coroseg.pacs.patience import patiently
    from coroseg.pacs.query import parse_query
    from coroseg.pacs.run import run_studies

    with _wrong_usage():
        asked = parse_query(query) if query else {}
        studies = [check_uid(uid) for uid in study or []]
        opened = _open_archive(url, aet, (host, port))
    with opened as archive:
        studies = studies or patiently(lambda: archive.studies(asked))
        if not studies:
            raise CorosegError(f"{url}: no study matches --query {query}")
        options = frame, model, threads, single_frames
        work = _work(out, archive if store else None, _say_problem, options)
        ended, stopped = run_studies(archive, studies, work)
    print(f"{_counts(ended, store=store)} -> {out}")
    if stopped:
        say(f"{stopped}: ended early: run the same command again to go on")
    failed = any(one.status == "failed" for one in ended)
    empty = study and any(one.instance is None for one in ended)  # a UID that was mistyped
    return FAILED if stopped or failed or empty else 0


@pacs_app.command
def listen(
    *,
    out: Path,
    store_to: str | None = None,
    single_frames: Annotated[bool, Parameter(negative="")] = False,
    frame: Literal["best", "all"] = "best",
    model: str = "default",
    threads: int | None = None,
    aet: str = "COROSEG",
    host: str = "127.0.0.1",
    port: int = 11112,
) -> None:
    """Receive angiograms (C-STORE) and extract their arteries, until Ctrl-C.

    A run is segmented when the association that brought it has ended. What was received and not
    finished is done at the next start.

    Parameters
    ----------
    out
        Folder for the files (received/) and the results, and summary.csv.
    store_to
        Archive that seg.dcm and sr.dcm are stored in: http(s)://... or dicom://HOST:PORT/AE-TITLE.
    single_frames
        Take images of a single frame too.
    frame
        best (the frame that shows most vessel), or all.
    model
        Name of a model in the package, or an ONNX file.
    threads
        Processors to use; all unless given.
    aet
        Our AE title: calls to another are refused.
    host
        Address to listen at; any machine that reaches it can send. 0.0.0.0 is every address.
    port
        Port to listen at.
    """
    _check_packages(frame)
    from contextlib import ExitStack

    from coroseg.pacs.listener import open_inbox, work_through

    with ExitStack() as contexts:
        archive = None
        if store_to:
            with _wrong_usage():
                opened = _open_archive(store_to, aet, (host, 0))
            archive = contexts.enter_context(opened)
        work = _work(out, archive, _say, (frame, model, threads, single_frames))
        inbox, bound = contexts.enter_context(open_inbox((host, port), aet, work))
        say(f"{aet} listens at {host}:{bound}; Ctrl-C ends it")
        while True:
            work_through(inbox.batches.get(), work)


def _check_packages(frame: str) -> None:
    """Find what is missing before the work, not in it."""
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingPackageError(package, "coroseg pacs", 'pip install "coroseg[pacs]"')
    if frame != "all":
        from coroseg.io.dicom.sr_groups import templates

        templates()
    # Our own lines say what went wrong, once.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)


@contextmanager
def _wrong_usage() -> "Iterator[None]":
    """Return a context in which an option's value that cannot be meant is wrong usage."""
    from coroseg.pacs.archive import ArchiveError

    try:
        yield
    except (ConfigError, ArchiveError) as error:
        raise UsageError(str(error)) from error


def _open_archive(url: str, aet: str, address: tuple[str, int]) -> "Archive":
    if url.startswith("dicom:"):
        from coroseg.pacs.dimse import DimseArchive

        return DimseArchive(url, aet, address)
    from coroseg.pacs.dicomweb import DicomWebArchive

    return DicomWebArchive(url)


def _work(
    out: Path,
    archive: "Archive | None",
    report: "Callable[[Ended], None]",
    options: "tuple[str, str, int | None, bool]",
) -> "Work":
    from coroseg.pacs.work import Work
    from coroseg.records import Request

    frame, model, threads, single_frames = options
    request = Request(frame, spacing_mm=None, as_run=False, any_modality=False, dicom=True)
    return Work(out, request, open_model(model, threads), archive, single_frames, report)


def _say_problem(ended: "Ended") -> None:
    if ended.reason:
        say(f"{ended.status}: {ended.reason}")


def _say(ended: "Ended") -> None:
    """Say how one object ended: a service has no last line with counts."""
    if ended.status == "ok" and ended.instance:
        say(f"ok: {ended.instance.name}" + (f" ({ended.stored} stored)" if ended.stored else ""))
    _say_problem(ended)


def _counts(ended: "list[Ended]", *, store: bool) -> str:
    parts = []
    for status in ("ok", "skipped", "failed"):
        matching = [one for one in ended if one.status == status]
        before = sum(one.repeated for one in matching)
        if matching:
            parts.append(f"{len(matching)} {status}" + (f" ({before} before)" if before else ""))
    if store:
        parts.append(f"{sum(one.stored for one in ended)} objects stored")
    return ", ".join(parts)
