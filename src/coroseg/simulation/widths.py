"""How wide a vessel's projected lumen is across its projected axis."""

from typing import NamedTuple

import numpy as np

from coroseg.simulation.scene import Array
from coroseg.simulation.sections import Index, SeenSections, dot, half_width_px

STRAIGHT = 0.9
"""Cosine of the angle in the image up to which a vessel runs the same way: beyond it bends."""


def width_px(seen: SeenSections, vessel: Index) -> Array:
    """Return the width of each vessel's own shadow, (n,), across its axis at every point.

    Where a vessel runs towards the viewer, cross-sections before and behind a point are seen beside
    it, and a narrow place between wide ones is covered. The shadow is the union of the ellipses
    that the line across the axis meets, as far along the vessel as one can reach back; seen from
    the side that is the point's own alone. `vessel` (n,) tells whose section each is.
    """
    half = half_width_px(seen)
    low, high = -half, half.copy()
    along = np.column_stack([seen.across[:, 1], -seen.across[:, 0]])
    farthest = np.zeros(vessel[-1] + 1)
    np.maximum.at(farthest, vessel, np.hypot(dot(seen.first, along), dot(seen.second, along)))
    for step in (1, -1):
        here, distance = np.arange(len(vessel)), 0
        while len(here):
            distance += step
            here = here[(here + distance >= 0) & (here + distance < len(vessel))]
            here = here[vessel[here] == vessel[here + distance]]
            there = here + distance
            away = seen.place.points[there] - seen.place.points[here]
            near = np.abs(dot(away, along[here])) < farthest[vessel[here]]
            here, there, away = here[near], there[near], away[near]
            way = seen.across[here], along[here]
            chord = _chord(*way, away, seen.first[there], seen.second[there])
            met, there = here[chord.met], there[chord.met]
            same_way = dot(seen.across[met], seen.across[there]) >= STRAIGHT
            joined = same_way & (chord.first <= high[met]) & (chord.last >= low[met])
            met = met[joined]
            low[met] = np.minimum(low[met], chord.first[joined])
            high[met] = np.maximum(high[met], chord.last[joined])
    return np.asarray(high - low)


class _Chord(NamedTuple):
    """Which lines meet their ellipses, and from where to where, in px from the axis."""

    met: Index
    first: Array
    last: Array


def _chord(across: Array, along: Array, away: Array, first: Array, second: Array) -> _Chord:
    """Return where lines `across` (n, 2) an axis, which runs `along` (n, 2), meet each an ellipse.

    It is the ellipse with the half axes `first` and `second`, its middle `away` from the axis.
    """
    first_along, second_along = dot(first, along), dot(second, along)
    reach, offset = np.hypot(first_along, second_along), dot(away, along)
    met = np.flatnonzero(np.abs(offset) < reach)
    angle = np.arctan2(second_along[met], first_along[met])
    angle = angle + np.arccos(-offset[met] / reach[met]) * np.array([[-1.0], [1.0]])
    ends = dot(first[met], across[met]) * np.cos(angle) + dot(away[met], across[met])
    ends += dot(second[met], across[met]) * np.sin(angle)
    return _Chord(met, ends.min(axis=0), ends.max(axis=0))
