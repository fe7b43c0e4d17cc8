"""Where a vessel leaves another one, both share one lumen: which of its elements lie in the other.

The earlier vessel (parents come first) keeps what is shared, so that nothing is counted twice.
Vessels that meet far from where either begins are not looked at: in a heart they do not.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from coroseg.simulation.scene import Array, Mask
from coroseg.simulation.sections import Index, Sections, dot
from coroseg.simulation.slices import Slices

_REACH = 6.0  # parent's radii from a vessel's start; at 25 degrees it has left after 4.3


@dataclass(frozen=True)
class Sharing:
    """Slices that touch an earlier vessel, and its point nearest to each: numbers (m)."""

    slices: Index
    points: Index


def find_sharing(sections: Sections, slices: Slices) -> Sharing:
    """Return which slices near the starts of vessels touch an earlier vessel."""
    pairs = [(np.empty(0, np.intp), np.empty(0, np.intp))]
    radius = sections.radius
    size = np.sqrt(np.maximum(dot(slices.wide, slices.wide), dot(slices.deep, slices.deep)))
    starts = np.flatnonzero(np.diff(sections.vessel)) + 1
    rows = np.searchsorted(slices.vessel, np.arange(len(starts) + 2))
    for number, start in enumerate(starts, 1):
        origin = sections.middle[start]
        apart = sections.middle[:start] - origin
        apart_squared = dot(apart, apart)
        reach = _REACH * radius[apart_squared.argmin()]
        candidates = np.flatnonzero(apart_squared < reach**2)
        if not len(candidates):
            continue
        own = np.arange(rows[number], rows[number + 1])
        apart = slices.middle[own] - origin
        own = own[dot(apart, apart) < reach**2]
        for other in np.unique(sections.vessel[candidates]):
            points = candidates[sections.vessel[candidates] == other]
            distances = cdist(slices.middle[own], sections.middle[points])
            nearest = points[distances.argmin(axis=1)]
            touches = distances.min(axis=1) < size[own] + radius[nearest]
            pairs.append((own[touches], nearest[touches]))
    found, nearest = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return Sharing(found, nearest)


def inside(places: Array, nearest: Index, sections: Sections) -> Mask:
    """Return which places (n, 3) lie in the lumen of the vessel whose points `nearest` (n) are."""
    vessel = sections.vessel[nearest]
    first = np.searchsorted(sections.vessel, vessel)
    last = np.searchsorted(sections.vessel, vessel, side="right") - 1
    step = sections.middle[first + 1] - sections.middle[first]
    ahead = dot(places - sections.middle[nearest], sections.direction[nearest])
    moves = np.rint(ahead / np.sqrt(dot(step, step))).astype(np.intp)
    at = np.clip(nearest + moves, first, last)
    offset = places - sections.middle[at]
    ahead = dot(offset, sections.direction[at])
    beyond = ((at == first) & (ahead < 0)) | ((at == last) & (ahead > 0))
    within: Mask = ~beyond
    distance = np.zeros(len(places))
    for half_axis in (sections.first[at], sections.second[at]):
        squared = dot(half_axis, half_axis)
        within &= squared > 0
        distance += (dot(offset, half_axis) / np.where(squared > 0, squared, 1)) ** 2
    within &= distance <= 1
    return within
