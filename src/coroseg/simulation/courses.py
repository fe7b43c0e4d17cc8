"""The line that a vessel takes over the heart: a smooth curve through waypoints, made wavy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from coroseg.simulation.heart import Heart
from coroseg.simulation.scene import Array

STEP_MM = 0.25
_FINE_MM = 0.2
# The noise is white noise smoothed by this many mm, each with its share of the amplitude: slow
# bends and small ripples. The shares' squares add up to 1.
_RIPPLES = ((5.5, 0.88), (2.0, 0.48))
_CALM_MM = 6.0  # a vessel leaves its parent straight


@dataclass(frozen=True)
class Course:
    """A vessel's axis: points (n, 3) evenly spaced, in mm, its arc length, tangents and normals.

    `waypoint` counts how many waypoints have been passed at each point: 1.5 is half way between
    the second and the third.
    """

    points_mm: Array
    arc_mm: Array
    waypoint: Array
    tangents: Array
    normals: Array


def plot_course(
    rng: np.random.Generator,
    heart: Heart,
    waypoints: Array,
    leaving: Array | None = None,
    waviness_mm: float = 0.0,
) -> Course:
    """Return the curve through scaled `waypoints` (k, 3), k at least 2.

    It stays as far below or above the heart's surface as its waypoints do. `leaving` is the unit
    vector (3,), in the patient, in which it starts; `waviness_mm` the noise's standard deviation
    at its end, which grows from none at its start.
    """
    places = heart.to_patient(waypoints)
    stations = _arc(places)
    start = (2, np.zeros(3)) if leaving is None else (1, heart.axes @ leaving / heart.half_axes_mm)
    spline = CubicSpline(stations, waypoints, bc_type=(start, (2, np.zeros(3))))
    along = np.linspace(0.0, stations[-1], int(stations[-1] / _FINE_MM) + 8)
    depth = PchipInterpolator(stations, np.linalg.norm(waypoints, axis=1))(along)
    scaled = spline(along)
    scaled *= (depth / np.linalg.norm(scaled, axis=1))[:, None]
    points = heart.to_patient(scaled)
    if waviness_mm > 0:
        points += _waves(rng, points, waviness_mm)
    arc = _arc(points)
    even = np.linspace(0.0, arc[-1], max(2, round(arc[-1] / STEP_MM)) + 1)
    passed = np.interp(along, stations, np.arange(len(waypoints), dtype=float))
    points = _resampled(even, arc, points)
    tangents = tangents_of(points)
    return Course(
        points_mm=points,
        arc_mm=even,
        waypoint=np.interp(even, arc, passed),
        tangents=tangents,
        normals=_normals(tangents),
    )


def tangents_of(points: Array) -> Array:
    """Return the unit tangents (n, 3) of a line of points (n, 3)."""
    return unit(np.gradient(points, axis=0))


def unit(vectors: Array) -> Array:
    """Return `vectors` (..., 3) at length 1."""
    scaled: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def _waves(rng: np.random.Generator, points: Array, waviness_mm: float) -> Array:
    """Return smooth random offsets (n, 3) across the line, none at its start."""
    arc, tangents = _arc(points), tangents_of(points)
    across = _normals(tangents)
    offsets = np.zeros((len(points), 2))
    for smooth_mm, share in _RIPPLES:
        steps = smooth_mm / _FINE_MM
        noise = gaussian_filter1d(rng.normal(size=offsets.shape), steps, axis=0, mode="wrap")
        offsets += share * np.sqrt(2 * np.sqrt(np.pi) * steps) * noise
    calm = np.clip(arc / _CALM_MM, 0.0, 1.0)
    offsets *= (waviness_mm * calm**2 * (3 - 2 * calm) * (0.4 + 0.6 * arc / arc[-1]))[:, None]
    waves: Array = offsets[:, :1] * across + offsets[:, 1:] * np.cross(tangents, across)
    return waves


def _normals(tangents: Array) -> Array:
    """Return unit normals (n, 3) that turn little: near the one that all tangents avoid most."""
    avoided = np.linalg.eigh(tangents.T @ tangents)[1][:, 0]
    return unit(avoided - (tangents @ avoided)[:, None] * tangents)


def _arc(points: Array) -> Array:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _resampled(even: Array, arc: Array, points: Array) -> Array:
    return np.stack([np.interp(even, arc, column) for column in points.T], axis=1)
