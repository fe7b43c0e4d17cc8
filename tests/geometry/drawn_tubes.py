"""Angiograms of single tubes whose diameter is known exactly."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from coroseg.geometry.tree import Centreline

Array = NDArray[np.float64]
FINE = 6


def straight(start: tuple[float, float], end: tuple[float, float], step: float = 1.0) -> Array:
    """Return points (x, y) from start to end, `step` apart."""
    length = np.hypot(end[0] - start[0], end[1] - start[1])
    share = np.arange(0, length + step / 2, step)[:, None] / length
    return np.array(start) + share * (np.array(end) - start)


def chord_map(points: Array, radius: Array, shape: tuple[int, int]) -> Array:
    """Return the X-ray path through a tube at FINE x FINE points of every pixel."""
    rows, columns = (np.arange(n * FINE) for n in shape)
    y, x = (((axis + 0.5) / FINE - 0.5) for axis in (rows, columns))
    dense = np.linspace(0, len(points) - 1, 8 * len(points))
    along = np.arange(len(points))
    path = np.stack([np.interp(dense, along, axis) for axis in points.T], axis=1)
    width = np.interp(dense, along, radius)
    fine = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    distance, nearest = cKDTree(path).query(fine)
    half = np.sqrt(np.maximum(width[nearest] ** 2 - distance**2, 0))
    return (2 * half).reshape(len(y), len(x))


def pixels(fine: Array) -> Array:
    """Return the mean over each pixel's points."""
    rows, columns = (n // FINE for n in fine.shape)
    return fine.reshape(rows, FINE, columns, FINE).mean(axis=(1, 3))


def angiogram(
    chord: Array,
    *,
    contrast: float = 0.06,
    blur_px: float = 0.8,
    cnr: float = np.inf,
    reference_px: float = 8.0,
    background: Callable[[Array, Array], Array] | float = 0.7,
    black: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Return the image of chords in pixels: attenuation, blur, pixels, noise, in this order.

    `blur_px` is the Gaussian before the pixel's own; `cnr` the contrast of a vessel of
    `reference_px` over the noise of a pixel; `black` what is seen where no X-ray comes.
    """
    seen = pixels(gaussian_filter(np.exp(-contrast * chord), blur_px * FINE, mode="nearest"))
    y, x = np.mgrid[: seen.shape[0], : seen.shape[1]].astype(float)
    level = background(x, y) if callable(background) else np.full_like(seen, background)
    noise = np.random.default_rng(seed).normal(size=seen.shape)
    sigma = level.mean() * (1 - np.exp(-contrast * reference_px)) / cnr
    return (black + level * seen + sigma * noise).astype(np.float32)


def lumen(chord: Array) -> NDArray[np.bool_]:
    """Return the pixels that the tube covers at least by half."""
    return pixels((chord > 0).astype(float)) >= 0.5


def centreline(points: Array, diameter: Array) -> Centreline:
    """Return a centreline that says what a mask would: the diameter."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    no = np.zeros(len(points), dtype=bool)
    return Centreline(
        1, None, None, points, np.concatenate([[0.0], np.cumsum(steps)]), diameter, no, no
    )
