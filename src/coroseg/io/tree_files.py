"""The tables of a vessel tree as CSV files: `branches.csv` and `stenoses.csv`.

A number that is not known (nan) is an empty field. Pixels and mm have 3 decimals.
"""

import math
from typing import Any

import numpy as np

from coroseg.geometry.tables import Column, Table, branch_table, stenosis_table
from coroseg.geometry.tree import VesselTree


def branches_csv(tree: VesselTree) -> str:
    """Return a row a point of every branch."""
    return _csv(branch_table(tree))


def stenoses_csv(tree: VesselTree) -> str:
    """Return a row a narrowing, the tightest first."""
    return _csv(stenosis_table(tree))


def _csv(table: Table) -> str:
    columns = [_texts(column) for column in table.values()]
    lines = [",".join(table), *map(",".join, zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def _texts(column: Column) -> list[str]:
    values: list[Any] = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [_text(value) if isinstance(value, float) else str(value) for value in values]


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
