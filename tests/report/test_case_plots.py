import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.geometry.tree import Diameters, VesselTree
from coroseg.report.case import plots
from coroseg.report.case.plots import diameter_plots, main_branches, ticks
from made_trees import made_branch, made_tree, narrowed

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    root = ET.fromstring(picture)  # noqa: S314 # our own
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def paths(picture: str, **attributes: str) -> list[np.ndarray]:
    """Return the points of the paths with these attributes (`_` for `-`), a path a panel."""
    root = ET.fromstring(picture)  # noqa: S314 # our own
    wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
    return [
        np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", element.get("d", "")), dtype=float)
        for group in root.findall(f"{SVG}g")[1:]
        for element in group.iter(f"{SVG}path")
        if wanted.items() <= element.attrib.items() and element.get("d") != ""
    ]


def test_each_branch_has_its_plot_with_its_lesion() -> None:
    shown = texts(diameter_plots(made_tree()))
    assert "Branch 1: 40 mm long" in shown
    assert "Branch 2, from branch 1: 15 mm long" in shown
    labels = [text for text in shown if text.startswith("lesion ")]
    assert labels == ["lesion 1: 60 %", "lesion 2: 30 %"]
    assert not any("70 %" in text for text in shown)


def test_without_a_spacing_the_plots_are_in_pixels() -> None:
    shown = texts(diameter_plots(made_tree(spacing=None)))
    assert "Branch 1: 80 px long" in shown
    assert not any("mm" in text for text in shown)


def test_a_curve_goes_down_to_the_share_that_is_left() -> None:
    curve, *_ = paths(diameter_plots(made_tree()), stroke="#0072b2", stroke_width="2")
    assert len(curve) == 41
    zero = plots.HEIGHT - plots.BOTTOM
    heights = zero - curve[:, 1]
    assert heights.argmax() in (*range(13), *range(20, 41))
    assert heights.argmin() == 16
    assert heights.min() / heights.max() == pytest.approx(0.4, abs=0.005)
    np.testing.assert_allclose(np.diff(curve[:, 0]), np.diff(curve[:, 0]).mean(), atol=0.11)


def test_what_comes_from_the_mask_is_dotted_and_what_is_not_known_is_left_out() -> None:
    branch = made_branch(1, (0, 10), (40, 10), count=41)
    px = np.full(41, 6.0)
    px[10:15] = np.nan
    from_edge = np.arange(41) < 30
    branch = replace(branch, diameters=Diameters(px, from_edge, np.ones(41)))
    picture = diameter_plots(VesselTree((branch,), None))
    (edge,) = paths(picture, stroke="#0072b2", stroke_width="2")
    (mask,) = paths(picture, stroke="#0072b2", stroke_width="1.2")
    assert len(edge) == 10 + 15  # points 0 to 9 and 15 to 29
    assert len(mask) == 12  # from 29 to 40
    assert edge[-1] == pytest.approx(mask[0])


def test_an_empty_tree_says_that_there_is_nothing() -> None:
    assert texts(diameter_plots(VesselTree((), None))) == ["No branch was measured."]


def test_main_branches_are_the_longest_and_those_with_a_lesion() -> None:
    branches = [made_branch(n, (0, n), (100 - n, n)) for n in range(1, 11)]
    branches[8] = narrowed(branches[8], 2, 5, 8, 0.5)
    branches[9] = narrowed(branches[9], 2, 5, 8, 0.5, "overlap")
    chosen = main_branches(VesselTree(tuple(branches), None))
    assert [branch.centreline.number for branch in chosen] == [1, 2, 3, 4, 5, 6, 9]


@given(st.floats(1e-3, 1e5), st.integers(3, 12))
def test_ticks_are_few_even_and_within(highest: float, most: int) -> None:
    found = ticks(highest, most)
    assert 2 <= len(found) <= most + 1
    assert found[0] == 0
    assert found[-1] <= highest * (1 + 1e-6) < found[-1] + (found[1] - found[0]) * (1 + 1e-6)
    np.testing.assert_allclose(np.diff(found), found[1])
    assert f"{found[1]:e}"[0] in "125"
