import math

import numpy as np
import pytest

from coroseg.errors import MissingPackageError
from coroseg.geometry import export
from coroseg.geometry.export import to_networkx, to_pandas
from coroseg.geometry.tables import branch_table, stenosis_table
from coroseg.geometry.tree import VesselTree
from made_trees import made_tree


def test_the_branch_table_has_a_row_a_point() -> None:
    table = branch_table(made_tree())
    assert {len(column) for column in table.values()} == {41 + 21 + 21}
    row = {name: column[16] for name, column in table.items()}  # the first branch's MLD
    assert (row["branch"], row["parent"], row["point"]) == (1, 0, 17)
    assert (row["x_px"], row["y_px"]) == (42, 24)
    assert (row["arc_px"], row["arc_mm"]) == (32, 16)
    assert row["diameter_px"] == pytest.approx(6 * 0.4)
    assert row["diameter_mm"] == pytest.approx(6 * 0.4 / 2)
    assert (row["reference_px"], row["reference_mm"]) == (6, 3)
    assert (table["branch"][41], table["parent"][41], table["point"][41]) == (2, 1, 1)


def test_the_stenosis_table_has_the_tightest_first_and_numbers_lesions_only() -> None:
    table = stenosis_table(made_tree())
    assert table["lesion"] == [0, 1, 2]
    assert table["branch"] == [3, 1, 2]
    assert table["diameter_stenosis_percent"] == pytest.approx([70, 60, 30])
    assert table["flags"] == ["end overlap", "", ""]
    assert (table["x_px"][1], table["y_px"][1]) == (42, 24)
    assert table["arc_mm"][1] == 16
    assert table["minimal_diameter_mm"] == pytest.approx([0.45, 1.2, 1.4])
    assert table["reference_diameter_px"] == [3, 6, 4]
    assert table["length_mm"] == pytest.approx([3.0, 8.0, 5.25])
    assert [table[f"{name}_point"][1] for name in ("first", "minimum", "last")] == [13, 17, 21]


def test_without_a_spacing_mm_are_not_known() -> None:
    tree = made_tree(spacing=None)
    for table in (branch_table(tree), stenosis_table(tree)):
        for name, column in table.items():
            unknown = all(isinstance(value, float) and math.isnan(value) for value in column)
            assert unknown == name.endswith("_mm"), name


def test_an_empty_tree_has_all_columns_and_no_row() -> None:
    for table_of in (branch_table, stenosis_table):
        empty = table_of(VesselTree((), None))
        assert list(empty) == list(table_of(made_tree()))
        assert {len(column) for column in empty.values()} == {0}


def test_without_pandas_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(export, "import_module", missing)
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        to_pandas(made_tree())


def test_the_data_frames_are_the_tables() -> None:
    pytest.importorskip("pandas")
    points, narrowings = to_pandas(made_tree())
    assert len(points) == 83
    assert points.query("branch == 1")["diameter_mm"].min() == pytest.approx(1.2)
    assert list(narrowings["lesion"]) == [0, 1, 2]


def test_the_graph_joins_branches_where_they_leave_each_other() -> None:
    graph = to_networkx(made_tree())
    assert set(graph.nodes) == {(1, 1), (1, 11), (1, 31), (1, 41), (2, 21), (3, 21)}
    assert set(graph.edges) == {
        ((1, 1), (1, 11)),
        ((1, 11), (1, 31)),
        ((1, 31), (1, 41)),
        ((1, 11), (2, 21)),
        ((1, 31), (3, 21)),
    }
    assert graph.nodes[2, 21] == {"x": 30, "y": 54}
    assert graph.nodes[1, 11] == {"x": 30, "y": 24}
    assert graph.edges[(1, 31), (3, 21)]["length_mm"] == pytest.approx(10)
    assert graph.edges[(1, 31), (1, 41)]["diameter_px"] == pytest.approx(6)
    total = sum(length for _, _, length in graph.edges(data="length_px"))
    assert total == pytest.approx(80 + 30 + 20)


def test_a_tree_is_a_tree() -> None:
    nx = pytest.importorskip("networkx")
    graph = to_networkx(made_tree())
    assert nx.is_arborescence(graph)
    assert len(to_networkx(VesselTree((), None))) == 0


def test_a_diameter_that_is_not_known_is_nan_in_the_graph_too() -> None:
    tree = made_tree()
    for branch in tree.branches:
        branch.diameters.px[:] = np.nan
    diameters = [value for _, _, value in to_networkx(tree).edges(data="diameter_px")]
    assert all(map(math.isnan, diameters))
