import csv
import io

import numpy as np
import pytest

from coroseg.geometry.tables import branch_table, stenosis_table
from coroseg.geometry.tree import VesselTree
from coroseg.io.tree_files import branches_csv, stenoses_csv
from made_trees import made_tree


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("spacing", [made_tree().spacing, None])
@pytest.mark.parametrize(
    ("write", "table_of"), [(branches_csv, branch_table), (stenoses_csv, stenosis_table)]
)
def test_the_files_hold_the_tables(write, table_of, spacing) -> None:
    tree = made_tree(spacing)
    tree.branches[0].diameters.px[3] = np.nan
    table = table_of(tree)
    found = rows(write(tree))
    assert list(found[0]) == list(table)
    for name, column in table.items():
        stored = [row[name] for row in found]
        if name == "flags":
            assert stored == list(column)
        else:
            numbers = [float(text) if text else np.nan for text in stored]
            np.testing.assert_allclose(numbers, np.asarray(column, dtype=float), atol=5.01e-4)


def test_whole_numbers_have_no_decimals() -> None:
    row = rows(branches_csv(made_tree()))[1]
    assert (row["branch"], row["parent"], row["point"], row["junction"]) == ("1", "0", "2", "0")
    assert (row["x_px"], row["diameter_mm"]) == ("12.000", "3.000")


def test_an_empty_tree_is_a_header() -> None:
    empty = VesselTree((), None)
    for text in (branches_csv(empty), stenoses_csv(empty)):
        (line,) = text.splitlines()
        assert line.count(",") > 10
