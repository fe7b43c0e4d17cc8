"""Where two vessels that lie side by side in the image were taken for one wide vessel."""

from __future__ import annotations

import numpy as np

from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.tree import Centreline, Diameters, Marks, Values

WIDER = 1.1
"""A vessel that is wider than its reference by more may be two."""

NEAR_JUNCTION = 2.0
"""It is two where that begins or ends within so many diameters of a junction: there the other one
comes or goes. Elsewhere it is an ectasia."""

THICK_PX = 4.0
"""Narrower vessels are not looked at."""


def without_merged(line: Centreline, diameters: Diameters) -> tuple[Diameters, Values]:
    """Return a branch's diameters with those of two vessels nan, and its reference, (n,) in px.

    One projection cannot tell a wide lumen from two that overlap; but no vessel widens where
    another one joins it.
    """
    reference = reference_diameter(line, diameters)
    merged = _merged(line, diameters.px, reference)
    if not merged.any():
        return diameters, reference
    kept = Diameters(
        px=np.where(merged, np.nan, diameters.px),
        from_edge=diameters.from_edge & ~merged,
        confidence=np.where(merged, 0.0, diameters.confidence),
    )
    return kept, reference_diameter(line, kept)


def _merged(line: Centreline, px: Values, reference: Values) -> Marks:
    marks = np.zeros(len(px), dtype=bool)
    if not (line.junction.any() and (px >= THICK_PX).any()):
        return marks
    arc = line.arc_px
    wider = np.nan_to_num(px) > WIDER * reference
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wider.astype(np.int8), [0]])))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        reach = NEAR_JUNCTION * float(np.median(px[first:after]))
        start, stop = arc[first] - reach, arc[after - 1] + reach
        near = line.junction & (arc >= start) & (arc <= stop)
        marks[first:after] = near.any()
    return marks
