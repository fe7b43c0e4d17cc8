"""From a mask to the centrelines of its vessels, with sub-pixel points."""

from __future__ import annotations

import cv2
import numpy as np

from coroseg.errors import DataError
from coroseg.geometry.crossings import with_crossings
from coroseg.geometry.graph import marked_loops, skeleton_graph
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.middle import LOOP, middle_line, wall_distances
from coroseg.geometry.ordering import ordered
from coroseg.geometry.pruning import without_spurs
from coroseg.geometry.sharing import shared_lumen
from coroseg.geometry.smoothing import arc_length, smooth
from coroseg.geometry.tree import Centreline, Points, Values
from coroseg.metrics import Mask

DIAMETER_SIGMA = 1.0
"""Diameters of the mask are smoothed over so many points, 1 px: an outline made of pixels."""

TIP = 1
"""Points within 1 px of an end."""

MOST_STRETCHES = 1000
"""Four times as many as the skeleton of a whole simulated tree with all its twigs."""


def find_centrelines(mask: Mask, *, root: tuple[float, float] | None = None) -> list[Centreline]:
    """Return the centrelines of the vessels in a mask, parents before children.

    `mask` is (rows, columns) of square pixels; `root` is the ostium (x, y) where it is known. Every
    connected piece of the mask begins with a branch without parent; a piece hardly longer than
    wide has none. The skeleton's stretches, less spurs (`without_spurs`) and crossings
    (`with_crossings`), are ordered into branches (`ordered`), whose lines run midway between the
    walls from tip to tip (`middle_line`). Raises `DataError` for a mask that is noise.
    """
    if not mask.any():
        return []
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    left, top = max(left - 1, 0), max(top - 1, 0)
    origin = np.array([left, top])
    # A row of background, or the image's border, stays around the vessels.
    lumen = Lumen.of(np.ascontiguousarray(mask[top : top + height + 2, left : left + width + 2]))
    if root is not None:
        root = (root[0] - left, root[1] - top)
    skeleton = skeleton_graph(lumen.mask)
    if len(skeleton) > MOST_STRETCHES:
        raise DataError(
            f"a mask whose skeleton has {len(skeleton)} stretches is noise, no vessels "
            f"(at most {MOST_STRETCHES}): pass a mask of the vessels"
        )
    stretches = with_crossings(without_spurs(skeleton, lumen), lumen)
    routes = ordered(marked_loops(stretches), lumen, root)
    tables: list[Points] = []
    for route in routes:
        tables.append(middle_line(route, lumen, tables))
    lines = [np.ascontiguousarray(table[:, :2]) for table in tables]
    shared = shared_lumen(lines, [lumen.radius_at(line) for line in lines])
    return [
        Centreline(
            number=index + 1,
            parent=route.parent,
            parent_index=_leaves_at(lines, route.parent, line[0]),
            points=line + origin,
            arc_px=arc_length(line),
            mask_diameter_px=_mask_diameter(line, lumen),
            junction=shared[index],
            loop=tables[index][:, LOOP] > 1 / 2,
        )
        for index, (route, line) in enumerate(zip(routes, lines, strict=True))
    ]


def _leaves_at(lines: list[Points], parent: int | None, start: Points) -> int | None:
    """Return the index of the parent's point that is nearest to where the branch starts."""
    if parent is None:
        return None
    return int(np.argmin(np.hypot(*(lines[parent - 1] - start).T)))


def _mask_diameter(line: Points, lumen: Lumen) -> Values:
    """Return the distance between the two walls along the normals, in px.

    The outline lies half-way between pixels inside and outside. Where one wall is not seen (another
    vessel, the image's border) twice the other's distance stands for it; where none is, twice the
    radius of the largest disc. It is never below 1 px.
    """
    along, against = wall_distances(line, lumen)
    along, against = (
        np.where(np.isnan(along), against, along),
        np.where(np.isnan(against), along, against),
    )
    diameter = np.where(np.isnan(along), 2 * lumen.radius_at(line), along + against)
    # A tip lies on the outline, where no cross-section is whole: the one 1 px before stands there.
    count = len(line)
    inner = np.clip(np.arange(count), min(TIP, count // 2), max(count - 1 - TIP, count // 2))
    diameter = diameter[inner]
    return np.maximum(smooth(diameter[:, None], DIAMETER_SIGMA)[:, 0], 1)
