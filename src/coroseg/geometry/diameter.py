"""The lumen's diameter along centrelines, measured on the image.

From profile to diameter: the image is straightened (`profiles`), each profile is fitted by itself
(`edge`), the contrast medium's attenuation along each branch is learnt from the profiles that know
it, and each profile is fitted again with that knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from coroseg.angiogram import Frame
from coroseg.geometry.edge import CONTRAST, RADIUS, Array, Fit, fit_profiles
from coroseg.geometry.fitting import fit_alone, is_single, is_sound, smoothed_noise, weighted_median
from coroseg.geometry.imaging import estimate_imaging
from coroseg.geometry.profiles import Cuts, attenuation, find_cuts, sample_profiles
from coroseg.geometry.tree import Centreline, Diameters
from coroseg.metrics import Mask

CONTRAST_SPREAD = 0.1
"""How much the attenuation at one place differs from that of its branch: the blood is mixed, though
lumens are not round. It tells a lesion that the mask has too wide from a faint wide lumen."""

RADIUS_SPREAD = 0.3
"""How much the radius differs from the mask's, where the attenuation is known."""

CONTRAST_OUTLIER = 0.7
"""Logarithms further from the branch's median count as being that far from it."""

CONTRAST_REACH_PX = 15.0
"""Deviation of the Gaussian that smooths the attenuation along a branch."""

APART = 0.3
"""Profiles are so many radii apart along the vessel, as far as they are averaged, and 1 px."""

MASK_ERROR_PX, MASK_ERROR = 1.0, 0.25
"""Standard deviation of a diameter that comes from the mask: 1 px, at least a quarter of it."""


def measure_all_diameters(
    image: Frame, mask: Mask, centrelines: Sequence[Centreline], *, blur_px: float | None = None
) -> list[Diameters]:
    """Return the lumen's diameters in px along each of the centrelines.

    `blur_px` is the standard deviation of the image's blur; it is estimated where it is None. At
    junctions, and where two vessels look like one (`is_single`), the diameter is nan, with no
    confidence. Otherwise it comes from the image, unless the dip is less than a step of 8 bits,
    less than 1.5 px of background are beside it, the fit is less certain than a mask (its standard
    deviation is an eighth or more, and 1 px or more for a lumen as wide as the mask's), the model
    misses the profile by more than 0.35 of its dip and twice the noise around, the lumen's middle
    is further than half a radius + 1 px from the centreline, or the radius is not within 2.5 times
    the mask's (+- 1 px): then it is the mask's. Confidence is 1 - 2 x standard deviation /
    diameter, at least 0; the deviation is the fit's own; for the mask's 1 px, and at least a
    quarter.
    """
    if not centrelines:
        return []
    cuts = find_cuts(centrelines)
    imaging = estimate_imaging(image, mask, cuts, blur_px)
    blur_px = imaging.blur_px
    rows = _apart(cuts)
    px = np.full(len(cuts.radius), np.nan)
    from_edge, confidence = np.zeros(len(px), dtype=bool), np.zeros(len(px))
    if len(rows) > 0:
        radius = cuts.radius[rows]
        seen = sample_profiles(image, mask, cuts, rows, blur_px)
        profiles = attenuation(seen, radius + blur_px, imaging.scatter)
        fit, prior = fit_alone(profiles, radius, blur_px)
        prior.mean[:, CONTRAST] = _contrast_along(fit, cuts, rows)
        prior.deviation[:, CONTRAST] = CONTRAST_SPREAD
        prior.deviation[:, RADIUS] = RADIUS_SPREAD
        noise = smoothed_noise(fit.residual)
        fit = fit_profiles(profiles, fit.parameters, prior, noise, 3)
        sound = is_sound(profiles, fit, radius, noise)
        width = np.where(sound, 2 * np.exp(fit.parameters[:, RADIUS]), 2 * radius)
        mask_error = np.maximum(MASK_ERROR_PX, MASK_ERROR * width)
        sure = np.clip(1 - 2 * np.where(sound, fit.deviation[:, RADIUS], mask_error / width), 0, 1)
        width[~is_single(fit)] = np.nan
        open_ = np.flatnonzero(~cuts.junction)
        px[open_] = np.interp(open_, rows, width)
        known = np.flatnonzero(np.isfinite(px))
        from_edge[known] = np.interp(known, rows, sound) > 1 / 2
        confidence[known] = np.interp(known, rows, sure)
    ends = np.cumsum([len(line.points) for line in centrelines])[:-1]
    parts = (np.split(values, ends) for values in (px, from_edge, confidence))
    return [Diameters(*each) for each in zip(*parts, strict=True)]


def _apart(cuts: Cuts) -> NDArray[np.intp]:
    """Return the rows outside junctions, `APART` radii and 1 px apart, and the ends of each run.

    Profiles that are closer tell the same thing twice.
    """
    row = np.arange(len(cuts.junction))
    known = ~cuts.junction
    before, after = np.roll(known, 1) & (row > cuts.first), np.roll(known, -1) & (row < cuts.last)
    count = np.cumsum(cuts.step_px / np.maximum(APART * cuts.radius, 1)) + 1e-6
    turn = np.diff(np.floor(count), prepend=0) > 0
    return np.flatnonzero(known & (~before | ~after | turn))


def _contrast_along(fit: Fit, cuts: Cuts, rows: NDArray[np.intp]) -> Array:
    """Return the logarithm of the attenuation to expect of each profile, (n,).

    It is the running mean of its branch's profiles, by their precision, and leans to the tree's
    where the branch knows little.
    """
    value = fit.parameters[:, CONTRAST]
    precision = 1 / (fit.deviation[:, CONTRAST] ** 2 + CONTRAST_SPREAD**2)
    tree = weighted_median(value, precision)
    expected = np.empty_like(value)
    branches = np.split(np.arange(len(value)), np.flatnonzero(np.diff(cuts.first[rows])) + 1)
    for one in branches:
        middle = weighted_median(value[one], precision[one])
        near = np.clip(value[one], middle - CONTRAST_OUTLIER, middle + CONTRAST_OUTLIER)
        length_px = cuts.step_px[rows[one[0]]] * (rows[one[-1]] - rows[one[0]] + 1)
        reach = CONTRAST_REACH_PX * len(one) / length_px
        known = gaussian_filter1d(precision[one], reach, mode="constant")
        sums = gaussian_filter1d(precision[one] * near, reach, mode="constant")
        expected[one] = (sums + tree) / (known + 1.0)
    return expected
