"""How much the image blurs, from the edges of its wide vessels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coroseg.angiogram import Frame
from coroseg.geometry.edge import BLUR
from coroseg.geometry.fitting import fit_alone, is_sound, smoothed_noise, weighted_median
from coroseg.geometry.profiles import Cuts, attenuation, find_cuts, sample_profiles
from coroseg.geometry.tree import Centreline
from coroseg.metrics import Mask

TYPICAL_BLUR_PX = 0.9
BLUR_RANGE_PX = (0.4, 3.0)
THICK_RADIUS_PX = 2.0
THICK_CUTS = (20, 300)
"""The blur is taken from up to 300 cross-sections of vessels wider than 4 px, at least 20."""



def estimate_blur_px(image: Frame, mask: Mask, centrelines: Sequence[Centreline]) -> float:
    """Return the standard deviation of the image's blur (pixel included) in pixels, 0.4 to 3.

    It is the weighted median of those that explain the edges of the wide vessels best; 0.9 where
    fewer than 20 cross-sections are wider than 4 px.
    """
    if not centrelines:
        return TYPICAL_BLUR_PX
    cuts = find_cuts(centrelines)
    rows = _thick(cuts, THICK_RADIUS_PX, THICK_CUTS[1])
    if len(rows) < THICK_CUTS[0]:
        return TYPICAL_BLUR_PX
    radius = cuts.radius[rows]
    seen = sample_profiles(image, mask, cuts, rows, TYPICAL_BLUR_PX)
    profiles = attenuation(seen, radius + TYPICAL_BLUR_PX)
    fit, _ = fit_alone(profiles, radius, TYPICAL_BLUR_PX, blur_spread=0.7, rounds=(4, 6))
    sound = is_sound(profiles, fit, radius, smoothed_noise(fit.residual))
    if sound.sum() < THICK_CUTS[0]:
        return TYPICAL_BLUR_PX
    blur, deviation = fit.parameters[sound, BLUR], fit.deviation[sound, BLUR]
    return float(np.clip(np.exp(weighted_median(blur, deviation**-2)), *BLUR_RANGE_PX))


def _thick(cuts: Cuts, radius_px: float, most: int) -> NDArray[np.intp]:
    """Return at most so many cross-sections that are this thick, evenly spread."""
    rows = np.flatnonzero(~cuts.junction & (cuts.radius >= radius_px))
    return rows[:: max(1, -(-len(rows) // most))]
