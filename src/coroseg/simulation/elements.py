"""Slices of lumen cut into elements: strips across the vessel, each cut along its depth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from coroseg.simulation.scene import Map
from coroseg.simulation.sections import Index
from coroseg.simulation.slices import Slices

SPACING_PX = 0.55  # px between elements, |dx| + |dy|: slanting rows of them are denser
_DEPTH_SPACING = 2.0  # px along a vessel, where the next slices fill the gaps
_FEWEST = 4  # elements across
_SHARED_MM = 0.3  # between elements that may lie in another vessel
_COUNTS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 62, 76, 94, 116])


@dataclass(frozen=True)
class Group:
    """Slices (numbers `rows`) that are cut alike, into `wide` strips of `deep` elements.

    `nodes` (3, wide x deep) are the (1, p, q) of the elements' middles, `weight` their shares of
    the slice. The strips are equally wide.
    """

    rows: Index
    nodes: Map
    weight: Map
    wide: int
    deep: int


def groups(slices: Slices, shared: Index, size: int) -> Iterator[Group]:
    """Yield all slices that are seen in the image (of `size` pixels), in groups of like size.

    `shared` are the slices of which elements may lie in another vessel: they get more of them.
    """
    wide, deep = (np.hypot(*v.T) for v in (slices.wide_px, slices.deep_px))
    broad = 2 * np.abs(slices.wide_px).sum(axis=1)
    reach = (wide + deep + 1)[:, None]
    in_sight = ((slices.middle_px > -reach) & (slices.middle_px < size + reach)).all(axis=1)
    depth = 2 * deep / np.where(slices.closed, _DEPTH_SPACING, SPACING_PX)
    finer = 2 * np.linalg.norm(slices.deep[shared], axis=1) / _SHARED_MM
    depth[shared] = np.maximum(depth[shared], finer)
    columns = np.searchsorted(_COUNTS[:-1], np.maximum(broad / SPACING_PX, _FEWEST))
    depths = np.searchsorted(_COUNTS[:-1], depth)
    kind = np.where(in_sight & (slices.iodine > 0), columns * len(_COUNTS) + depths, -1)
    order = np.argsort(kind, kind="stable")
    kinds, first = np.unique(kind[order], return_index=True)
    for number, rows in zip(kinds, np.split(order, first[1:]), strict=True):
        if number < 0:
            continue
        n, m = (int(_COUNTS[k]) for k in divmod(number, len(_COUNTS)))
        edge = np.linspace(-1, 1, n + 1)
        chord = np.sqrt(1 - edge**2)
        area = np.diff((np.arcsin(edge) + edge * chord) / np.pi)
        centre = np.diff(-2 / 3 * chord**3 / np.pi) / area
        p = np.repeat(centre, m)
        q = np.sqrt(1 - p**2) * np.tile((2 * np.arange(m) + 1) / m - 1, n)
        nodes = np.stack([np.ones_like(p), p, q]).astype(np.float32)
        yield Group(rows, nodes, np.repeat(area / m, m).astype(np.float32), n, m)
