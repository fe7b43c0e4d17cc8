"""The command `measure`, and the calibration by a catheter that `segment` shares with it."""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from coroseg.terminal import UsageError

if TYPE_CHECKING:
    from coroseg.measuring import Catheter

_FRENCH = 2, 12
_SPACINGS_MM = 0.001, 100


def measure(
    mask: Path,
    /,
    *,
    image: Path,
    out: Path,
    frame: int | None = None,
    spacing: float | None = None,
    calibrate_catheter: str | None = None,
    catheter_points: str | None = None,
    dicom: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Measure the vessels of a mask that was corrected by hand, or that came from elsewhere.

    Parameters
    ----------
    mask
        Image of the mask: 0, and one other value on vessel.
    image
        The angiogram of the mask; of a run, see --frame.
    out
        Folder for the results.
    frame
        The mask's frame in a run, counted from 1.
    spacing
        Size of a pixel in mm at the patient; replaces what the file says.
    calibrate_catheter
        Size of the catheter, such as 6F: the size of a pixel comes from its width in the image.
    catheter_points
        Two points on the catheter's shaft, X1,Y1,X2,Y2 in pixels, where it is not found by itself.
    dicom
        Write the results as DICOM objects too (seg.dcm, sr.dcm) that refer to a DICOM image.
    """
    if frame is not None and frame < 1:
        raise UsageError(f"--frame {frame}: a number counted from 1")
    catheter = catheter_of(calibrate_catheter, catheter_points, spacing)
    from coroseg.corrected import measure_corrected
    from coroseg.report.case.words import finding

    record = measure_corrected(
        mask, image, out, frame=frame, spacing_mm=spacing, catheter=catheter, dicom=dicom
    )
    print(f"{finding(record)} -> {out / 'report.html'}")
    return 0


def catheter_of(french: str | None, points: str | None, spacing: float | None) -> "Catheter | None":
    """Return the catheter that these options name, if any. Raises `UsageError`."""
    if spacing is not None and not _SPACINGS_MM[0] <= spacing <= _SPACINGS_MM[1]:
        raise UsageError(
            f"--spacing {spacing}: the size of a pixel in mm, {_SPACINGS_MM[0]} to "
            f"{_SPACINGS_MM[1]}, such as 0.25"
        )
    if french is None:
        if points is not None:
            raise UsageError("--catheter-points needs --calibrate-catheter, such as 6F")
        return None
    if spacing is not None:
        raise UsageError(
            "--spacing and --calibrate-catheter both give the size of a pixel: use one"
        )
    from coroseg.measuring import Catheter

    size = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:F|Fr)?", french, re.IGNORECASE)
    if size is None or not _FRENCH[0] <= float(size[1]) <= _FRENCH[1]:
        raise UsageError(
            f"--calibrate-catheter {french}: a size of {_FRENCH[0]} to {_FRENCH[1]} French, "
            "such as 6F"
        )
    return Catheter(float(size[1]), None if points is None else _four_numbers(points))


def _four_numbers(points: str) -> tuple[float, float, float, float]:
    wrong = f"--catheter-points {points}: X1,Y1,X2,Y2 in pixels"
    try:
        x1, y1, x2, y2 = map(float, points.split(","))
    except ValueError as error:
        raise UsageError(wrong) from error
    if not all(map(math.isfinite, (x1, y1, x2, y2))):
        raise UsageError(wrong)
    return x1, y1, x2, y2
