"""Polylines: evenly spaced, smooth, with normals."""

from __future__ import annotations

import numpy as np
from scipy.fft import dst, idst
from scipy.ndimage import gaussian_filter1d

from coroseg.geometry.tree import Points, Values


def arc_length(points: Points) -> Values:
    """Return how far each point is from the first along the line, in pixels."""
    steps = np.hypot(*np.diff(points[:, :2], axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def resample(points: Points, step: float) -> Points:
    """Return points (n, 2 or more) at even distances close to `step`, first and last kept.

    Further columns than x and y are values that go along.
    """
    arc = arc_length(points)
    count = max(round(arc[-1] / step), 1) + 1
    even = np.linspace(0, arc[-1], count)
    return np.stack([np.interp(even, arc, column) for column in points.T], axis=1)


def smooth(values: Points, sigma: float, *, closed: bool = False) -> Points:
    """Return the columns of `values` smoothed along the first axis, first and last row kept.

    A Gaussian of `sigma` rows draws a curve of radius R inwards by sigma² / 2R; smoothing what it
    took away and giving it back leaves an error of the square of that (Tukey's twicing). Beyond its
    ends a line goes on as its own mirror image through them; a `closed` one goes round.
    """
    if closed:
        once = _around(values, sigma)
        return once + _around(values - once, sigma)
    last = len(values) - 1
    if last < 2:  # noqa: PLR2004  # nothing between first and last
        return values.copy()
    straight = np.linspace(values[0], values[-1], last + 1)
    # Less its chord, such a line is a sum of sines, of which the Gaussian leaves a share of each.
    share = np.exp(-((np.pi * sigma / last * np.arange(1, last)) ** 2) / 2)
    waves = dst((values - straight)[1:-1], type=1, axis=0) * (1 - (1 - share) ** 2)[:, None]
    straight[1:-1] += idst(waves, type=1, axis=0)
    return straight


def _around(values: Points, sigma: float) -> Points:
    ring = gaussian_filter1d(values[:-1], sigma, axis=0, mode="wrap")
    return np.concatenate([ring, ring[:1]])


def normals(points: Points) -> Points:
    """Return the unit normals of a line: its direction turned from x towards y.

    The image's y is down, so that they point to the right of who goes along.
    """
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-12)[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
