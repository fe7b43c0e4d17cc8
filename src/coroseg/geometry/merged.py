"""Where two vessels that lie side by side in the image were taken for one wide vessel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.tree import Centreline, Diameters, Marks

WIDER = 1.15
"""A vessel that is wider than its reference by more may be two."""

NEAR_JUNCTION = 2.0
"""It is two where that begins or ends within so many diameters of a junction: there the other one
comes or goes. Elsewhere it is an ectasia."""

THICK_PX = 4.0
"""Narrower vessels are not looked at."""


def without_merged(
    centrelines: Sequence[Centreline], diameters: Sequence[Diameters]
) -> list[Diameters]:
    """Return the diameters with those of two vessels nan.

    One projection cannot tell a wide lumen from two that overlap; but no vessel widens where
    another one joins it.
    """
    kept = []
    for line, each in zip(centrelines, diameters, strict=True):
        merged = _merged(line, each)
        kept.append(
            Diameters(
                px=np.where(merged, np.nan, each.px),
                from_edge=each.from_edge & ~merged,
                confidence=np.where(merged, 0.0, each.confidence),
            )
        )
    return kept


def _merged(line: Centreline, diameters: Diameters) -> Marks:
    arc, px = line.arc_px, diameters.px
    marks = np.zeros(len(px), dtype=bool)
    if not (line.junction.any() and (px >= THICK_PX).any()):
        return marks
    reference = reference_diameter(line, diameters)
    wider = np.nan_to_num(px) > WIDER * reference
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wider.astype(np.int8), [0]])))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        reach = NEAR_JUNCTION * float(np.median(px[first:after]))
        start, stop = arc[first] - reach, arc[after - 1] + reach
        near = line.junction & (arc >= start) & (arc <= stop)
        marks[first:after] = near.any()
    return marks
