"""The size of a pixel by the width of the catheter, whose outer diameter is known: French / 3 mm.

It is the size at the catheter's depth, near the coronary ostium: a vessel that is nearer to the
detector or to the source by 5 cm is magnified differently by up to 7 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.errors import SpacingError
from coroseg.geometry.distance import distance_inside
from coroseg.geometry.shaft import entry_and_tip, exposed_field, shaft_candidates
from coroseg.geometry.tree import Points
from coroseg.geometry.tube import Tube, measure_tube
from coroseg.metrics import Mask
from coroseg.spacing import PixelSpacing, SpacingSource

MM_PER_FRENCH = 1 / 3

FIELD_MM = (75.0, 250.0)
"""The image's width at the heart: the catheter's width in pixels follows within these limits."""

SHORTEST, SLENDER, SHORTEST_POINTS_PX = 0.1, 6.0, 15.0
"""A shaft that is searched is at least a tenth of the image's width and six of its own widths long;
between points given, 15 px."""

LEAST_DIP, MOST_MISFIT, MOST_NOISE, MOST_SPREAD = 0.08, 0.10, 0.20, 0.07
"""A shaft's depth in logarithms of brightness; what the tube's model leaves of its mean profile and
of a piece's, as shares of the depth; the standard deviation of its width over the width."""

ENTRY, TIP = 0.08, 0.35
"""Straight on, a shaft leaves the field so soon; it ends so near to the vessels: image widths."""

TOWARDS = 0.25
"""A shaft comes nearer to the vessels by at least a quarter of its length; a vessel that the mask
leaves out runs beside them, or away."""

LOWEST_ENTRY = 0.6
"""A catheter comes from the aorta: it enters in the upper part of the image."""

AGREE = 0.12
"""Two lines that could be the shaft must agree in width, or none is taken."""

MAKE_ERROR, EDGE_ERROR_PX = 0.07, 0.1
"""Relative errors by the catheter's make and wall; error of a width by its blurred edges."""

REMEDY = "pass --catheter-points X1,Y1,X2,Y2 or --spacing MM"

Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Calibration:
    """The size of a pixel (square) in mm by a catheter's width, and how it was measured.

    `points` are the ends x1, y1, x2, y2 of the stretch used; `width_px` is its outer width there,
    `width_sd_px` the standard deviation along it. `relative_error` is the standard error of the
    spacing over the spacing. `automatic` tells whether the shaft was found without points.
    """

    french: float
    spacing_mm: float
    relative_error: float
    points: Four
    width_px: float
    width_sd_px: float
    automatic: bool

    @property
    def spacing(self) -> PixelSpacing:
        """The size of a pixel with its source."""
        return PixelSpacing((self.spacing_mm, self.spacing_mm), SpacingSource.CATHETER)


def calibrate_by_catheter(
    image: Frame, french: float, *, mask: Mask | None = None, points: Four | None = None
) -> Calibration:
    """Return the size of a pixel by the catheter's outer width.

    `image` is (rows, columns) of square pixels, 0 = black to 1 = white, the catheter dark; `mask`
    the vessels, among which it is not looked for. `points` x1, y1, x2, y2 lie on the shaft, which
    may bend a little between them; without them the shaft is searched. Raises `SpacingError` where
    there is none that can be measured, or more than one.
    """
    if not 2 <= french <= 12:  # noqa: PLR2004
        raise SpacingError(f"a catheter of {french:g} French: sizes are 2 to 12, such as 6")
    limits = tuple(image.shape[1] * french * MM_PER_FRENCH / field for field in FIELD_MM)
    widest, narrowest = max(limits), max(min(limits), 1.5)
    if points is not None:
        tube = _between(image, french, points, widest, narrowest)
    else:
        tube = _found(image, french, mask, widest, narrowest)
    spread = _spread(tube)
    scatter = spread / np.sqrt(len(tube.widths_px))
    relative_error = np.linalg.norm([scatter, EDGE_ERROR_PX / tube.width_px, MAKE_ERROR])
    ends = tube.path[[0, -1]].ravel().tolist()
    return Calibration(
        french=french,
        spacing_mm=french * MM_PER_FRENCH / tube.width_px,
        relative_error=float(relative_error),
        points=(ends[0], ends[1], ends[2], ends[3]),
        width_px=tube.width_px,
        width_sd_px=spread * tube.width_px,
        automatic=points is None,
    )


