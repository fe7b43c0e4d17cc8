"""The demo: a drawn cine run as a DICOM file, through the same pipeline as any other source."""

from collections.abc import Iterator
from pathlib import Path

from coroseg.errors import CorosegError
from coroseg.io.files import write_whole
from coroseg.io.sources import find_sources
from coroseg.pipeline import SUMMARY, process
from coroseg.results import RESEARCH_ONLY, Request
from coroseg.segmentation.predictor import Predictor
from coroseg.simulation.drawn import draw_run, write_drawn_run

SEED = 0
RUN = "run.dcm"


def run_demo(out: Path) -> Iterator[str]:
    """Write a drawn run and its results to `out`; yield a line for everything written.

    Raises `CorosegError` where the pipeline fails on it.
    """
    drawn = draw_run(SEED)
    path = out / RUN
    with write_whole(path) as temporary:
        write_drawn_run(temporary, drawn)
    yield f"{path}: a drawn run of {len(drawn.frames)} frames ({drawn.artery}, seed {SEED})"
    request = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)
    found = find_sources([path])
    (outcome,) = process(found.sources, out, request, Predictor(), overwrite=True)
    if outcome.record is None:
        raise CorosegError(outcome.reason)
    folder = out / outcome.source.name
    for file in sorted(folder.iterdir()):
        yield str(file)
    yield str(out / SUMMARY)
    record = outcome.record
    row_mm, column_mm = record["spacing_mm"]
    yield (
        f"frame {record['frame']} of {record['frames']} shows most vessel: "
        f"{record['vessel_area_mm2']:.0f} mm² at {row_mm:.3f} x {column_mm:.3f} mm a pixel "
        f"({record['spacing_source']})"
    )
    yield RESEARCH_ONLY
