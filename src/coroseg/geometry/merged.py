"""Where two vessels that lie side by side in the image were taken for one wide vessel."""

from __future__ import annotations

import numpy as np

from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.tree import Centreline, Diameters, Marks

WIDER = 1.15
"""A vessel that is wider than its reference by more may be two."""

NEAR_JUNCTION = 2.0
"""It is two where that begins or ends within so many diameters of a junction or of the branch's
end: there the other one comes or goes. Elsewhere it is an ectasia."""


def merged_lumen(centreline: Centreline, diameters: Diameters) -> Marks:
    """Return the points of a branch whose diameter is that of two vessels, (n,).

    One projection cannot tell a wide lumen from two that overlap; but no vessel widens where
    another one joins it.
    """
    marks = np.zeros(len(diameters.px), dtype=bool)
    if not centreline.junction.any() or not np.isfinite(diameters.px).any():
        return marks
    arc, junction = centreline.arc_px, centreline.junction
    reference = reference_diameter(centreline, diameters)
    wider = np.nan_to_num(diameters.px) > WIDER * reference
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wider.astype(np.int8), [0]])))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        reach = NEAR_JUNCTION * float(np.median(diameters.px[first:after]))
        start, stop = arc[first] - reach, arc[after - 1] + reach
        near = junction & (arc >= start) & (arc <= stop)
        marks[first:after] = near.any() or start < 0 or stop > arc[-1]
    return marks
