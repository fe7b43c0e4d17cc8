"""Vessel trees made by hand: what is measured of them is known."""

from dataclasses import replace

import numpy as np

from coroseg.geometry.tree import Branch, Centreline, Diameters, Stenosis, VesselTree
from coroseg.spacing import PixelSpacing, SpacingSource

HALF_MM = PixelSpacing((0.5, 0.5), SpacingSource.DISTANCES)


def made_branch(
    number: int,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    count: int = 21,
    parent: int | None = None,
    parent_index: int | None = None,
    diameter_px: float = 6.0,
) -> Branch:
    """A straight branch of one diameter."""
    points = np.linspace(start, end, count)
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    no = np.zeros(count, dtype=bool)
    width = np.full(count, diameter_px)
    line = Centreline(number, parent, parent_index, points, arc, width, no, no)
    return Branch(line, Diameters(width, ~no, np.ones(count)), width)


def narrowed(
    branch: Branch, first: int, minimum: int, last: int, share: float, *flags: str
) -> Branch:
    """The branch with a narrowing by this share of its diameter."""
    arc, reference = branch.centreline.arc_px, branch.reference_px
    px = branch.diameters.px.copy()
    ramp = np.interp(np.arange(len(px)), [first, minimum, last], [0, share, 0])
    px = px * (1 - ramp)
    stenosis = Stenosis(
        branch=branch.centreline.number,
        first=first,
        minimum=minimum,
        last=last,
        minimal_diameter_px=float(px[minimum]),
        reference_diameter_px=float(reference[minimum]),
        diameter_stenosis=share,
        length_px=float(arc[last] - arc[first]),
        flags=flags,
    )
    diameters = replace(branch.diameters, px=px)
    return replace(branch, diameters=diameters, stenoses=(*branch.stenoses, stenosis))


def made_tree(spacing: PixelSpacing | None = HALF_MM) -> VesselTree:
    """Three branches in 64 x 96 pixels: 80 px along y = 24, and two that leave it.

    Branch 1 has a lesion of 60 % at (42, 24), 2 one of 30 %; 3 a narrowing at its end.
    """
    main = narrowed(made_branch(1, (10, 24), (90, 24), count=41), 12, 16, 20, 0.6)
    second = made_branch(2, (30, 24), (30, 54), parent=1, parent_index=10, diameter_px=4)
    third = made_branch(3, (70, 24), (70, 44), parent=1, parent_index=30, diameter_px=3)
    return VesselTree(
        (main, narrowed(second, 5, 8, 12, 0.3), narrowed(third, 14, 18, 20, 0.7, "end", "overlap")),
        spacing,
        ("loop",),
    )
