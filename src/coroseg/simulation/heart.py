"""The heart as an ellipsoid: where it lies, and the coordinates in which its vessels are drawn.

Scaled coordinates: along the long axis (+ is the apex), from the septum to the left ventricle, and
from the posterior to the anterior interventricular groove, each in half axes of the ellipsoid, so
that the heart's surface is the unit sphere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Heart:
    """An ellipsoid in the patient.

    The apex lies `azimuth_deg` to the left of straight ahead and `elevation_deg` below the
    horizontal; `roll_deg` turns the septum about the long axis. `half_axes_mm` are those of the
    three scaled coordinates.
    """

    azimuth_deg: float = 45.0
    elevation_deg: float = 33.0
    roll_deg: float = 0.0
    half_axes_mm: tuple[float, float, float] = (57.0, 47.0, 40.0)
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Heart:
        """Return a patient's heart: 10 to 13 cm long, upright to lying."""
        size = rng.normal(1.0, 0.05)
        length, width, height = size * np.array([57.0, 47.0, 40.0]) * rng.normal(1.0, 0.03, 3)
        return cls(
            azimuth_deg=rng.normal(45.0, 6.0),
            elevation_deg=rng.normal(33.0, 6.0),
            roll_deg=rng.normal(0.0, 6.0),
            half_axes_mm=(float(length), float(width), float(height)),
        )

    @cached_property
    def axes(self) -> Array:
        """The unit vectors (3, 3) of the scaled coordinates in the patient, one a row."""
        azimuth, elevation, roll = np.radians([self.azimuth_deg, self.elevation_deg, self.roll_deg])
        apex = np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                -np.cos(azimuth) * np.cos(elevation),
                -np.sin(elevation),
            ]
        )
        level = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
        to_left = np.cos(roll) * level + np.sin(roll) * np.cross(apex, level)
        return np.stack([apex, to_left, np.cross(apex, to_left)])

    def to_patient(self, scaled: ArrayLike) -> Array:
        """Return points (..., 3) of scaled coordinates in the patient, in mm."""
        moved: Array = np.asarray(scaled) * self.half_axes_mm @ self.axes + self.centre_mm
        return moved

    def to_scaled(self, points_mm: ArrayLike) -> Array:
        """Return points (..., 3) of the patient, in mm, in scaled coordinates."""
        scaled: Array = (np.asarray(points_mm) - self.centre_mm) @ self.axes.T / self.half_axes_mm
        return scaled


def on_surface(from_apex_deg: ArrayLike, around_deg: ArrayLike) -> Array:
    """Return scaled points (..., 3) on the heart, as on a globe whose pole is the apex.

    `around_deg` is 0 at the anterior interventricular groove, 90 at the left ventricle's free wall,
    180 at the posterior groove, -90 at the right ventricle's.
    """
    polar, around = np.radians(from_apex_deg), np.radians(around_deg)
    out = np.sin(polar)
    return np.stack([np.cos(polar), out * np.sin(around), out * np.cos(around)], axis=-1)


TYPICAL_HEART = Heart()
