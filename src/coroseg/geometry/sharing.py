"""Which points of a branch have a lumen that is another branch's too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import percentile_filter
from scipy.spatial import cKDTree

from coroseg.geometry.smoothing import arc_length, normals
from coroseg.geometry.tree import Marks, Points, Values

TWIG = 0.7
"""A branch thinner than this, relative to another, leaves its lumen as it is: a twig."""

BESIDE = 0.5
"""Lumens part where the other's axis is further from the own wall than half the other's radius."""

OWN_RADII, OWN_PERCENTILE, UNEVEN = 4.0, 30, 1.15
"""A branch's own radius is at most 1.15 times a low percentile of those within 4 radii: larger ones
lie in a junction."""


def shared_lumen(lines: Sequence[Points], radii: Sequence[Values]) -> list[Marks]:
    """Return, for every line, which of its points share their lumen with another branch.

    `radii` are those of the largest discs in the mask. A point's lumen is shared where its
    cross-section meets another branch's, within that one's own radius and up to `BESIDE`: beyond,
    one wall is its own. A twig (`TWIG`) is no other branch. A branch can so meet itself too,
    further along than twice the sum of both diameters, round a ring the shorter way.
    """
    if not lines:
        return []
    radii = [_own(values) for values in radii]
    points = np.concatenate(lines)
    across = np.concatenate([normals(line) for line in lines])
    radius = np.concatenate(radii)
    arcs = [arc_length(line) for line in lines]
    arc = np.concatenate(arcs)
    rings = [(line[0] == line[-1]).all() for line in lines]
    length = [along[-1] if ring else np.inf for along, ring in zip(arcs, rings, strict=True)]
    sizes = [len(line) for line in lines]
    branch = np.repeat(np.arange(len(lines)), sizes)

    pairs = cKDTree(points).query_pairs(2 * float(radius.max()), output_type="ndarray")
    one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    reach = radius[one] + radius[other]
    along = np.abs(arc[one] - arc[other])
    along = np.minimum(along, np.array(length)[branch[one]] - along)
    foreign = (branch[one] != branch[other]) | (along > 4 * reach)
    foreign &= radius[other] >= TWIG * radius[one]
    one, other = one[foreign], other[foreign]
    apart = points[other] - points[one]
    sideways = np.abs((apart * across[one]).sum(axis=1))
    squared = (apart**2).sum(axis=1)
    half = radius[other] ** 2 - squared + sideways**2  # of the chord of the other's disc, squared
    meets = (half >= 0) & (sideways <= radius[one] + BESIDE * np.sqrt(np.maximum(half, 0)))
    marks = np.zeros(len(points), dtype=bool)
    marks[one[meets]] = True
    return np.split(marks, np.cumsum(sizes)[:-1])


def _own(radius: Values) -> Values:
    """Return the radius without what another vessel's lumen adds to it at a junction."""
    window = round(2 * OWN_RADII * float(np.median(radius))) | 1  # points are a pixel apart
    typical = percentile_filter(radius, OWN_PERCENTILE, window)
    return np.asarray(np.minimum(radius, UNEVEN * typical), dtype=np.float64)
