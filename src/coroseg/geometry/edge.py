"""The edge model of a vessel's cross-section, fitted to many profiles at once.

X-rays cross a round lumen of radius r along chords c = 2 sqrt(r^2 - x^2). By Beer-Lambert's law the
logarithm of the brightness falls by the chord's length times the attenuation of the contrast medium
(`contrast` m, a pixel of chord), on a background that is a straight line. The image's blur, a
Gaussian G, comes before the logarithm: log G(exp(-m c)) = -m G(c) + m^2 / 2 (G(c^2) - G(c)^2),
the cumulants of c to the second.

Wide vessels give their radius by the place of their edges. In those narrower than the blur only the
area of the dip is left, m pi r^2, which is why a prior on the contrast, known from the wide parts,
gives their radius (densitometry).

All lengths are in pixels. A fit's parameters are the columns `CENTRE` to `BLUR`; radius, contrast
and blur are logarithms, so that they stay positive and a deviation is a relative one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]
Samples = NDArray[np.float32]

CENTRE, RADIUS, CONTRAST, LEVEL, SLOPE, BLUR = range(6)

TABLE_STEP = 0.125
MAX_RADIUS = 40.0
MAX_OFFSET = 64.0
"""The table of blurred chords, in units of the blur. Beyond it a vessel counts as more blurred
than it is, by less than a fortieth of its radius."""

REMAP_ROWS = 32_000
"""OpenCV refuses more than 32,766."""

LONGEST_STEP = (1.5, 0.5, 1.0, np.inf, np.inf, 0.3)
FITTED = 4
"""Samples that the parameters explain by themselves."""

OUTLIER = 2.0
"""Samples further from the model than this many times the noise lose their weight (Cauchy)."""


@dataclass(frozen=True)
class Profiles:
    """Profiles across a vessel: `offset` from the centreline, `value` brightness or its logarithm.

    All are (n, samples); `weight` is 0 where a sample is not to be used.
    """

    offset: Samples
    value: Samples
    weight: Samples


@dataclass(frozen=True)
class Prior:
    """What is expected of the parameters before the fit: both are (n, 6)."""

    mean: Array
    deviation: Array


@dataclass(frozen=True)
class Fit:
    """Parameters (n, 6), and the residuals' standard deviation (n,).

    `precision` (n, k, k) is the inverse of the covariance of the k parameters that are `free`.
    """

    parameters: Array
    residual: Array
    free: NDArray[np.intp]
    precision: Array

    @cached_property
    def deviation(self) -> Array:
        """The parameters' standard deviations (n, 6); 0 for one that is not free."""
        deviation = np.zeros_like(self.parameters)
        variance = np.diagonal(np.linalg.inv(self.precision), axis1=1, axis2=2)
        deviation[:, self.free] = np.sqrt(variance)
        return deviation


def fit_profiles(
    profiles: Profiles, start: Array, prior: Prior, noise: Array, rounds: int = 4
) -> Fit:
    """Return the parameters that explain each profile best, by damped Gauss-Newton steps.

    `start` is (n, 6), `noise` (n,) the deviation of a sample. A parameter whose prior deviation is
    0 stays as it is.
    """
    free = np.flatnonzero(prior.deviation.any(axis=0))
    mean, precision = prior.mean[:, free], prior.deviation[:, free] ** -2.0
    longest = np.array(LONGEST_STEP)[free]
    diagonal = np.arange(len(free))
    parameters = start.copy()
    variance = (noise[:, None] ** 2).astype(np.float32)
    for _ in range(rounds):
        model, slopes = edge_model(profiles.offset, parameters, free)
        missed = profiles.value - model
        weighted = slopes * (profiles.weight / (variance + (missed / OUTLIER) ** 2))
        normal = np.einsum("ins,jns->nij", weighted, slopes).astype(np.float64)
        normal[:, diagonal, diagonal] += precision
        pull = np.einsum("ins,ns->ni", weighted, missed) + precision * (mean - parameters[:, free])
        step = np.linalg.solve(normal, pull[..., None])[..., 0]
        parameters[:, free] += np.clip(step, -longest, longest)
    return Fit(parameters, _deviation(missed, profiles.weight), free, normal)


