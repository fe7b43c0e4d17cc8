"""Each profile fitted by itself, and whether the model explains it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from coroseg.geometry.edge import (
    BLUR,
    CENTRE,
    CONTRAST,
    LEVEL,
    RADIUS,
    SLOPE,
    Array,
    Fit,
    Prior,
    Profiles,
    blurred_chord,
    fit_profiles,
)
from coroseg.geometry.tree import Marks, Values

FAINTEST = 0.004
"""Dips of the logarithm below a step of 8 bits, 1 / 255, are none."""

LEAST_BACKGROUND = 1.5
MISFIT_DIP, MISFIT_NOISE = 0.35, 2.0
DRIFT_RADII, DRIFT_PX = 0.5, 1.0
RADIUS_RATIO, RADIUS_PX = 2.5, 1.0

UNLIKE, UNLIKE_DIP, THICK_PX = 1.8, 0.05, 4.0

MOST_ERROR_PX, MOST_ERROR = 1.0, 0.125
"""A diameter is less certain than a mask's if its standard deviation is more than both: 1 px, and
an eighth of it."""


def fit_alone(
    profiles: Profiles,
    radius: Array,
    blur_px: float,
    blur_spread: float = 0.0,
    rounds: tuple[int, int] = (2, 1),
) -> tuple[Fit, Prior]:
    """Return the fit of each profile by itself, from the mask's radius on, and what was expected.

    After the first of the `rounds` the noise is known, and with it what the prior is worth.
    """
    start = _first_guess(profiles, radius, blur_px)
    dip = np.exp(start[:, CONTRAST]) * 2 * radius
    deviation = np.zeros_like(start)
    deviation[:, CENTRE] = 0.3 * radius + 0.5
    deviation[:, RADIUS] = 0.5
    deviation[:, CONTRAST] = 1.0
    deviation[:, LEVEL] = 10.0
    deviation[:, SLOPE] = dip / profiles.offset[:, -1]
    deviation[:, BLUR] = blur_spread
    prior = Prior(start, deviation)
    first, second = rounds
    fit = fit_profiles(profiles, start, prior, 0.15 * dip + 1e-3, first)
    fit = fit_profiles(profiles, fit.parameters, prior, smoothed_noise(fit.residual), second)
    return fit, prior


def _first_guess(profiles: Profiles, radius: Array, blur_px: float) -> Array:
    """Return parameters (n, 6) with the mask's radius and the contrast that gives the dip seen."""
    distance = np.abs(profiles.offset)
    inner = profiles.weight * (distance <= np.maximum(0.5 * radius, 0.5)[:, None])
    outer = profiles.weight * (distance >= (radius + blur_px)[:, None])
    means = [
        (weight * profiles.value).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
        for weight in (inner, outer)
    ]
    chord = deepest_chord(radius, np.full(len(radius), blur_px))
    dip = np.maximum(means[1] - means[0], FAINTEST)
    parameters = np.zeros((len(radius), 6))
    parameters[:, RADIUS] = np.log(radius)
    parameters[:, CONTRAST] = np.log(dip / np.maximum(chord, 0.1))
    parameters[:, LEVEL] = means[1]
    parameters[:, BLUR] = np.log(blur_px)
    return parameters


def is_sound(profiles: Profiles, fit: Fit, radius: Array, noise: Array) -> Marks:
    """Return which profiles are explained by the model: the rules of `measure_all_diameters`."""
    fitted, contrast, blur = np.exp(fit.parameters[:, [RADIUS, CONTRAST, BLUR]]).T
    dip = contrast * deepest_chord(fitted, blur)
    beside = np.abs(profiles.offset - fit.parameters[:, [CENTRE]]) > (fitted + blur)[:, None]
    background = (profiles.weight * beside).sum(axis=1)
    error, width = fit.deviation[:, RADIUS], 2 * np.maximum(fitted, radius)
    return np.asarray(
        (background > LEAST_BACKGROUND)
        & (dip > FAINTEST)
        & ((width * error < MOST_ERROR_PX) | (error < MOST_ERROR))
        & (fit.residual < np.maximum(MISFIT_DIP * dip, MISFIT_NOISE * noise))
        & (np.abs(fit.parameters[:, CENTRE]) < DRIFT_RADII * radius + DRIFT_PX)
        & (fitted < RADIUS_RATIO * radius + RADIUS_PX)
        & (fitted > radius / RADIUS_RATIO - RADIUS_PX)
    )


def is_single(fit: Fit) -> Marks:
    """Return which profiles are of one lumen, as far as the model can tell.

    One is not that is wider than `THICK_PX` and missed by more than `UNLIKE` times what the others
    are, and by more than `UNLIKE_DIP` of its own dip: there vessels lie over or beside each other.
    """
    radius, contrast, blur = np.exp(fit.parameters[:, [RADIUS, CONTRAST, BLUR]]).T
    unlike = fit.residual > UNLIKE * np.median(fit.residual)
    unlike &= fit.residual > UNLIKE_DIP * contrast * deepest_chord(radius, blur)
    return np.asarray(~unlike | (2 * radius < THICK_PX))


def deepest_chord(radius: Array, blur: Array) -> Array:
    """Return the blurred chord in the lumen's middle, (n,)."""
    middle = np.zeros((len(radius), 1), dtype=np.float32)
    table = blurred_chord(middle, *(v[:, None].astype(np.float32) for v in (radius, blur)))
    return table[:, 0, 0].astype(np.float64)


def smoothed_noise(deviation: Array) -> Array:
    """Return the noise of a profile from its neighbours' residuals, never quite 0."""
    return np.asarray(np.sqrt(gaussian_filter1d(deviation**2, 5.0)) + 1e-3)


def weighted_median(values: Values, weights: Values) -> float:
    """Return the value that half of the weight lies below."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(share, share[-1] / 2)])
