"""How much contrast agent every ray passes, and what of the image the lumen covers.

The lumen is cut into slices, every slice into elements of known volume; each element is spread over
the pixels that it covers. So a pixel holds the mean path length of its rays, and no volume is lost:
not of vessels finer than a pixel, nor of those seen end on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coroseg.simulation.elements import SPACING_PX, Group, groups
from coroseg.simulation.junctions import Sharing, find_sharing, inside
from coroseg.simulation.scene import Array, Map, Mask, Vessel, View
from coroseg.simulation.sections import Index, Sections, join, see
from coroseg.simulation.silhouette import coverage
from coroseg.simulation.slices import Slices, cut

_MARGIN = 2  # pixels around the image that catch what is seen beside it
_NARROWEST = 0.05  # px, an element


@dataclass(frozen=True)
class LumenMaps:
    """`iodine_mm`: path length through lumen times contrast, the mean over each pixel.

    `coverage` is the share of a pixel covered by lumen of contrast >= `VISIBLE_CONTRAST`.
    """

    iodine_mm: Map
    coverage: Map


def lumen_maps(vessels: Sequence[Vessel], contrast: Sequence[Array], view: View) -> LumenMaps:
    """Return what the vessels, parents first, are in the image.

    `contrast[k]` is 0 to 1 at every point of `vessels[k]`. Lumens that cross in the image add up;
    where they share one lumen in the patient, at bifurcations, it counts once.
    """
    sections, amount = join(vessels), np.concatenate(contrast)
    slices = cut(sections, amount, view, SPACING_PX)
    return LumenMaps(
        iodine_mm=_spread(sections, slices, find_sharing(sections, slices), view.size),
        coverage=coverage(sections, see(sections, view), amount, view.size),
    )


def _spread(sections: Sections, slices: Slices, sharing: Sharing, size: int) -> Map:
    """Return the iodine of all slices' elements, spread over the pixels."""
    side = size + 2 * _MARGIN
    amounts = np.column_stack([slices.iodine, *(-slices.iodine * slices.bend.T)]).astype(np.float32)
    found: list[tuple[Index, Map, Map, Map]] = []
    position = np.full(len(slices.vessel), -1)
    for group in groups(slices, sharing.slices, size):
        rows, nodes = group.rows, group.nodes
        iodine = np.maximum(amounts[rows] @ nodes, 0) * group.weight
        position[rows] = np.arange(len(rows))
        pairs = np.flatnonzero(position[sharing.slices] >= 0)
        if len(pairs):
            pair, element = np.nonzero(_shared(pairs, sharing, nodes, sections, slices))
            iodine[position[sharing.slices[pairs[pair]]], element] = 0
        position[rows] = -1
        (column, right), (row, below) = (_pixels(slices, group, axis, side) for axis in (0, 1))
        corner = row.astype(np.intp) * side + column.astype(np.intp)
        found.append((corner.ravel(), right.ravel(), below.ravel(), iodine.ravel()))
    if not found:
        return np.zeros((size, size), dtype=np.float32)
    corner, right, below, iodine = (np.concatenate(part) for part in zip(*found, strict=True))
    lower = iodine * below
    upper = iodine - lower
    total = np.zeros(side * side + side + 1)
    for shift, amount, share in (
        (0, upper, 1 - right),
        (1, upper, right),
        (side, lower, 1 - right),
        (side + 1, lower, right),
    ):
        total[shift : shift + side * side] += np.bincount(corner, amount * share, side * side)
    image = total[: side * side].reshape(side, side)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return image.astype(np.float32)


def _pixels(slices: Slices, group: Group, axis: int, side: int) -> tuple[Map, Map]:
    """Return the first pixel that each element covers along x (axis 0) or y, and the next's share.

    An element is as broad as it is apart from its neighbours, so that together they leave no gaps;
    at most a pixel.
    """
    middle, wide, deep, step = (
        v[group.rows, axis]
        for v in (slices.middle_px, slices.wide_px, slices.deep_px, slices.step_px)
    )
    along = np.where(slices.closed[group.rows], 0, 2 / group.deep * deep)
    breadth = np.sqrt(step**2 + (2 / group.wide * wide) ** 2 + along**2)
    breadth = np.clip(breadth, _NARROWEST, 1)
    begin = middle - breadth / 2 + 0.5 + _MARGIN
    table = np.column_stack([begin, wide, deep]).astype(np.float32)
    place = np.clip(
        table @ group.nodes, 0, side - 1
    )  # what is seen beside the image is on the margin
    first = np.floor(place)
    scale = (1 / breadth).astype(np.float32)[:, None]
    return first, np.maximum(1 - (1 - place + first) * scale, 0)


def _shared(pairs: Index, sharing: Sharing, nodes: Map, sections: Sections, slices: Slices) -> Mask:
    """Return which elements of the slices of some pairs lie in the earlier vessel."""
    rows, points = sharing.slices[pairs], sharing.points[pairs]
    columns = (slices.middle, slices.wide, slices.deep)
    axes = np.stack([column[rows] for column in columns], axis=1)
    places = (nodes.T @ axes).reshape(-1, 3)
    within = inside(places, np.repeat(points, nodes.shape[1]), sections)
    return within.reshape(len(pairs), -1)
