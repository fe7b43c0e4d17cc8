"""Images of catheters whose outer width is known exactly: made at 3 x 3 points a pixel."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
FINE = 3


def arc(start: tuple[float, float], angle_deg: float, length: float, bend_deg: float = 0) -> Array:
    """Return points (x, y) from `start` on, in a direction that turns by `bend_deg` in all."""
    count = int(length * 2)
    angle = np.radians(angle_deg + np.linspace(0, bend_deg, count))
    steps = length / count * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.array(start) + np.cumsum(steps, axis=0)


def tube_angiogram(
    tubes: list[tuple[Array, Array | float]],
    shape: tuple[int, int],
    *,
    inside: float = 0.8,
    attenuation: float = 0.04,
    blur_px: float = 0.8,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Return the image of tubes: (axis (n, 2), outer width in px, one or (n,)).

    The bore is 0.75 of the width, `inside` how much denser than the wall: -1 is empty. `noise` is
    the standard deviation of the brightness around 0.6.
    """
    y, x = ((np.arange(n * FINE) + 0.5) / FINE - 0.5 for n in shape)
    fine = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    path = np.zeros(len(fine))
    for axis, width in tubes:
        distance, nearest = cKDTree(axis).query(fine, distance_upper_bound=30)
        radius = np.broadcast_to(np.asarray(width) / 2, len(axis))[
            np.minimum(nearest, len(axis) - 1)
        ]
        squared = np.where(np.isfinite(distance), distance, 1e3) ** 2
        for share, density in ((1.0, 1.0), (0.75, inside)):
            path += density * 2 * np.sqrt(np.maximum((share * radius) ** 2 - squared, 0))
    seen = gaussian_filter(np.exp(-attenuation * path).reshape(len(y), len(x)), blur_px * FINE)
    pixels = seen.reshape(shape[0], FINE, shape[1], FINE).mean(axis=(1, 3))
    shade = 0.6 + 0.1 * np.mgrid[: shape[0], : shape[1]][1] / shape[1]
    dots = np.random.default_rng(seed).normal(size=shape)
    return (shade * pixels + noise * dots).astype(np.float32)