def _between(image: Frame, french: float, points: Four, widest: float, narrowest: float) -> Tube:
    """Return the tube between two points."""
    named = "--catheter-points " + ",".join(f"{value:g}" for value in points)
    start, end = np.reshape(np.asarray(points, dtype=float), (2, 2))
    rows, columns = image.shape
    if not all(0 <= x < columns and 0 <= y < rows for x, y in (start, end)):
        raise SpacingError(f"{named}: not in the image of {columns} x {rows} pixels (x, y)")
    length = float(np.hypot(*(end - start)))
    if length < SHORTEST_POINTS_PX:
        raise SpacingError(
            f"{named}: {length:.0f} px apart; take two points at least {SHORTEST_POINTS_PX:.0f} px "
            "apart on the shaft"
        )
    path = start + np.linspace(0, 1, round(length) + 1)[:, None] * (end - start)
    tube = measure_tube(image, path, widest, narrowest)
    fault = _fault(tube, widest, narrowest)
    if fault:
        raise SpacingError(
            f"{named}: no {french:g}F catheter can be measured between them ({fault}); take points "
            "where its shaft is clear, or pass --spacing MM"
        )
    return tube


def _found(image: Frame, french: float, mask: Mask | None, widest: float, narrowest: float) -> Tube:
    """Return the tube that is the catheter's shaft without doubt."""
    rows, columns = image.shape
    vessels = np.zeros(image.shape, dtype=bool) if mask is None else mask
    away = distance_inside(~vessels)
    field = exposed_field(image)
    top = LOWEST_ENTRY * rows
    tubes: list[Tube] = []
    for line in shaft_candidates(
        image, away <= narrowest / 2, field, (narrowest, widest), SHORTEST * columns
    ):
        entry, tip, near = entry_and_tip(line, field)
        if near > ENTRY * columns or entry[1] > top:
            continue
        if vessels.any():
            from_tip, from_entry = _at(away, tip), _at(away, entry)
            length = float(np.hypot(*(tip - entry)))
            if from_tip > TIP * columns or from_entry < from_tip + TOWARDS * length:
                continue
        tube = measure_tube(image, line, widest, narrowest)
        slender = len(tube.path) >= SLENDER * tube.width_px
        if slender and not _fault(tube, widest, narrowest):
            tubes.append(tube)
    if not tubes:
        raise SpacingError(f"no {french:g}F catheter found in the image: {REMEDY}")
    best = max(tubes, key=lambda tube: len(tube.path))
    widths = [tube.width_px for tube in tubes]
    if max(widths) > min(widths) * (1 + AGREE):
        raise SpacingError(
            f"which line is the {french:g}F catheter is not clear ({min(widths):.1f} or "
            f"{max(widths):.1f} px wide): {REMEDY}"
        )
    return best


def _at(values: NDArray[np.float32], point: Points) -> float:
    rows, columns = values.shape
    x, y = np.clip(np.rint(point).astype(int), 0, [columns - 1, rows - 1])
    return float(values[y, x])


def _spread(tube: Tube) -> float:
    """Return the standard deviation of the widths along the tube, robust, over its width."""
    middle = np.median(tube.widths_px)
    return float(1.48 * np.median(np.abs(tube.widths_px - middle))) / tube.width_px


def _fault(tube: Tube, widest: float, narrowest: float) -> str:
    """Return what speaks against a catheter's shaft; nothing where all is well."""
    if tube.dip < LEAST_DIP:
        return "too faint"
    if tube.misfit > MOST_MISFIT or tube.noise > MOST_NOISE:
        return "not a clear dark tube"
    if _spread(tube) > MOST_SPREAD:
        return f"its width varies by {_spread(tube):.0%}"
    if not 1.05 * narrowest < tube.width_px < 0.95 * widest:
        return f"{tube.width_px:.1f} px wide, not {narrowest:.1f} to {widest:.1f}"
    return ""
