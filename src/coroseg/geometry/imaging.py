"""What the image does to vessels: how much it blurs, and which part of the light is scattered.

Both are taken from the edges and the depth of the wide vessels, for the whole image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.geometry.edge import BLUR, FITTED, Array, Profiles
from coroseg.geometry.fitting import fit_alone, is_sound, smoothed_noise, weighted_median
from coroseg.geometry.profiles import Cuts, attenuation, sample_profiles
from coroseg.metrics import Mask

TYPICAL_BLUR_PX = 0.9
BLUR_RANGE_PX = (0.4, 3.0)
BLUR_SPREAD = 0.7

TYPICAL_SCATTER = 0.25
SCATTERS = (0.0, 0.15, 0.3, 0.45)

THICK_RADIUS_PX = 2.0
THICK_CUTS = (20, 60)
"""Both are taken from up to 60 cross-sections of vessels wider than 4 px, at least 20."""

DOUBT = 3.0
"""How much a scatter has to explain better (logarithm of the mean square) than the typical one to
be believed, over the square of their difference: lumens are not quite round."""

UNEXPLAINED = 0.001
"""The model is at least so far off, in the logarithm of the brightness."""


@dataclass(frozen=True)
class Imaging:
    """The blur's standard deviation (pixel included) in pixels, 0.4 to 3, and the scatter.

    `scatter` is the share of the brightness beside a vessel that is there behind it all the same:
    scattered X-rays, or black that is displayed as grey.
    """

    blur_px: float = TYPICAL_BLUR_PX
    scatter: float = TYPICAL_SCATTER


def estimate_imaging(image: Frame, mask: Mask, cuts: Cuts, blur_px: float | None = None) -> Imaging:
    """Return the blur, where it is not known, and the scatter that explain wide vessels best.

    The scatter is 0, 0.15, 0.3 or 0.45, the less likely the further from 0.25. Where fewer than 20
    cross-sections are wider than 4 px, the blur is 0.9 and the scatter 0.25.
    """
    typical = Imaging(blur_px or TYPICAL_BLUR_PX)
    rows = _thick(cuts)
    if len(rows) < THICK_CUTS[0]:
        return typical
    seen = sample_profiles(image, mask, cuts, rows, typical.blur_px)
    return _best(seen, cuts.radius[rows], blur_px)


def _thick(cuts: Cuts) -> NDArray[np.intp]:
    """Return thick cross-sections, evenly spread."""
    rows = np.flatnonzero(~cuts.junction & (cuts.radius >= THICK_RADIUS_PX))
    return rows[:: max(1, -(-len(rows) // THICK_CUTS[1]))]


def _best(seen: Profiles, radius: Array, blur_px: float | None) -> Imaging:
    """Return the scatter that explains the profiles best, and the blur that goes with it."""
    start_px = blur_px or TYPICAL_BLUR_PX
    trials = len(SCATTERS)
    radii = np.tile(radius, trials)
    scatter = np.repeat(SCATTERS, len(radius))
    copies = Profiles(*(np.tile(v, (trials, 1)) for v in (seen.offset, seen.value, seen.weight)))
    profiles = attenuation(copies, radii + start_px, scatter)
    spread = 0.0 if blur_px else BLUR_SPREAD
    fit, _ = fit_alone(profiles, radii, start_px, blur_spread=spread, rounds=(3, 2))
    freedom = np.maximum(profiles.weight.sum(axis=1) - FITTED, 1)
    missed = (1 - scatter) ** 2 * (fit.residual**2 * freedom + UNEXPLAINED**2)
    cost = np.log(missed).reshape(trials, -1).mean(axis=1)
    best = int(np.argmin(cost + DOUBT * (np.array(SCATTERS) - TYPICAL_SCATTER) ** 2))
    sound = is_sound(profiles, fit, radii, smoothed_noise(fit.residual))
    sound &= scatter == SCATTERS[best]
    if blur_px is None and sound.sum() >= THICK_CUTS[0]:
        blur, deviation = fit.parameters[sound, BLUR], fit.deviation[sound, BLUR]
        start_px = float(np.clip(np.exp(weighted_median(blur, deviation**-2)), *BLUR_RANGE_PX))
    return Imaging(start_px, SCATTERS[best])
