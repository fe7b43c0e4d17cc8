"""The outer width of a straight tube in an image, its wall and the image's blur taken into account.

The model of a brightness profile (its logarithm) across the tube is a background that is a straight
line, less the X-ray's path through the wall and through what is inside, blurred: contrast medium or
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares

from coroseg.angiogram import Frame
from coroseg.geometry.edge import blurred_chord, remap
from coroseg.geometry.smoothing import normals
from coroseg.geometry.tree import Points, Values

BLACK = 0.05
"""Added to the brightness before its logarithm, since 0 as displayed is not quite no X-rays."""

STEP = 0.2
"""Samples of a profile are so many px apart."""

MARGIN_PX = 5.0
"""A profile reaches so far beyond the widest tube that is looked for."""

BORE = 0.75
"""Inner over outer diameter: catheters have 0.7 (diagnostic) to 0.9 (guides), which their blurred
image does not tell. It makes a width uncertain by 7 %."""

FILLED, EMPTY = 0.8, -1.0
"""How much denser than its wall a catheter's inside is: with contrast medium, and without. Were the
wall as dense as what fills it, the width would come out 10 % too large."""

FIRST_BLURS_PX = (0.8, 1.2)
BLUR_RANGE_PX = (0.4, 2.5)
"""Standard deviation of the image's blur, a pixel's size included."""

TYPICAL_BLUR_PX, BLUR_PRIOR = 0.9, 0.04

HOLLOW_BETTER = 0.8
"""A hollow tube leaves at most this share of a filled one's misfit, or the tube is filled."""

ROUNDS, SHIFT_PX = 3, 3.6
"""The path is moved on to the tube's middle three times, by up to 3.6 px."""

DIFFERENCE = 0.02
"""Relative step of the derivatives: the table of chords is not smooth below."""

MOST_PIECES = 16

BEND = 3
"""Degree of the polynomial that the tube's middle follows."""


@dataclass(frozen=True)
class Tube:
    """A tube's outer width in px: `widths_px` (k,) are those of its pieces, each longer than wide.

    `dip` is its depth in logarithms of brightness, `misfit` what the model leaves of the mean
    profile, `noise` of one piece's, as shares of the dip.
    """

    path: Points
    width_px: float
    widths_px: Values
    hollow: bool
    dip: float
    misfit: float
    noise: float


def measure_tube(image: Frame, path: Points, widest_px: float, narrowest_px: float) -> Tube:
    """Return the tube that runs near `path` (n, 2), its points 1 px apart.

    `image` is 0 = black to 1 = white, the tube dark. Widths are looked for from `narrowest_px` to
    `widest_px`; the tube is filled or hollow, whichever explains the image better.
    """
    offset = np.arange(-widest_px / 2 - MARGIN_PX, widest_px / 2 + MARGIN_PX + STEP / 2, STEP)
    radii = np.geomspace(narrowest_px / 2, widest_px / 2, 12)
    for _ in range(ROUNDS):
        strip = _strip(image, path, offset)
        mean = strip.mean(axis=0)
        guesses = [
            (_first_guess(offset, mean, radii, inside), inside) for inside in (FILLED, EMPTY)
        ]
        path = _centred(path, offset, strip, *_better(offset, mean, guesses))
    strip = _strip(image, path, offset)
    mean = strip.mean(axis=0)
    limits = narrowest_px, widest_px
    shapes = [(_refined(offset, mean, shape, inside, limits), inside) for shape, inside in guesses]
    shape, inside = _better(offset, mean, shapes)
    width = float(shape[:2].sum())
    near = np.abs(offset) <= width / 2 + MARGIN_PX
    whole = _fit(offset[near], mean[near], shape, inside)
    pieces = np.array_split(strip, int(np.clip(len(strip) / width, 2, MOST_PIECES)))
    fits = [_piece(offset[near], piece.mean(axis=0)[near], shape, inside) for piece in pieces]
    dip = max(whole.dip, 1e-9)
    return Tube(
        path=path,
        width_px=width,
        widths_px=np.array([value for value, _ in fits]),
        hollow=inside < 0,
        dip=whole.dip,
        misfit=whole.residual / dip,
        noise=float(np.median([residual for _, residual in fits])) / dip,
    )


def _better(
    offset: Values, profile: Values, shapes: list[tuple[Values, float]]
) -> tuple[Values, float]:
    """Return the shape and filling that explain the profile better."""
    filled, hollow = (_fit(offset, profile, *each).residual for each in shapes)
    return shapes[int(hollow < HOLLOW_BETTER * filled)]


@dataclass(frozen=True)
class _Fit:
    dip: float
    error: Values

    @property
    def residual(self) -> float:
        return float(np.sqrt((self.error**2).mean()))


