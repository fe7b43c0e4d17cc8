"""Vessels of known shape, and rays through them by brute force."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from coroseg.simulation.camera import camera_axes
from coroseg.simulation.scene import Array, Lesion, Vessel, View

# Nothing about it is symmetric: swapped axes or signs fail.
VIEW = View(
    source_to_detector_mm=1050.0,
    source_to_isocentre_mm=760.0,
    primary_deg=-33.0,
    secondary_deg=21.0,
    pitch_mm=0.4,
    size=160,
)
STEP_MM = 0.25


def tube(
    points: ArrayLike,
    first_mm: ArrayLike,
    second_mm: ArrayLike | None = None,
    *,
    towards: ArrayLike = (0.3, 0.2, 0.93),
    name: str = "A",
    parent: str | None = None,
    healthy_mm: ArrayLike | None = None,
    lesions: tuple[Lesion, ...] = (),
) -> Vessel:
    """Return a vessel along the points; the second half axis lies across `towards`."""
    line = np.asarray(points, dtype=float)
    count = len(line)
    direction = np.gradient(line, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    axis = np.broadcast_to(np.asarray(towards, dtype=float), line.shape)
    axis = axis - (axis * direction).sum(axis=1, keepdims=True) * direction
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.broadcast_to(np.asarray(first_mm, dtype=float), count)
    second = first if second_mm is None else np.broadcast_to(second_mm, count)
    healthy = first if healthy_mm is None else np.broadcast_to(healthy_mm, count)
    arc = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return Vessel(
        name, parent, line, axis, np.column_stack([first, second]), healthy + 0.0, arc, lesions
    )


def straight(start: ArrayLike, end: ArrayLike) -> Array:
    """Return points `STEP_MM` apart (or a little less) from start to end."""
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    count = int(np.ceil(np.linalg.norm(last - first) / STEP_MM)) + 1
    return np.linspace(first, last, count)


def in_view(view: View, right: ArrayLike, down: ArrayLike, nearer: ArrayLike) -> Array:
    """Return points in mm by their place in the view: image x, image y, towards the detector."""
    places = np.stack(np.broadcast_arrays(right, down, nearer), axis=-1)
    return places.astype(float) @ np.stack(camera_axes(view))


def full(vessels: list[Vessel]) -> list[Array]:
    """Return contrast 1 everywhere."""
    return [np.ones(len(vessel.points_mm)) for vessel in vessels]


def rays(view: View, x: Array, y: Array) -> Array:
    """Return the unit vectors (n, 3) from the source through places x, y of the image."""
    right, down, detector = camera_axes(view)
    middle = (view.size - 1) / 2
    way = (
        np.outer((x - middle) * view.pitch_mm, right)
        + np.outer((y - middle) * view.pitch_mm, down)
        + view.source_to_detector_mm * detector
    )
    unit: Array = way / np.linalg.norm(way, axis=1, keepdims=True)
    return unit


def marched(
    vessels: list[Vessel], view: View, pixels: NDArray[np.intp], step_mm: float, fine: int = 3
) -> Array:
    """Return the path lengths in the union of the lumens, of rays through each of n pixels (x, y).

    (n, fine x fine): rays through as many places of each pixel are walked; a place is in a lumen
    where it is in the ellipse of the cross-section nearest to it and not beyond the vessel's ends.
    """
    inside_pixel = (np.arange(fine) + 0.5) / fine - 0.5
    dx, dy = (v.ravel() for v in np.meshgrid(inside_pixel, inside_pixel))
    x, y = (pixels[:, k, None] + d for k, d in enumerate((dx, dy)))
    ways = rays(view, x.ravel(), y.ravel())
    source = -view.source_to_isocentre_mm * camera_axes(view)[2]
    middles = np.concatenate([vessel.points_mm for vessel in vessels])
    depth = np.linalg.norm(middles - source, axis=1)
    walked = np.arange(depth.min() - 4, depth.max() + 4, step_mm) + step_mm / 2
    length = np.zeros(len(ways))
    for number, way in enumerate(ways):
        length[number] = in_lumen(vessels, source + walked[:, None] * way).sum() * step_mm
    return length.reshape(len(pixels), -1)


def in_lumen(vessels: list[Vessel], places: Array) -> NDArray[np.bool_]:
    """Return which places (n, 3) lie in the union of the lumens."""
    found = np.zeros(len(places), dtype=bool)
    for vessel in vessels:
        line = vessel.points_mm
        direction = np.gradient(line, axis=0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        apart, near = cKDTree(line).query(places, distance_upper_bound=4)
        close = np.isfinite(apart)
        near = np.where(close, near, 0)
        offset = places - line[near]
        ahead = (offset * direction[near]).sum(axis=1)
        second = np.cross(direction[near], vessel.axis[near])
        x = (offset * vessel.axis[near]).sum(axis=1) / vessel.half_axes_mm[near, 0]
        y = (offset * second).sum(axis=1) / vessel.half_axes_mm[near, 1]
        beyond = ((near == 0) & (ahead < 0)) | ((near == len(line) - 1) & (ahead > 0))
        found |= close & (x**2 + y**2 <= 1) & ~beyond
    return found
