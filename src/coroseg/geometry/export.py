"""A vessel tree for pandas and for networkx."""

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from coroseg.errors import MissingPackageError
from coroseg.geometry.tables import branch_table, mm_per_px, stenosis_table
from coroseg.geometry.tree import Branch, VesselTree


def to_pandas(tree: VesselTree) -> tuple[Any, Any]:
    """Return two `pandas.DataFrame`s, a row a point and a row a narrowing, as the CSV files.

    What is not known is nan. Raises `MissingPackageError` where pandas is not installed.
    """
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise MissingPackageError("pandas", "to_pandas", "pip install pandas") from error
    return pandas.DataFrame(dict(branch_table(tree))), pandas.DataFrame(dict(stenosis_table(tree)))


def to_networkx(tree: VesselTree) -> Any:
    """Return the tree as a `networkx.DiGraph` from the ostium outward.

    A node is where a branch begins, bifurcates or ends, named (branch, point) with points from 1;
    it has `x` and `y`. An edge is the stretch between two nodes: `branch`, `first_point`,
    `last_point`, `length_px`, `diameter_px` (the mean), and the same in mm (nan where not known).
    """
    import networkx as nx  # type: ignore[import-untyped]

    mm = mm_per_px(tree)
    graph = nx.DiGraph()
    forks: dict[int, set[int]] = {branch.centreline.number: set() for branch in tree.branches}
    for branch in tree.branches:
        line = branch.centreline
        if line.parent is not None and line.parent_index is not None:
            forks[line.parent].add(line.parent_index)
    for branch in tree.branches:
        line = branch.centreline
        places = sorted({0, len(line.points) - 1, *forks[line.number]})
        for place in places:
            if place or line.parent is None:
                x, y = line.points[place].tolist()
                graph.add_node((line.number, place + 1), x=x, y=y)
        for first, last in pairwise(places):
            length_px = float(line.arc_px[last] - line.arc_px[first])
            diameter_px = _mean_diameter(branch, first, last)
            graph.add_edge(
                (line.number, first + 1) if first else _start(branch),
                (line.number, last + 1),
                branch=line.number,
                first_point=first + 1,
                last_point=last + 1,
                length_px=length_px,
                length_mm=length_px * mm,
                diameter_px=diameter_px,
                diameter_mm=diameter_px * mm,
            )
    return graph


def _start(branch: Branch) -> tuple[int, int]:
    """Return the node that a branch begins at: its own, or its parent's where it leaves it."""
    line = branch.centreline
    if line.parent is None or line.parent_index is None:
        return line.number, 1
    return line.parent, line.parent_index + 1


def _mean_diameter(branch: Branch, first: int, last: int) -> float:
    values = branch.diameters.px[first : last + 1]
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")