def _chord(offset: Values, shape: Values, inside: float) -> tuple[Values, Values]:
    """Return the blurred path through the tube's material, (n,), and its variance over the blur.

    `shape` is how far the tube reaches to the left and to the right and the blur's standard
    deviation, all in px.
    """
    left, right, blur = shape
    radius = (left + right) / 2
    across = np.broadcast_to(offset - (right - left) / 2, (2, len(offset))).astype(np.float32)
    radii = np.array([[radius], [BORE * radius]], dtype=np.float32)
    tables = blurred_chord(across, radii, np.full((2, 1), blur, dtype=np.float32)).astype(float)
    (whole, *_, spread), (inner, *_, inner_spread) = tables.transpose(0, 2, 1)
    # Both chords fall towards the edges together, so that their deviations add up.
    deviation = np.sqrt(spread) + inside * np.sqrt(inner_spread)
    return whole + inside * inner, deviation**2


def _fit(offset: Values, profile: Values, shape: Values, inside: float) -> _Fit:
    """Return the least squares in attenuation and background."""
    chord, variance = _chord(offset, shape, inside)
    columns = np.stack([chord, np.ones_like(offset), offset / offset[-1]], axis=1)
    straight = profile
    for _ in range(2):
        attenuation, *level = np.linalg.lstsq(columns, straight, rcond=None)[0]
        # What is blurred is brightness: its logarithm is brighter than the blurred logarithm.
        lifted = attenuation**2 * variance / 2
        straight = profile - lifted
    error = straight - columns[:, 1:] @ level - min(attenuation, 0.0) * chord
    return _Fit(float(-attenuation * chord.max()), error)


def _first_guess(offset: Values, profile: Values, radii: Values, inside: float) -> Values:
    """Return the shape on a coarse grid that explains the profile best."""
    shapes = [np.array([radius, radius, blur]) for radius in radii for blur in FIRST_BLURS_PX]
    return min(shapes, key=lambda shape: _fit(offset, profile, shape, inside).residual)


def _refined(
    offset: Values, profile: Values, shape: Values, inside: float, limits: tuple[float, float]
) -> Values:
    """Return the shape that explains the profile best, all three of its numbers free."""
    low = [0.35 * limits[0], 0.35 * limits[0], BLUR_RANGE_PX[0]]
    high = [0.6 * limits[1], 0.6 * limits[1], BLUR_RANGE_PX[1]]
    found = least_squares(
        lambda free: _with_prior(_fit(offset, profile, free, inside), free[2]),
        np.clip(shape, np.add(low, 1e-3), np.subtract(high, 1e-3)),
        bounds=(low, high),
        diff_step=DIFFERENCE,
        max_nfev=25,
    )
    return np.asarray(found.x)


def _with_prior(fit: _Fit, blur_px: float) -> Values:
    """Return the errors and one more: in thin tubes only the typical blur tells blur from width."""
    return np.append(fit.error, BLUR_PRIOR * fit.dip * np.log(blur_px / TYPICAL_BLUR_PX))


def _piece(offset: Values, profile: Values, shape: Values, inside: float) -> tuple[float, float]:
    """Return the width of one piece, the blur known, and the model's residual."""
    found = least_squares(
        lambda free: _fit(offset, profile, np.array([*free, shape[2]]), inside).error,
        shape[:2],
        bounds=(0.3 * shape[:2], 1.8 * shape[:2]),
        diff_step=DIFFERENCE,
        max_nfev=12,
    )
    return float(found.x.sum()), float(np.sqrt((found.fun**2).mean()))


def _strip(image: Frame, path: Points, offset: Values) -> Values:
    """Return the logarithm of the brightness across the path, (n, samples)."""
    normal = normals(path)
    x, y = ((path[:, k, None] + normal[:, k, None] * offset).astype(np.float32) for k in (0, 1))
    brightness = np.maximum(remap(image, x, y, cv2.INTER_CUBIC), 0)
    return np.log(brightness.astype(np.float64) + BLACK)


def _centred(path: Points, offset: Values, strip: Values, shape: Values, inside: float) -> Points:
    """Return the path moved to the middle of the dips, along a smooth curve."""
    length = max(4, round(shape[:2].sum()))
    smooth = gaussian_filter1d(strip, length / 2, axis=0, mode="nearest")
    dark = _chord(offset, shape, inside)[0]
    dark = dark - dark.mean()
    reach = round(SHIFT_PX / STEP)
    shifts = np.arange(-reach, reach + 1)
    # A straight background is no dip: it is taken away before the profile is compared.
    flat = np.stack([np.ones_like(offset), offset], axis=1)
    level = smooth - (flat @ np.linalg.lstsq(flat, smooth.T, rcond=None)[0]).T
    match = np.stack([-(level * np.roll(dark, shift)).sum(axis=1) for shift in shifts], axis=1)
    moved = STEP * shifts[match.argmax(axis=1)]
    along = np.linspace(-1, 1, len(path))
    bend = np.polyval(np.polyfit(along, moved, BEND), along)
    return path + normals(path) * bend[:, None]
