"""The demo: a simulated cine run as a DICOM file, through the same pipeline as any other source."""

from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from coroseg.batch import process
from coroseg.errors import CorosegError, OutputError
from coroseg.io.files import write_whole
from coroseg.io.sources import find_sources
from coroseg.records import RESEARCH_ONLY, Request, read_record
from coroseg.segmentation.predictor import Predictor
from coroseg.simulation.files import RUN, write_run
from coroseg.simulation.run import draw_simulation
from coroseg.summary import SUMMARY

SEED = 56  # a heart that the packaged model traces well, with three lesions
FRAMES = 24


def run_demo(out: Path) -> Iterator[str]:
    """Write a simulated run and its results to `out`; yield a line for everything written.

    Raises `CorosegError` where the pipeline fails on it, or would write over another run.
    """
    path = out / RUN
    if path.exists() and not _is_simulated(path):
        raise OutputError(f"{path}: is no simulated run: choose another folder with --out")
    simulation = draw_simulation(SEED, frames=FRAMES)
    with write_whole(path) as temporary:
        write_run(temporary, simulation, simulation.frames())
    yield (f"{path}: a simulated run of {FRAMES} frames ({simulation.anatomy.artery}, seed {SEED})")
    request = Request(frame="best", spacing_mm=None, as_run=False, any_modality=False)
    found = find_sources([path])
    (outcome,) = process(found.sources, out, request, Predictor(), overwrite=True)
    folder = out / outcome.source.name
    record = read_record(folder)
    if outcome.status != "ok" or record is None:
        raise CorosegError(outcome.reason)
    for file in sorted(folder.iterdir()):
        yield str(file)
    yield str(out / SUMMARY)
    row_mm, column_mm = record["spacing_mm"]
    yield (
        f"frame {record['frame']} of {record['frames']} shows most vessel: "
        f"{record['vessel_area_mm2']:.0f} mm² at {row_mm:.3f} x {column_mm:.3f} mm a pixel "
        f"({record['spacing_source']})"
    )
    yield RESEARCH_ONLY


def _is_simulated(path: Path) -> bool:
    try:
        dataset = dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError):
        return False
    return str(dataset.get("PatientID", "")).startswith("SIMULATED-")
