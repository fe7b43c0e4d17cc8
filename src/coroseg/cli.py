"""The command line: one function a command, each a thin layer over the package."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from coroseg.cli_data import data_app
from coroseg.cli_deidentify import deidentify
from coroseg.cli_lab import benchmark, export, teach, train
from coroseg.cli_measure import catheter_of, measure
from coroseg.cli_pacs import pacs_app
from coroseg.cli_simulate import simulate
from coroseg.errors import CorosegError
from coroseg.logs import quieten
from coroseg.terminal import (
    FAILED,
    INTERRUPTED,
    USAGE,
    UsageError,
    counted,
    open_model,
    say,
)

if TYPE_CHECKING:
    from coroseg.summary import Outcome

EPILOGUE = "Research software, not a medical device."

app = App(
    name="coroseg",
    help="Coronary arteries from X-ray angiograms.",
    help_epilogue=EPILOGUE,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
app.command(data_app)
app.command(pacs_app)
for command in (measure, deidentify, train, teach, benchmark, export, simulate):
    app.command(command)


def main() -> NoReturn:
    """Run the command line and end the process with its exit status."""
    quieten()
    try:
        status = app(
            sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value"
        )
    except (CycloptsError, UsageError) as error:
        say(f"{str(error).strip()} (coroseg --help)")
        sys.exit(USAGE)
    except CorosegError as error:
        say(str(error))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("interrupted: what is finished stays; run the same command again to go on")
        sys.exit(INTERRUPTED)
    sys.exit(status or 0)


@app.command
def segment(
    sources: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    out: str,
    frame: str = "best",
    as_run: Annotated[bool, Parameter(negative="")] = False,
    model: str = "default",
    spacing: float | None = None,
    calibrate_catheter: str | None = None,
    catheter_points: str | None = None,
    threads: int | None = None,
    time_limit: float = 600,
    memory_limit: int | None = None,
    ray: str | None = None,
    summary: str | None = None,
    any_modality: Annotated[bool, Parameter(negative="")] = False,
    dicom: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Extract the coronary arteries from angiograms.

    Exit status 0 if all went well, 1 if any source failed, 2 for wrong usage.

    Parameters
    ----------
    sources
        DICOM, NIfTI, PNG, JPEG, TIFF, BMP, PGM, AVI or MP4 files, or folders of them; paths, or
        URLs such as s3://bucket/folder.
    out
        Folder for the results, one folder a source, and summary.csv; a path or a URL.
    frame
        best (the frame that shows most vessel), all, or a frame number counted from 1.
    as_run
        Take a folder of frames, in natural order, as one run.
    model
        Name of a model in the package, or an ONNX file.
    spacing
        Size of a pixel in mm at the patient; replaces what the files say.
    calibrate_catheter
        Size of the catheter, such as 6F: the size of a pixel comes from its width in the image.
    catheter_points
        Two points on the catheter's shaft, X1,Y1,X2,Y2 in pixels, where it is not found by itself.
    threads
        Processors to use; all unless given. Several sources are done at a time, one on each.
    time_limit
        Seconds that a source may take before it is cut off, where there are several.
    memory_limit
        MB that the process of a source may take up, where there are several; four fifths of the
        machine's memory, shared by the processes, at least 1024 each, unless given. Linux only.
    ray
        Address of a Ray cluster whose machines do the sources.
    summary
        CSV or Parquet file (.parquet) for a row a source, in place of summary.csv in the folder.
    any_modality
        Read DICOM images that are no X-ray angiograms too.
    dicom
        Write the results as DICOM objects too (seg.dcm, sr.dcm) that refer to the angiogram.
    overwrite
        Do again what is finished.
    """
    from coroseg.batch import process
    from coroseg.io.sources import find_sources
    from coroseg.io.urls import is_url
    from coroseg.records import Request
    from coroseg.summary import SUMMARY, Outcome
    from coroseg.workers import Limits

    _check_frame(frame)
    if not (time_limit > 0 and (memory_limit is None or memory_limit > 0)):
        raise UsageError("--time-limit, --memory-limit: more than 0")
    if summary and is_url(summary):
        raise UsageError(f"--summary {summary}: a file of this machine")
    catheter = catheter_of(calibrate_catheter, catheter_points, spacing)
    if catheter and frame == "all":
        raise UsageError("--calibrate-catheter: measures are of one frame, not of --frame all")
    if dicom and frame != "all":
        from coroseg.io.dicom.sr_groups import templates

        templates()  # a missing package is found before the work, not in it
    predictor = open_model(model, threads)
    place, *places = (one if is_url(one) else Path(one) for one in (out, *sources))
    found = find_sources(places, as_run=as_run)
    if not found.sources:
        raise CorosegError(
            f"{', '.join(sources)}: no angiogram in it "
            f"({found.passed_over} other files passed over)"
        )
    request = Request(frame, spacing, as_run, any_modality, catheter, dicom)
    with counted(len(found.sources), "angiograms") as step:

        def report(outcome: Outcome) -> None:
            step()
            if outcome.reason:
                say(f"{outcome.status}: {outcome.reason}")

        several = len(found.sources) > 1 and ray is None
        workers = min(predictor.threads, len(found.sources)) if several else 0
        alone = Limits(time_limit, memory_limit)
        outcomes = process(
            found.sources,
            place,
            request,
            predictor,
            overwrite=overwrite,
            ray=ray,
            workers=workers,
            limits=Limits.shared(workers, time_limit, memory_limit) if several else alone,
            summary=Path(summary) if summary else None,
            report=report,
        )
    where = summary or f"{out.rstrip('/')}/{SUMMARY}"
    print(_counts(outcomes, found.passed_over), f"-> {where}")
    return FAILED if any(outcome.status == "failed" for outcome in outcomes) else 0


@app.command
def demo(*, out: Path = Path("coroseg-demo")) -> int:
    """Simulate a cine run, send it through the whole pipeline, and print what was written.

    Parameters
    ----------
    out
        Folder for the run and its results.
    """
    from coroseg.demo import run_demo

    for line in run_demo(out):
        print(line)
    return 0


@app.command
def evaluate(
    *,
    predictions: Path,
    truths: Path,
    spacing: float | None = None,
    out: Path | None = None,
) -> int:
    """Score masks against true masks of the same name.

    Exit status 1 if a truth has no prediction.

    Parameters
    ----------
    predictions
        Folder of masks, or of coroseg's results.
    truths
        Folder of true masks.
    spacing
        Size of a pixel in mm; without it distances are in pixels.
    out
        CSV file for a row an image.
    """
    from coroseg.evaluation import evaluate_folders, summary_table, write_csv

    evaluation = evaluate_folders(predictions, truths, spacing_mm=spacing)
    if out:
        write_csv(out, evaluation)
    Console().print(summary_table(evaluation))
    return FAILED if evaluation.missing else 0


def _check_frame(frame: str) -> None:
    if frame not in {"best", "all"} and not (re.fullmatch("0*[1-9][0-9]{0,8}", frame)):
        raise UsageError(f"--frame {frame}: best, all, or a number counted from 1")


def _counts(outcomes: "list[Outcome]", passed_over: int) -> str:
    parts = []
    for status in ("ok", "skipped", "failed"):
        matching = [outcome for outcome in outcomes if outcome.status == status]
        repeated = sum(outcome.repeated for outcome in matching)
        if matching:
            parts.append(
                f"{len(matching)} {status}" + (f" ({repeated} before)" if repeated else "")
            )
    if passed_over:
        parts.append(f"{passed_over} other files passed over")
    return ", ".join(parts)
