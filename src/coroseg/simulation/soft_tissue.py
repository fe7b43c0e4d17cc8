"""How much air the rays pass: lungs less heart, what is around it, and the diaphragm.

The organs are ellipsoids in the patient, so that borders lie where a view has them: the heart's
border beside bright lung, the edge of a dome that the rays touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coroseg.simulation.camera import camera_axes
from coroseg.simulation.heart import Heart
from coroseg.simulation.scene import Array, Map, View
from coroseg.simulation.texture import smooth_noise

# Middles from the heart's middle, and half axes, in mm: left, back, head.
_LUNGS = (((52, 24, 40), (62, 84, 118)), ((-88, 22, 40), (56, 86, 118)))
_DOMES = (((52, 6, -122), (84, 104, 82)), ((-78, 4, -116), (82, 104, 88)))
# The great vessels, the atria, and the fat and liver on which the heart lies.
_MIDDLE = (
    ((-24, 8, 78), (27, 34, 62)),
    ((-26, 18, 22), (38, 34, 46)),
    ((4, 8, -62), (82, 60, 44)),
)
_PLACE_MM = 10.0  # deviations between patients
_SIZE = 0.06
_HEART_SIZE = 1.04  # the pericardium's, as the vessels' surface is 1
_UNEVEN = ((60.0, 4.0), (22.0, 0.9), (8.0, 0.15))  # details of this many mm are moved by as many mm


@dataclass(frozen=True)
class AirMaps:
    """Path lengths in mm: `lung` is lung without heart, `heart` the part of it that heart fills."""

    lung: Map
    heart: Map


def air_maps(rng: np.random.Generator, view: View, heart: Heart) -> AirMaps:
    """Return how far each ray goes through lung, and how much of that the heart takes away."""
    grid = _uneven_grid(rng, view)

    def entered(middle: Array, half_axes: Array, axes: Array | None = None) -> tuple[Map, Map]:
        return _interval(grid, view, middle, half_axes, np.eye(3) if axes is None else axes)

    def of_patient(place: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[Map, Map]:
        middle = np.array(heart.centre_mm) + place[0] + rng.normal(0, _PLACE_MM, 3)
        return entered(middle, np.multiply(place[1], rng.normal(1, _SIZE, 3)))

    lungs = [of_patient(place) for place in _LUNGS]
    solid = [of_patient(place) for place in (*_DOMES, *_MIDDLE)]
    pericardium = entered(
        np.array(heart.centre_mm), np.array(heart.half_axes_mm) * _HEART_SIZE, heart.axes
    )
    lung = np.zeros((view.size, view.size), dtype=np.float32)
    beating = np.zeros_like(lung)
    for inside in lungs:
        air = inside[1] - inside[0]
        for other in solid:
            air -= _shared(inside, other)
        np.maximum(air, 0, out=air)
        lung += air
        beating += np.minimum(_shared(inside, pericardium), air)
    return AirMaps(lung, beating)


def _uneven_grid(rng: np.random.Generator, view: View) -> tuple[Map, Map]:
    """Return x, y of the pixels at the isocentre in mm, a little moved: organs are not so round."""
    axis = ((np.arange(view.size) - (view.size - 1) / 2) * view.spacing_mm).astype(np.float32)
    x = np.tile(axis, (view.size, 1))
    y = x.T
    return x + _wobble(rng, view), y + _wobble(rng, view)


def _wobble(rng: np.random.Generator, view: View) -> Map:
    wobble = np.zeros((view.size, view.size), dtype=np.float32)
    for width_mm, amount_mm in _UNEVEN:
        wobble += np.float32(amount_mm) * smooth_noise(rng, view.size, width_mm / view.spacing_mm)
    return wobble


def _interval(
    grid: tuple[Map, Map], view: View, middle: Array, half_axes: Array, axes: Array
) -> tuple[Map, Map]:
    """Return how far along the ray (mm) it enters and leaves an ellipsoid; both alike: misses it.

    `axes` (3, 3) are the ellipsoid's unit vectors, one a row.
    """
    right, down, detector = camera_axes(view)
    to_unit = axes / half_axes[:, None]
    start = to_unit @ (-view.source_to_isocentre_mm * detector - middle)
    across, along, ahead = (
        (to_unit @ v).astype(np.float32)
        for v in (right, down, view.source_to_isocentre_mm * detector)
    )
    x, y = grid
    squared = x * x * (across @ across) + y * y * (along @ along) + ahead @ ahead
    squared += 2 * (x * (across @ ahead) + y * (along @ ahead) + x * y * (across @ along))
    from32 = start.astype(np.float32)
    b = x * (from32 @ across) + y * (from32 @ along) + np.float32(start @ ahead)
    root = np.sqrt(np.maximum(b * b - squared * np.float32(start @ start - 1), 0))
    mm = np.sqrt(x * x + y * y + np.float32(view.source_to_isocentre_mm**2)) / squared
    return (-b - root) * mm, (-b + root) * mm


def _shared(first: tuple[Map, Map], second: tuple[Map, Map]) -> Map:
    """Return the length that two intervals have in common."""
    length = np.minimum(first[1], second[1]) - np.maximum(first[0], second[0])
    shared: Map = np.maximum(length, 0)
    return shared
