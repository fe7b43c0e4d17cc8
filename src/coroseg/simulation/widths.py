"""How wide a vessel's projected lumen is across its projected axis."""

import numpy as np

from coroseg.simulation.scene import Array
from coroseg.simulation.sections import Index, SeenSections, dot, half_width_px


def width_px(seen: SeenSections, vessel: Index) -> Array:
    """Return the width of each vessel's own shadow, (n,), across its axis at every point.

    Where a vessel runs towards the viewer, cross-sections before and behind a point are seen beside
    it, and a narrow place between wide ones is covered. The shadow is the union of the ellipses, as
    far as they follow one another along the line across the axis; where none is met but the point's
    own, as on a straight tube seen from the side, it is that one's. `vessel` (n,) tells whose
    section each is.
    """
    half = half_width_px(seen)
    low, high = -half, half.copy()
    for step in (1, -1):
        here, distance = np.arange(len(vessel)), 0
        while len(here):
            distance += step
            here = here[(here + distance >= 0) & (here + distance < len(vessel))]
            here = here[vessel[here] == vessel[here + distance]]
            here, first, last = _met(seen, here, here + distance)
            low[here] = np.minimum(low[here], first)
            high[here] = np.maximum(high[here], last)
    return np.asarray(high - low)


def _met(seen: SeenSections, here: Index, there: Index) -> tuple[Index, Array, Array]:
    """Return for which points `here` the line across the axis meets the ellipse `there`.

    And from where to where on that line, in px from the axis.
    """
    along = np.column_stack([seen.across[here, 1], -seen.across[here, 0]])
    away = seen.place.points[there] - seen.place.points[here]
    first, second = dot(seen.first[there], along), dot(seen.second[there], along)
    reach, offset = np.hypot(first, second), dot(away, along)
    met = np.abs(offset) < reach
    across, there = seen.across[here[met]], there[met]
    angle = np.arctan2(second, first)[met]
    angle = angle + np.arccos(-offset[met] / reach[met]) * np.array([[-1.0], [1.0]])
    ends = dot(seen.first[there], across) * np.cos(angle)
    ends += dot(seen.second[there], across) * np.sin(angle) + dot(away[met], across)
    return here[met], ends.min(axis=0), ends.max(axis=0)
