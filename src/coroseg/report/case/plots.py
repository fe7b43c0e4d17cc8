"""The diameter along each main branch, as one SVG picture; drawn without matplotlib for speed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from markupsafe import Markup

from coroseg.geometry.tables import mm_per_px
from coroseg.geometry.tree import Branch, Marks, Values, VesselTree
from coroseg.report.environment import template

MAIN_BRANCHES = 6
"""So many of the longest branches are plotted, and every other one with a lesion."""

WIDTH, HEIGHT = 760, 176  # of a panel's axes and margins, in the SVG's units
LEFT, RIGHT, TOP, BOTTOM = 46, 26, 42, 34
LEGEND = 26
LABEL = 90  # as wide as a lesion's label
HEADROOM = 1.05
MAX_TICKS, MAX_LEVELS = 10, 4  # along the branch, and of the diameter

_T = TypeVar("_T", float, Values)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Band:
    """A narrowing in a plot: from `left` to `right`, its MLD at (x, y); no label if not counted."""

    left: float
    right: float
    x: float
    y: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Panel:
    """The plot of one branch; paths are SVG's `d`."""

    title: str
    top: float
    edge: Markup
    mask: Markup
    reference: Markup
    junctions: list[tuple[float, float]]
    bands: list[Band]
    ticks: list[Tick]


def main_branches(tree: VesselTree) -> list[Branch]:
    """Return the branches that are plotted, in the order of their numbers."""
    by_length = sorted(tree.branches, key=lambda branch: -branch.centreline.length_px)
    narrowed = {lesion.branch for lesion in tree.lesions}
    longest = {branch.centreline.number for branch in by_length[:MAIN_BRANCHES]}
    return [branch for branch in tree.branches if branch.centreline.number in longest | narrowed]


def diameter_plots(tree: VesselTree) -> str:
    """Return the plots of the main branches, one below the other, as an SVG picture.

    All have one scale for the diameter; mm where the size of a pixel is known, else pixels.
    """
    scale, unit = _unit(tree)
    branches = main_branches(tree)
    highest = max((_highest(branch) for branch in branches), default=0.0) * scale * HEADROOM or 1.0
    levels = ticks(highest, MAX_LEVELS)
    panels = [
        _panel(tree, branch, LEGEND + index * HEIGHT, highest)
        for index, branch in enumerate(branches)
    ]
    return template("diameters.svg.j2").render(
        panels=panels,
        levels=[Tick(_y(level, highest), _number(level, levels)) for level in levels],
        unit=unit,
        width=WIDTH,
        height=LEGEND + HEIGHT * max(1, len(panels)),
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
    )


def ticks(highest: float, most: int) -> list[float]:
    """Return round numbers from 0 to `highest`, `most` steps (3 or more) at most, and one."""
    power = 10.0 ** math.floor(math.log10(highest / most))
    step = next(power * part for part in (1, 2, 5, 10) if highest / (power * part) <= most)
    return [step * count for count in range(int(highest / step + 1e-9) + 1)]


def _panel(tree: VesselTree, branch: Branch, top: float, highest: float) -> Panel:
    scale, unit = _unit(tree)
    line, diameters = branch.centreline, branch.diameters
    length = max(line.length_px, 1.0) * scale
    x = LEFT + line.arc_px * scale / length * (WIDTH - LEFT - RIGHT)
    y = _y(diameters.px * scale, highest)
    reference = _y(branch.reference_px * scale, highest)
    both = diameters.from_edge[1:] & diameters.from_edge[:-1]
    along = ticks(length, MAX_TICKS)
    bands = []
    for stenosis in branch.stenoses:
        counted = not stenosis.flags
        text = f"{100 * stenosis.diameter_stenosis:.0f} %"
        label = f"lesion {tree.lesions.index(stenosis) + 1}: {text}" if counted else ""
        middle = float(x[stenosis.minimum])
        bands.append(
            Band(
                float(x[stenosis.first]),
                float(x[stenosis.last]),
                middle,
                _y(stenosis.minimal_diameter_px * scale, highest),
                label,
                _anchor(middle),
            )
        )
    origin = "" if line.parent is None else f", from branch {line.parent}"
    return Panel(
        title=f"Branch {line.number}{origin}: {length:.0f} {unit} long",
        top=top,
        edge=_path(x, y, both),
        mask=_path(x, y, ~both),
        reference=_path(x, reference, np.ones(len(x) - 1, dtype=bool)),
        junctions=[(float(x[a]), float(x[b])) for a, b in _runs(line.junction)],
        bands=bands,
        ticks=[
            Tick(LEFT + at / length * (WIDTH - LEFT - RIGHT), _number(at, along)) for at in along
        ],
    )


def _unit(tree: VesselTree) -> tuple[float, str]:
    return (mm_per_px(tree), "mm") if tree.spacing else (1.0, "px")


def _anchor(x: float) -> str:
    """Return which part of a label stands at `x`, so that it stays between the margins."""
    if x < LEFT + LABEL / 2:
        return "start"
    return "end" if x > WIDTH - RIGHT - LABEL / 2 else "middle"


def _highest(branch: Branch) -> float:
    values = np.concatenate([branch.diameters.px, branch.reference_px])
    return float(np.max(values, initial=0.0, where=np.isfinite(values)))


def _y(diameter: _T, highest: float) -> _T:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - diameter / highest)


def _path(x: Values, y: Values, steps: Marks) -> Markup:
    """Return the polylines over the steps (i to i + 1) that are wanted and known."""
    known = np.isfinite(y)
    wanted = steps & known[1:] & known[:-1]
    parts = []
    for first, last in _runs(wanted):
        points = np.column_stack([x[first : last + 2], y[first : last + 2]])
        parts.append("M" + " ".join(["%.1f,%.1f"] * len(points)) % tuple(points.ravel().tolist()))
    return Markup("".join(parts))  # noqa: S704  # numbers only


def _runs(marks: Marks) -> Iterator[tuple[int, int]]:
    """Yield the first and the last place of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    yield from ((int(a), int(b) - 1) for a, b in edges.reshape(-1, 2))


def _number(value: float, among: list[float]) -> str:
    step = among[1] - among[0] if len(among) > 1 else 1.0
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
