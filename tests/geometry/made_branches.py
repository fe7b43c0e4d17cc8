"""Branches whose diameters, and lesions, are known exactly; points are half a pixel apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.stenosis import find_stenoses
from coroseg.geometry.tree import Centreline, Diameters, Stenosis

Array = NDArray[np.float64]
STEP = 0.5
START = (20.0, 30.0)  # x, y


def line(
    count: int,
    junctions: Sequence[tuple[int, int]] = (),
    parent: int | None = None,
    scale: float = 1.0,
) -> Centreline:
    """Return a straight branch to the right; `junctions` are its first and last points."""
    arc = scale * STEP * np.arange(count)
    junction = np.zeros(count, dtype=bool)
    for first, last in junctions:
        junction[first : last + 1] = True
    points = np.stack([START[0] + arc, np.full(count, START[1])], axis=1)
    at = None if parent is None else 7
    no = np.zeros(count, dtype=bool)
    return Centreline(3, parent, at, points, arc, np.full(count, 4.0), junction, no)


def measured(centreline: Centreline, px: Array, confidence: float = 0.9) -> Diameters:
    """Return diameters that are not known at junctions."""
    px = np.where(centreline.junction, np.nan, px)
    known = np.isfinite(px)
    return Diameters(px, known, np.where(known, confidence, 0.0))


def lesion(count: int, middle: float, length: float, stenosis: float) -> Array:
    """Return what a lesion leaves of the diameter: a cosine of `length` points."""
    off = np.clip((np.arange(count) - middle) / length, -0.5, 0.5)
    return 1 - stenosis * (1 + np.cos(2 * np.pi * off)) / 2


def plateau(count: int, first: int, last: int, stenosis: float) -> Array:
    """Return what a narrowing of sharp ends leaves of the diameter."""
    at = np.arange(count)
    return np.where((at >= first) & (at <= last), 1 - stenosis, 1.0)


def noise(seed: int, count: int, deviation: float) -> Array:
    """Return factors around 1 with noise that goes on over a few points, as measures' does."""
    white = gaussian_filter1d(np.random.default_rng(seed).normal(size=count), 3)
    return 1 + deviation * white / white.std()


def angiogram(px: Array, attenuation: float = 0.05) -> tuple[NDArray[np.float32], Array]:
    """Return the image of `line(len(px))` with these diameters and its rows' and columns' y."""
    rows, columns = 60, 60 + int(STEP * len(px))
    y, x = np.mgrid[:rows, :columns].astype(float)
    width = np.interp(x, START[0] + STEP * np.arange(len(px)), px, left=0, right=0)
    chord = 2 * np.sqrt(np.maximum((width / 2) ** 2 - (y - START[1]) ** 2, 0))
    return (0.8 * np.exp(-attenuation * chord)).astype(np.float32), width


def found(centreline: Centreline, px: Array, confidence: float = 0.9) -> tuple[Stenosis, ...]:
    """Return the narrowings of a branch of known diameters in a clean image."""
    image, width = angiogram(np.nan_to_num(px))
    mask = np.abs(np.mgrid[: image.shape[0], : image.shape[1]][0] - START[1]) <= width / 2
    diameters = measured(centreline, px, confidence)
    reference = reference_diameter(centreline, diameters)
    return find_stenoses(centreline, diameters, reference, image, mask & (width > 0))
