"""A tree as two tables: a row a point of the branches, and a row a narrowing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coroseg.geometry.tree import Stenosis, VesselTree

Column = NDArray[Any] | Sequence[Any]
Table = Mapping[str, Column]
"""Columns of one length, by name. Those in mm are nan where the size of a pixel is not known."""

STENOSIS_COLUMNS = (
    "lesion", "branch", "x_px", "y_px", "arc_px", "arc_mm", "diameter_stenosis_percent",
    "minimal_diameter_px", "minimal_diameter_mm", "reference_diameter_px", "reference_diameter_mm",
    "length_px", "length_mm", "first_point", "minimum_point", "last_point", "flags",
)  # fmt: skip


def mm_per_px(tree: VesselTree) -> float:
    """Return the side in mm of the pixels that lengths are counted in; nan if it is not known."""
    return tree.spacing.mm[0] if tree.spacing else float("nan")


def branch_table(tree: VesselTree) -> Table:
    """Return a row a point: where it is, how far along its branch, its diameters and marks.

    Points count from 1 in each branch; a branch without parent has parent 0.
    """
    mm = mm_per_px(tree)
    lines = [branch.centreline for branch in tree.branches]
    lengths = [len(line.points) for line in lines]
    points = _joined([line.points for line in lines]).reshape(-1, 2)
    arc_px = _joined([line.arc_px for line in lines])
    diameter_px = _joined([branch.diameters.px for branch in tree.branches])
    reference_px = _joined([branch.reference_px for branch in tree.branches])
    return {
        "branch": np.repeat(np.array([line.number for line in lines], dtype=int), lengths),
        "parent": np.repeat(np.array([line.parent or 0 for line in lines], dtype=int), lengths),
        "point": _joined([np.arange(1, length + 1) for length in lengths]).astype(int),
        "x_px": points[:, 0],
        "y_px": points[:, 1],
        "arc_px": arc_px,
        "arc_mm": arc_px * mm,
        "diameter_px": diameter_px,
        "diameter_mm": diameter_px * mm,
        "reference_px": reference_px,
        "reference_mm": reference_px * mm,
        "from_edge": _joined([b.diameters.from_edge for b in tree.branches]).astype(int),
        "confidence": _joined([b.diameters.confidence for b in tree.branches]),
        "junction": _joined([line.junction for line in lines]).astype(int),
        "loop": _joined([line.loop for line in lines]).astype(int),
    }


def stenosis_table(tree: VesselTree) -> Table:
    """Return a row a narrowing, the tightest first.

    Lesions count from 1; one that is not counted, for its flags, has lesion 0. Points are those of
    the branch table; `x_px`, `y_px` and the arc are those of the minimal lumen diameter.
    """
    rows = [stenosis_row(tree, stenosis) for stenosis in tree.stenoses]
    return {name: [row[name] for row in rows] for name in STENOSIS_COLUMNS}


def stenosis_row(tree: VesselTree, stenosis: Stenosis) -> dict[str, Any]:
    """Return the row of one narrowing of the tree."""
    mm = mm_per_px(tree)
    x, y = tree.place(stenosis).tolist()
    arc_px = float(tree.branch_of(stenosis).centreline.arc_px[stenosis.minimum])
    lesions = tree.lesions
    values = (
        lesions.index(stenosis) + 1 if stenosis in lesions else 0,
        stenosis.branch,
        x,
        y,
        arc_px,
        arc_px * mm,
        100 * stenosis.diameter_stenosis,
        stenosis.minimal_diameter_px,
        stenosis.minimal_diameter_px * mm,
        stenosis.reference_diameter_px,
        stenosis.reference_diameter_px * mm,
        stenosis.length_px,
        stenosis.length_px * mm,
        stenosis.first + 1,
        stenosis.minimum + 1,
        stenosis.last + 1,
        " ".join(stenosis.flags),
    )
    return dict(zip(STENOSIS_COLUMNS, values, strict=True))


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0)
