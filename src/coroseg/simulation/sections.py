"""The cross-sections of all vessels, one after the other: ellipses, and how they are seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coroseg.simulation.camera import Projection, project, project_vectors
from coroseg.simulation.scene import Array, Mask, Vessel, View

Index = NDArray[np.intp]

_STILL = 1e-9  # px per mm: an axis that moves less in the image is end on


@dataclass(frozen=True)
class Sections:
    """The cross-sections at the points (n) of all vessels; vectors (n, 3) in mm.

    `vessel` is the number of the vessel, `middle` the point, `first` and `second` the half axes,
    `direction` the unit vector along the vessel, `bend` how it turns a mm (towards its centre of
    curvature).
    """

    vessel: Index
    middle: Array
    first: Array
    second: Array
    direction: Array
    bend: Array

    @property
    def radius(self) -> Array:
        """The longer half axis at every point."""
        return np.sqrt(np.maximum(dot(self.first, self.first), dot(self.second, self.second)))


@dataclass(frozen=True)
class SeenSections:
    """How cross-sections are seen: half axes and direction in px (n, 2), and `across` them.

    `across` are unit vectors across the projected vessel (image y where it is seen end on).
    """

    place: Projection
    first: Array
    second: Array
    direction: Array
    across: Array


def join(vessels: Sequence[Vessel]) -> Sections:
    """Return the cross-sections of all vessels in their order."""
    counts = [len(vessel.points_mm) for vessel in vessels]
    number = np.repeat(np.arange(len(vessels)), counts)
    middle = np.concatenate([vessel.points_mm for vessel in vessels])
    axis = np.concatenate([vessel.axis for vessel in vessels])
    half_axes = np.concatenate([vessel.half_axes_mm for vessel in vessels])
    step = _slope(middle, number)
    size = np.sqrt(dot(step, step))[:, None]
    direction = step / size
    return Sections(
        vessel=number,
        middle=middle,
        first=axis * half_axes[:, :1],
        second=cross(direction, axis) * half_axes[:, 1:],
        direction=direction,
        bend=_slope(direction, number) / size,
    )


def see(sections: Sections, view: View) -> SeenSections:
    """Return how the cross-sections are seen."""
    place = project(sections.middle, view)
    first, second, direction = (
        project_vectors(vectors, place, view)
        for vectors in (sections.first, sections.second, sections.direction)
    )
    return SeenSections(place, first, second, direction, across(direction))


def half_width_px(seen: SeenSections) -> Array:
    """Return half the width of the projected lumen across the projected vessel.

    The ellipse's support function: exact for the cross-section, and for a straight tube.
    """
    return np.hypot(dot(seen.first, seen.across), dot(seen.second, seen.across))


def across(direction_px: Array) -> Array:
    """Return the unit vectors across projected directions (n, 2); image y where end on."""
    x, y = direction_px.T
    speed = np.hypot(x, y)
    moves = speed > _STILL
    speed = np.where(moves, speed, 1)
    return np.column_stack([np.where(moves, -y, 0) / speed, np.where(moves, x, 1) / speed])


def dot(a: Array, b: Array) -> Array:
    """Return the products of vectors, row by row."""
    product: Array = np.einsum("ij,ij->i", a, b)
    return product


def cross(a: Array, b: Array) -> Array:
    """Return the vector products (n, 3), row by row; `np.cross` takes three times as long."""
    (a0, a1, a2), (b0, b1, b2) = a.T, b.T
    return np.column_stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


def neighbours(vessel: Index) -> Mask:
    """Return which points have a next one on their vessel."""
    return np.append(vessel[1:] == vessel[:-1], False)


def _slope(values: Array, vessel: Index) -> Array:
    """Return the change of values a point, along each vessel by itself."""
    slope = np.empty_like(values)
    slope[1:-1] = (values[2:] - values[:-2]) / 2
    ahead = values[1:] - values[:-1]
    goes_on = neighbours(vessel)
    starts = np.flatnonzero(~np.append(False, goes_on[:-1]))
    ends = np.flatnonzero(~goes_on)
    slope[starts] = ahead[starts]
    slope[ends] = ahead[ends - 1]
    return slope
