"""The guiding catheter: a thin tube from the aorta into the ostium of the coronary artery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.scene import Anatomy, Array, Map, Vessel, View

MM_PER_FRENCH = 1 / 3
_STEP_MM = 0.25
_BORE = 0.76  # the inner diameter in outer ones, between a diagnostic catheter's and a guide's
_WALL_PER_MM = 0.11  # attenuation of the wall with its steel braid, natural logarithm
_TIP_MM = 1.5  # how far it is in the artery
_STRAIGHT_MM = 24.0  # its first piece is drawn longer, so that rounding leaves the tip straight
_ROUNDING_MM = 6.0
_FEMORAL = 0.3  # come up the descending aorta, which lies behind the heart

# Bends, from the ostium back: mm against the artery's first direction, and mm towards the head.
_JUDKINS_LEFT = ((7, -1), (20, -6), (31, -8), (37, 2), (38, 22), (36, 48))
_JUDKINS_RIGHT = ((5, 1), (10, 7), (14, 20), (17, 40), (20, 58))
_AMPLATZ = ((6, -2), (15, -9), (25, -4), (31, 14), (32, 40))
_SHAPES = {
    "LCA": (_JUDKINS_LEFT, _JUDKINS_LEFT, _AMPLATZ),
    "RCA": (_JUDKINS_RIGHT, _JUDKINS_RIGHT, _AMPLATZ),
}
# From the ascending aorta on, in mm from the ostium: left, back, head.
_TO_ARM = ((-16, -4, 95), (-34, 4, 130), (-60, 6, 160))
_TO_GROIN = ((-2, 20, 104), (16, 52, 98), (14, 66, 60), (8, 68, 0), (4, 70, -60), (0, 72, -130))


def place_catheter(rng: np.random.Generator, anatomy: Anatomy, french: float) -> Vessel:
    """Return a catheter of a French size (a third of a mm each) from its tip in the ostium back.

    It draws the same lots wherever the ostium is, so that it follows a moving one unchanged.
    `path_mm` is below 0: contrast is in the catheter before it comes to the ostium.
    """
    shapes = _SHAPES[anatomy.artery]
    bends = np.array(shapes[rng.integers(len(shapes))], dtype=float)
    bends *= rng.normal(1, 0.1, 2)
    sway = rng.normal(0, [2.5, 2.5, 0.0], (len(bends), 3)) * np.linspace(0, 1, len(bends))[:, None]
    way = np.array(_TO_GROIN if rng.random() < _FEMORAL else _TO_ARM, dtype=float)
    way = way + rng.normal(0, 5, way.shape)

    artery = anatomy.vessels[0].points_mm
    ostium = artery[0]
    reach = min(24, len(artery) - 1)  # 6 mm of artery give its direction
    into = _unit(artery[reach] - ostium)
    level = _unit(into * [1, 1, 0.3])
    head = np.array([0.0, 0.0, 1.0])
    knots = np.concatenate(
        [
            [ostium + _STRAIGHT_MM * into, ostium],
            ostium - bends[:, :1] * level + bends[:, 1:] * head + sway,
            ostium - bends[-1, 0] * 0.5 * level + way,
        ]
    )
    points = _smooth(knots)
    points += ostium + _TIP_MM * into - points[0]
    arc = np.linspace(0, _STEP_MM * (len(points) - 1), len(points))
    radius = np.full(len(points), french * MM_PER_FRENCH / 2)
    along = np.gradient(points, axis=0)
    axis = np.cross(along, _across(along))
    return Vessel(
        name="catheter",
        parent=None,
        points_mm=points,
        axis=axis / np.linalg.norm(axis, axis=1, keepdims=True),
        half_axes_mm=np.column_stack([radius, radius]),
        healthy_radius_mm=radius,
        path_mm=_TIP_MM - arc,
    )


def catheter_attenuation(
    catheter: Vessel, view: View, *, contrast: float = 1.0, iodine_per_mm: float = 0.2
) -> Map:
    """Return the attenuation (natural logarithm) of the wall and of `contrast` (0 to 1) inside."""
    bore = replace(catheter, half_axes_mm=catheter.half_axes_mm * _BORE)
    tube, inside = (_lengths(vessel, view) for vessel in (catheter, bore))
    wall = np.float32(_WALL_PER_MM) * (tube - inside)
    return np.asarray(wall + np.float32(contrast * iodine_per_mm) * inside, dtype=np.float32)


def _lengths(vessel: Vessel, view: View) -> Map:
    return lumen_maps([vessel], [np.ones(len(vessel.points_mm))], view).iodine_mm


def _smooth(knots: Array) -> Array:
    """Return a curve (n, 3) from the tip past the knots, evenly spaced, with round bends."""
    rough = _even(knots)
    curve = _even(gaussian_filter1d(rough, _ROUNDING_MM / _STEP_MM, axis=0, mode="nearest"))
    beyond = np.linalg.norm(curve - knots[1], axis=1)[: int(2 * _STRAIGHT_MM / _STEP_MM)].argmin()
    return curve[max(0, int(beyond) - int(_TIP_MM / _STEP_MM)) :]


def _even(knots: Array) -> Array:
    """Return points (n, 3) on the lines between knots, `_STEP_MM` apart."""
    station = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    along = np.arange(0, station[-1], _STEP_MM)
    return np.column_stack([np.interp(along, station, knots[:, axis]) for axis in range(3)])


def _across(along: Array) -> Array:
    """Return for every direction a vector that is not along it."""
    across = np.zeros_like(along)
    across[np.arange(len(along)), np.abs(along).argmin(axis=1)] = 1.0
    return across


def _unit(vector: Array) -> Array:
    unit: Array = vector / np.linalg.norm(vector)
    return unit
