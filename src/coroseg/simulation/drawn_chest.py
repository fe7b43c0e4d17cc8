"""What lies behind the vessels of a drawn angiogram, and how the heart moves.

Attenuations are natural logarithms; the image's side is 1, y runs downwards.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.floating[Any]]

_TEXTURES = ((0.3, 0.09), (0.08, 0.025), (0.025, 0.018), (0.008, 0.013), (0.004, 0.009))
"""Width of the details and deviation of each layer of smooth noise."""


def background(rng: np.random.Generator, size: int) -> tuple[Image, Image]:
    """Return the attenuation of the resting chest and of the heart, which moves."""
    y, x = _axes(size)
    chest: Image = np.zeros((size, size), dtype=np.float32)
    for width, amplitude in _TEXTURES:
        chest += amplitude * _texture(rng, size, width)
    spine_x = rng.uniform(0.16, 0.26) + 0.05 * (y - 0.5)
    spine = _band(x - spine_x, 0.10, 0.005)
    period = 0.19
    disc = np.abs((y + 0.03 * x + rng.uniform(0, period)) % period - period / 2)
    chest += spine * (
        0.20 - 0.05 * _band(disc, 0.014, 0.006) + 0.05 * _band(disc - 0.022, 0.004, 0.003)
    )
    for place in np.arange(-0.1, 1.1, 0.19) + rng.uniform(0, 0.1):
        centre = y - place + 0.35 * (x - 0.5) * (x - 0.1)
        rib = _band(centre, 0.024, 0.006) + 0.8 * _band(np.abs(centre) - 0.022, 0.0035, 0.003)
        chest += 0.05 * rib * sigmoid((x - 0.35) / 0.08)
    dome = 0.88 + 0.35 * (x - rng.uniform(0.5, 0.9)) ** 2
    chest += 0.30 * sigmoid((y - dome) / 0.006)
    border = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    chest += 2.2 * sigmoid((0.009 - border) / 0.003)

    radius = np.hypot((x - 0.40) / 0.56, (y - 0.68 - 0.15 * (x - 0.4)) / 0.60)
    radius += 0.035 * _texture(rng, size, 0.5)
    heart = (0.26 * sigmoid((1 - radius) / 0.016)).astype(np.float32)
    heart += 0.012 * _texture(rng, size, 0.02) * heart
    chest += -np.log(0.60) - np.median(chest + heart)
    return chest.astype(np.float32), heart.astype(np.float32)


def heart_motion(size: int, phase: float) -> tuple[Image, Image]:
    """Return where each pixel comes from (x, y) at this phase of the beat; the border stays."""
    y, x = _axes(size)
    weight = np.exp(-((x - 0.55) ** 2 + (y - 0.5) ** 2) / (2 * 0.3**2))
    squeeze, turn = 0.022 * np.sin(phase), 0.012 * np.sin(phase + 0.7)
    dx = weight * (squeeze * (x - 0.5) - turn * (y - 0.45) + 0.006 * np.cos(phase))
    dy = weight * (squeeze * (y - 0.45) + turn * (x - 0.5) + 0.008 * np.sin(phase + 0.3))
    to_pixels = (np.asarray((a * size - 0.5), dtype=np.float32) for a in (x + dx, y + dy))
    from_x, from_y = to_pixels
    return from_x, from_y


def _texture(rng: np.random.Generator, size: int, width: float) -> Image:
    """Return smooth noise of mean 0 and deviation 1 whose details are `width` of the side."""
    coarse = max(4, int(3 / width))
    noise = rng.standard_normal((coarse, coarse), dtype=np.float32)
    smooth = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float32)


def _axes(size: int) -> tuple[Image, Image]:
    """Return (y, x) of the pixels' centres, the side being 1, to be broadcast."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    return axis[:, np.newaxis], axis[np.newaxis]


def _band(distance: Image, half_width: float, edge: float) -> Image:
    return sigmoid((half_width - np.abs(distance)) / edge)


def sigmoid(x: Image) -> Image:
    """Return 1 / (1 + exp(-x)), from 0 to 1 around x = 0."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)
