"""The truth of a simulated sample as JSON, `truth.json`.

    {"schema": "coroseg-truth-1", "note": "...", "version": "0.1.0",
     "request": {"seed": 7, "frames": 1, "size": 512, "images": true,
                 "least_mm": 0.0},
     "artery": "LCA", "dominance": "right",
     "rows": 512, "columns": 512, "frame_time_ms": 133.3,
     "spacing_mm": [0.25, 0.25],            (row, column) at the isocentre
     "catheter_french": 6.0,                a French is a third of a mm
     "view": {...}, "exposure": {...},      the fields of View and Exposure
     "vessels": [{"name", "parent", "length_mm",
        "lesions": [{"middle_mm", "length_mm", "diameter_stenosis", "eccentricity"}]}],
     "truths": [{                           one a frame
        "frame": 1, "seconds": 1.2,         frames count from 1
        "files": {"mask": "mask.png", ...}, relative to the folder
        "mask_px": 12345,
        "contrast": 0.97,                   the vessels' mean contrast, 0 to 1
        "branches": [{"name", "parent", "points_px": [[x, y], ...], "width_px", "width_mm",
            "healthy_width_px", "diameter_3d_mm", "contrast", "along_view", "overlapped",
            "visible"}],                    but for the first three, lists of a value a point
        "lesions": [{"branch", "first", "minimum", "last", "minimal_width_px",
            "minimal_width_mm", "healthy_width_px", "diameter_stenosis", "lesion": {...}}]}]}

What each value means is said in `scene.py`, of BranchTruth and LesionTruth. `width_mm` is at the
isocentre: `width_px` x spacing.
"""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coroseg.simulation.run import SimulatedFrame, Simulation
from coroseg.simulation.scene import BranchTruth, LesionTruth

SCHEMA = "coroseg-truth-1"
TRUTH = "truth.json"
NOTE = "Simulated, no patient. Research software, not a medical device."

Record = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What was asked of a sample: with the version, all that its files depend on."""

    seed: int
    frames: int
    size: int
    images: bool
    least_mm: float = 0.0


def read_truth(folder: Path) -> Record | None:
    """Return the truth in `folder`; None where there is none that can be read."""
    try:
        truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return truth if isinstance(truth, dict) and truth.get("schema") == SCHEMA else None


def head_record(simulation: Simulation, request: Request) -> Record:
    """Return what is recorded of a sample before its frames."""
    view, anatomy = simulation.view, simulation.anatomy
    return {
        "schema": SCHEMA,
        "note": NOTE,
        "version": version("coroseg"),
        "request": asdict(request),
        "artery": anatomy.artery,
        "dominance": anatomy.dominance,
        "rows": view.size,
        "columns": view.size,
        "frame_time_ms": simulation.frame_time_ms,
        "spacing_mm": [view.spacing_mm] * 2,
        "catheter_french": simulation.french,
        "view": asdict(view),
        "exposure": asdict(simulation.exposure),
        "vessels": [
            {
                "name": vessel.name,
                "parent": vessel.parent,
                "length_mm": round(float(vessel.path_mm[-1] - vessel.path_mm[0]), 3),
                "lesions": [asdict(lesion) for lesion in vessel.lesions],
            }
            for vessel in anatomy.vessels
        ],
    }


def frame_record(
    frame: SimulatedFrame, number: int, files: dict[str, str], spacing_mm: float
) -> Record:
    """Return what is recorded of frame `number`, counted from 1."""
    truth = frame.truth
    contrast = np.concatenate([branch.contrast for branch in truth.branches])
    return {
        "frame": number,
        "seconds": round(frame.seconds, 4),
        "files": files,
        "mask_px": int(truth.mask.sum()),
        "contrast": round(float(contrast.mean()), 4),
        "branches": [_branch_record(branch, spacing_mm) for branch in truth.branches],
        "lesions": [_lesion_record(lesion, spacing_mm) for lesion in truth.lesions],
    }


def _branch_record(branch: BranchTruth, spacing_mm: float) -> Record:
    return {
        "name": branch.name,
        "parent": branch.parent,
        "points_px": _listed(branch.points),
        "width_px": _listed(branch.width_px),
        "width_mm": _listed(branch.width_px * spacing_mm),
        "healthy_width_px": _listed(branch.healthy_width_px),
        "diameter_3d_mm": _listed(branch.diameter_3d_mm),
        "contrast": _listed(branch.contrast),
        "along_view": _listed(branch.along_view),
        "overlapped": branch.overlapped.astype(int).tolist(),
        "visible": branch.visible.astype(int).tolist(),
    }


def _lesion_record(lesion: LesionTruth, spacing_mm: float) -> Record:
    minimal_width_mm = lesion.minimal_width_px * spacing_mm
    return {**asdict(lesion), "minimal_width_mm": minimal_width_mm}


def _listed(values: NDArray[np.float64]) -> list[Any]:
    """Return values with 3 decimals."""
    listed: list[Any] = values.round(3).tolist()
    return listed
