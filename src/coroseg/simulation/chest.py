"""What the rays pass besides contrast: a chest that breathes and in which a heart beats."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from coroseg.simulation.bones import bones
from coroseg.simulation.camera import camera_axes, project
from coroseg.simulation.heart import TYPICAL_HEART, Heart
from coroseg.simulation.marks import folds, foreign, lung_vessels
from coroseg.simulation.motion import Motion
from coroseg.simulation.scene import Map, View
from coroseg.simulation.soft_tissue import AirMaps, air_maps
from coroseg.simulation.texture import blurred, smooth_noise

_TISSUE = 4.0  # natural logarithm: about 20 cm of soft tissue
_AIR_PER_MM = 0.0135  # by which lung attenuates less than soft tissue
_TEXTURES_MM = ((0.8, 0.013), (1.7, 0.015), (4.0, 0.018), (10.0, 0.02), (24.0, 0.024), (60.0, 0.04))
"""Width of the details of tissue and the deviation of each."""
_FULL_LUNG_MM = 60.0  # of air, where the lung's vessels are seen best


@dataclass(frozen=True)
class Chest:
    """Maps of attenuation (natural logarithm): what is still, what breathes, what beats.

    `breathing` is the lungs without a heart, below 0; `beating` is what the heart takes of them.
    The heart shrinks towards `middle_px` (x, y) in systole, breathing moves both by `way_px`.
    """

    still: Map
    breathing: Map
    beating: Map
    motion: Motion
    middle_px: tuple[float, float]
    way_px: tuple[float, float]

    @classmethod
    def drawn(
        cls,
        rng: np.random.Generator,
        view: View,
        *,
        heart: Heart = TYPICAL_HEART,
        motion: Motion | None = None,
    ) -> Chest:
        """Return a chest by lot; `heart` and `motion` are those of the vessels in it."""
        motion = motion or Motion.drawn(rng)
        share = np.float32(_AIR_PER_MM * rng.uniform(0.4, 1.0))
        coarse = _coarser(view)
        air = air_maps(rng, coarse, heart)
        breathing = share * (_lung(rng, coarse, air) - air.lung)
        still = bones(rng, view, heart) + folds(rng, view) + foreign(rng, view)
        still += _tissue(rng, view)
        right, down, _ = camera_axes(view)
        x, y = project(np.array([heart.centre_mm]), view).points[0]
        feet = motion.breath_mm * np.array([right[2], down[2]]) / -view.spacing_mm
        return cls(
            still=still + np.float32(_TISSUE),
            breathing=_enlarged(breathing, view.size),
            beating=_enlarged(share * air.heart, view.size),
            motion=motion,
            middle_px=(float(x), float(y)),
            way_px=(float(feet[0]), float(feet[1])),
        )

    def attenuation(self, seconds: float) -> Map:
        """Return the attenuation (size, size), natural logarithm, at a time of the run."""
        breath = self.motion.breath(seconds) * np.array(self.way_px)
        smaller = 1 - self.motion.contraction / 2 * self.motion.systole(seconds)
        moved = _moved(self.breathing, 1.0, self.middle_px, breath)
        beaten = _moved(self.beating, smaller, self.middle_px, breath)
        # The heart fills no more than there is of lung.
        attenuation: Map = self.still + np.minimum(moved + beaten, np.float32(0.03))
        return attenuation


def _coarser(view: View) -> View:
    """Return the view with about half as many pixels a side: enough for moving, soft borders."""
    side = (view.size + 1) // 2
    return replace(view, size=side, pitch_mm=view.pitch_mm * view.size / side)


def _enlarged(image: Map, size: int) -> Map:
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def _moved(image: Map, scale: float, middle: tuple[float, float], shift: object) -> Map:
    centre = np.array(middle)
    offset = centre * (1 - scale) + np.asarray(shift)
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    moved = cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.float32)


def _tissue(rng: np.random.Generator, view: View) -> Map:
    """Return the uneven attenuation of muscle, fat and skin, about 0."""
    uneven = np.zeros((view.size, view.size), dtype=np.float32)
    for width_mm, deviation in _TEXTURES_MM:
        amount = np.float32(deviation * rng.uniform(0.5, 1.5))
        uneven += amount * smooth_noise(rng, view.size, width_mm / view.spacing_mm)
    axis = np.linspace(-1, 1, view.size, dtype=np.float32)
    slope = rng.normal(0, 0.08, 2).astype(np.float32)
    uneven += slope[0] * axis + slope[1] * axis[:, None]
    return uneven


def _lung(rng: np.random.Generator, view: View, air: AirMaps) -> Map:
    """Return how many mm of tissue the lung's vessels and its unevenness add."""
    px_per_mm = 1 / view.spacing_mm
    amount = np.clip(blurred(air.lung - air.heart, 2 * px_per_mm) / _FULL_LUNG_MM, 0, 1.5)
    patches = sum(
        np.float32(mm) * smooth_noise(rng, view.size, width * px_per_mm)
        for width, mm in ((3.0, 1.6), (7.0, 2.6), (15.0, 2.5))
    )
    vessels = np.float32(rng.uniform(3, 9)) * lung_vessels(rng, view)
    return np.asarray(amount * (vessels + patches), dtype=np.float32)
