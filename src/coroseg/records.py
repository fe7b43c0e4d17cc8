"""The record of a source's results, `result.json`: what was asked, and what came of it."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from coroseg.angiogram import Angiogram
from coroseg.measuring import Catheter
from coroseg.segmentation.predictor import ModelInfo
from coroseg.segmentation.segment import Segmentation
from coroseg.spacing import PixelSpacing

SCHEMA = "coroseg-result-2"
RECORD = "result.json"
SEG, SR = "seg.dcm", "sr.dcm"
RESEARCH_ONLY = "Research software, not a medical device."

NOT_WHOLE = {"error": "its files were not all moved here"}
"""What a record holds while the files beside it are replaced."""

NO_DICOM = "no_dicom"
"""Flag of a source that DICOM objects cannot refer to; its record says why under this name."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What was asked of a source: the parts of a record that a second run compares."""

    frame: str
    spacing_mm: float | None
    as_run: bool
    any_modality: bool
    catheter: Catheter | None = None
    dicom: bool = False

    @property
    def recorded(self) -> Record:
        """The request as it stands in a record, after JSON as before."""
        catheter = self.catheter
        points = catheter.points if catheter else None
        return {
            "frame": self.frame,
            "spacing_mm": self.spacing_mm,
            "as_run": self.as_run,
            "any_modality": self.any_modality,
            "catheter_french": catheter.french if catheter else None,
            "catheter_points": list(points) if points else None,
            "dicom": self.dicom,
        }


def finished_record(
    folder: Path, source_sha256: str, model: ModelInfo, request: Request
) -> Record | None:
    """Return the record in `folder` if it is of the same source, model, request and version.

    One with an `error`, which an error of coroseg's own left, is not finished.
    """
    record = read_record(folder)
    wanted = {
        "version": version("coroseg"),
        "source_sha256": source_sha256,
        "model": _model(model),
        "request": request.recorded,
    }
    if record is None or "error" in record:
        return None
    return record if all(record.get(key) == value for key, value in wanted.items()) else None


def read_record(folder: Path) -> Record | None:
    """Return the record in `folder`; None where there is none that can be read."""
    record = any_record(folder)
    return record if record and record["schema"] == SCHEMA else None


def any_record(folder: Path) -> Record | None:
    """Return the record in `folder`, of an earlier schema perhaps."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    ours = isinstance(record, dict) and str(record.get("schema")).startswith("coroseg-result-")
    return record if ours else None


def frame_record(result: Segmentation) -> Record:
    """Return what is recorded of one frame. Areas in mm² only where the spacing is known."""
    area_mm2 = result.vessel_area_mm2
    return {
        "frame": result.frame,
        "threshold": round(result.threshold, 6),
        "vessel_area_px": result.vessel_area_px,
        "vessel_area_mm2": None if area_mm2 is None else round(area_mm2, 4),
        "flags": list(result.flags),
    }


def run_record(run: Angiogram, sha256: str, model: ModelInfo | None, request: Request) -> Record:
    """Return what is recorded of a source, whatever its frames show."""
    return {
        "schema": SCHEMA,
        "note": RESEARCH_ONLY,
        "version": version("coroseg"),
        "source": run.path.name if run.path else run.name,
        "source_sha256": sha256,
        "request": request.recorded,
        "frames": len(run.frames),
        "rows": run.rows,
        "columns": run.columns,
        **spacing_record(run.spacing),
        "primary_angle_deg": run.primary_angle_deg,
        "secondary_angle_deg": run.secondary_angle_deg,
        "model": _model(model),
    }


def spacing_record(spacing: PixelSpacing | None) -> Record:
    """Return what is recorded of the size of a pixel: (row, column) in mm, and how it is known."""
    return {
        "spacing_mm": list(spacing.mm) if spacing else None,
        "spacing_source": str(spacing.source) if spacing else None,
    }


def write_record(folder: Path, record: Record) -> Path:
    """Write a record to `folder`; return the path of its file."""
    path = folder / RECORD
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return path


def _model(model: ModelInfo | None) -> Record | None:
    if model is None:
        return None
    return {"name": model.name, "version": model.version, "sha256": model.sha256}
