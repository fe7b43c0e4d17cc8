"""Measuring one frame: calibration by the catheter where it is asked for, then the vessel tree."""

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from coroseg.angiogram import Frame
from coroseg.errors import CorosegError
from coroseg.geometry.grid import square_grid
from coroseg.geometry.measure import measure_mask
from coroseg.geometry.tables import mm_per_px, stenosis_row
from coroseg.geometry.tree import VesselTree
from coroseg.metrics import Mask
from coroseg.spacing import PixelSpacing

if TYPE_CHECKING:
    from coroseg.geometry.calibration import Calibration

NOT_CALIBRATED = "not_calibrated"
NOT_MEASURED = "not_measured"
PROBLEMS = (NOT_CALIBRATED, NOT_MEASURED)
"""Flags of a frame whose reasons stand in its record under the same names."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Catheter:
    """A catheter to calibrate by: its size in French, and two points on its shaft if known.

    `points` are x1, y1, x2, y2 in pixels of the image.
    """

    french: float
    points: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Measured:
    """What came of one frame: `spacing` is the image's, by the catheter where it gave one.

    `record` is the frame's part of `result.json`: `calibration`, `measures` and the `PROBLEMS`.
    """

    tree: VesselTree | None
    spacing: PixelSpacing | None
    record: Record

    @property
    def problems(self) -> list[str]:
        """Which of the `PROBLEMS` there were."""
        return [problem for problem in PROBLEMS if problem in self.record]


def measure_frame(
    mask: Mask, image: Frame, spacing: PixelSpacing | None, catheter: Catheter | None
) -> Measured:
    """Return the measures of a frame; what cannot be calibrated or measured says why in the record.

    Where the catheter gives no calibration, the spacing that was known before stays.
    """
    start = time.perf_counter()
    record: Record = {"calibration": None, "measures": None}
    tree = None
    if catheter is not None:
        try:
            spacing, calibration = calibrate(image, mask, spacing, catheter)
            record["calibration"] = calibration_record(calibration)
        except CorosegError as error:
            record[NOT_CALIBRATED] = str(error)
    try:
        tree = measure_mask(mask, image, spacing)
    except CorosegError as error:
        record[NOT_MEASURED] = str(error)
    else:
        record["measures"] = tree_record(tree)
        record["measures"]["seconds"] = round(time.perf_counter() - start, 4)
    return Measured(tree, spacing, record)


def calibrate(
    image: Frame, mask: Mask, spacing: PixelSpacing | None, catheter: Catheter
) -> "tuple[PixelSpacing, Calibration]":
    """Return the size of the image's pixels by the catheter, and how it was found.

    `spacing` only says how long a pixel is for its width. Raises `CorosegError` where no catheter
    can be measured.
    """
    # Imported where it is asked for: its fit is slow to load, and few need it.
    from coroseg.geometry.calibration import calibrate_by_catheter

    grid = square_grid(spacing)
    points = catheter.points
    if not grid.is_image:
        image, mask = grid.resample(image), grid.resample_mask(mask)
        if points is not None:
            x1, y1, x2, y2 = grid.from_image(np.reshape(points, (2, 2))).ravel().tolist()
            points = (x1, y1, x2, y2)
    found = calibrate_by_catheter(image, catheter.french, mask=mask, points=points)
    x_scale, y_scale = grid.scale
    x1, y1, x2, y2 = grid.to_image(np.reshape(found.points, (2, 2))).ravel().tolist()
    mm = found.spacing_mm
    return (
        PixelSpacing((mm * y_scale, mm * x_scale), found.spacing.source),
        replace(found, points=(x1, y1, x2, y2)),
    )


def tree_record(tree: VesselTree) -> Record:
    """Return what is recorded of a tree: how much there is, and its tightest lesion.

    Diameters are means over all points that have one. What is not known is None.
    """
    mm = mm_per_px(tree)
    length_px = sum(branch.centreline.length_px for branch in tree.branches)
    diameters = [branch.diameters.px for branch in tree.branches]
    values = np.concatenate(diameters) if diameters else np.empty(0)
    values = values[np.isfinite(values)]
    diameter_px = float(values.mean()) if values.size else math.nan
    lesions = tree.lesions
    numbers = {
        "length_px": length_px,
        "length_mm": length_px * mm,
        "mean_diameter_px": diameter_px,
        "mean_diameter_mm": diameter_px * mm,
    }
    return {
        "branches": len(tree.branches),
        **_known(numbers),
        "lesions": len(lesions),
        "not_counted": len(tree.stenoses) - len(lesions),
        "tightest": _known(stenosis_row(tree, lesions[0])) if lesions else None,
        "flags": list(tree.flags),
    }


def calibration_record(calibration: "Calibration") -> Record:
    """Return what is recorded of a calibration."""
    points = [round(value, 2) for value in calibration.points]
    return _known(vars(calibration)) | {"points": points}


def _known(values: dict[str, Any]) -> Record:
    """Return the values, numbers rounded, those that are nan as None."""
    return {
        name: (None if math.isnan(value) else round(value, 4))
        if isinstance(value, float)
        else value
        for name, value in values.items()
    }