def edge_model(
    offset: Samples, parameters: Array, free: NDArray[np.intp]
) -> tuple[Samples, Samples]:
    """Return the model's values (n, samples) and their derivatives (parameters, n, samples).

    The derivatives are those without the second cumulant, near enough for a step.
    """
    centre, log_radius, log_contrast, level, slope, log_blur = (
        column[:, None] for column in parameters.T.astype(np.float32)
    )
    radius, contrast, blur = np.exp(log_radius), np.exp(log_contrast), np.exp(log_blur)
    from_centre = offset - centre
    table = blurred_chord(from_centre, radius, blur)
    chord, by_offset, by_radius, variance = (table[..., k] for k in range(4))
    dip = contrast * chord
    model = level + slope * offset - dip + contrast**2 / 2 * variance
    slopes = np.empty((len(free), *offset.shape), dtype=np.float32)
    for k, parameter in enumerate(free):
        if parameter == CENTRE:
            slopes[k] = contrast * by_offset
        elif parameter == RADIUS:
            slopes[k] = -contrast * radius * by_radius
        elif parameter == CONTRAST:
            slopes[k] = -dip
        elif parameter == LEVEL:
            slopes[k] = 1
        elif parameter == SLOPE:
            slopes[k] = offset
        else:  # the blurred chord is homogeneous in offset, radius and blur (Euler's theorem)
            slopes[k] = contrast * (from_centre * by_offset + radius * by_radius) - dip
    return model, slopes


def blurred_chord(offset: Samples, radius: Samples, blur: Samples) -> Samples:
    """Return (n, samples, 4): the blurred chord, its slopes by offset and radius, its variance.

    The variance is that of the chords that the blur mixes. `offset` is (n, samples), `radius` and
    `blur` (n, 1). Linear interpolation in a table.
    """
    blur = np.maximum(blur, radius / np.float32(MAX_RADIUS))
    scale = np.float32(1 / TABLE_STEP) / blur
    column = np.abs(offset) * scale
    row = np.broadcast_to(radius * scale, offset.shape)
    values = remap(_chords(), column, row, cv2.INTER_LINEAR)
    values[..., 0] *= blur
    values[..., 1] *= np.sign(offset)
    values[..., 3] *= blur**2
    return values


def remap(source: Samples, x: Samples, y: Samples, interpolation: int) -> Samples:
    """Return `source` at (n, samples) places, its border going on outside, for any n."""
    blocks = [
        cv2.remap(source, x[rows], y[rows], interpolation, borderMode=cv2.BORDER_REPLICATE)
        for rows in (slice(k, k + REMAP_ROWS) for k in range(0, len(x), REMAP_ROWS))
    ]
    return np.asarray(np.concatenate(blocks), dtype=np.float32)


@cache
def _chords() -> NDArray[np.float32]:
    """Return the table for a blur of 1: (radii, offsets, 4), as `blurred_chord` gives them."""
    radius = np.arange(0, MAX_RADIUS + TABLE_STEP, TABLE_STEP)[:, None]
    columns = round(MAX_OFFSET / TABLE_STEP)
    edges = (np.arange(-columns, columns + 2) - 0.5) * TABLE_STEP
    inside = np.clip(edges / np.maximum(radius, TABLE_STEP / 9), -1, 1)
    # The means over a cell, of the chord, its square and its derivative by the radius, are exact.
    area = radius**2 * (inside * np.sqrt(1 - inside**2) + np.arcsin(inside))
    chord = np.diff(area, axis=1) / TABLE_STEP
    stretch = radius * inside
    square = np.diff(4 * (radius**2 * stretch - stretch**3 / 3), axis=1) / TABLE_STEP
    by_radius = np.diff(2 * radius * np.arcsin(inside), axis=1) / TABLE_STEP
    deviation = np.sqrt(1 / TABLE_STEP**2 - 1 / 12)  # the cell is a part of the blur
    chord, square, by_radius = (
        gaussian_filter1d(table, deviation, axis=1, truncate=5)
        for table in (chord, square, by_radius)
    )
    by_offset = np.gradient(chord, TABLE_STEP, axis=1)
    tables = [chord, by_offset, by_radius, np.maximum(square - chord**2, 0)]
    return np.stack(tables, axis=-1)[:, columns:].astype(np.float32)


def _deviation(missed: Samples, weight: Samples) -> Array:
    """Return the deviation of the samples from the model, (n,)."""
    freedom = np.maximum(weight.sum(axis=1) - FITTED, 1)
    return np.asarray(np.sqrt((weight * missed**2).sum(axis=1) / freedom), dtype=np.float64)
