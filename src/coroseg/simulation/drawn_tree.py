"""A coronary tree as it looks in one view: smooth, tapering branches in the image plane.

Coordinates are (x, y), the image's side being 1, y downwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

Points = NDArray[np.float64]

_STEP = 0.001  # distance between points of a branch
_FINEST = 0.0022  # radius of the finest twig, 1.1 pixels of 512


@dataclass(frozen=True)
class Branch:
    """A centreline (n, 2), its radius (n,), and how far each point lies from the ostium (n,)."""

    points: Points
    radius: Points
    path: Points


@dataclass(frozen=True)
class _Plan:
    """A named branch: where it leaves its parent, the way it goes, its first and last radius."""

    parent: str | None
    leaves_at: float
    way: tuple[tuple[float, float], ...]
    radii: tuple[float, float]


_LEFT = {
    "LM": _Plan(None, 0, ((0.34, 0.235), (0.41, 0.27), (0.48, 0.275)), (0.0122, 0.0115)),
    "LAD": _Plan(
        "LM",
        1,
        ((0.60, 0.255), (0.72, 0.29), (0.81, 0.39), (0.87, 0.54), (0.88, 0.72)),
        (0.0100, 0.0040),
    ),
    "LCx": _Plan(
        "LM", 1, ((0.52, 0.37), (0.50, 0.50), (0.455, 0.62), (0.45, 0.78)), (0.0094, 0.0040)
    ),
    "D1": _Plan("LAD", 0.2, ((0.70, 0.36), (0.76, 0.47), (0.78, 0.62)), (0.0064, 0.0030)),
    "D2": _Plan("LAD", 0.5, ((0.90, 0.47), (0.945, 0.60)), (0.0052, 0.0028)),
    "OM1": _Plan("LCx", 0.12, ((0.59, 0.46), (0.65, 0.58), (0.665, 0.75)), (0.0072, 0.0032)),
    "OM2": _Plan("LCx", 0.42, ((0.55, 0.63), (0.57, 0.76), (0.555, 0.86)), (0.0062, 0.0030)),
}
_RIGHT = {
    "RCA": _Plan(
        None,
        0,
        ((0.44, 0.25), (0.35, 0.27), (0.27, 0.36), (0.235, 0.49), (0.25, 0.62), (0.33, 0.70)),
        (0.0122, 0.0092),
    ),
    "PDA": _Plan("RCA", 1, ((0.45, 0.73), (0.58, 0.77), (0.72, 0.84)), (0.0070, 0.0030)),
    "PLV": _Plan(
        "RCA", 1, ((0.44, 0.66), (0.54, 0.58), (0.68, 0.55), (0.86, 0.60)), (0.0078, 0.0032)
    ),
    "PLV2": _Plan("PLV", 0.45, ((0.66, 0.63), (0.78, 0.70)), (0.0052, 0.0028)),
    "AM": _Plan("RCA", 0.72, ((0.31, 0.72), (0.40, 0.83), (0.53, 0.90)), (0.0056, 0.0028)),
    "RV": _Plan("RCA", 0.45, ((0.32, 0.52), (0.43, 0.57), (0.52, 0.66)), (0.0052, 0.0028)),
    "conus": _Plan("RCA", 0.1, ((0.40, 0.20), (0.33, 0.14)), (0.0044, 0.0026)),
}
TREES = {"LCA": _LEFT, "RCA": _RIGHT}


def grow_tree(rng: np.random.Generator, artery: str) -> list[Branch]:
    """Return the branches of `artery` (LCA or RCA), the one at the ostium first."""
    named: dict[str, Branch] = {}
    for name, plan in TREES[artery].items():
        way = np.array(plan.way) + rng.normal(0, 0.008, (len(plan.way), 2))
        parent = named[plan.parent] if plan.parent else None
        named[name] = _planned(rng, parent, plan, way)
    branches = list(named.values())
    for branch in list(branches):
        branches += _side_branches(rng, branch)
    return branches


def catheter(ostium: Points, heading: Points) -> Branch:
    """Return a catheter that comes from above and ends at `ostium`, pointing along `heading`."""
    x, y = ostium
    beside = -0.075 * np.sign(heading[0])
    way = np.array(
        [(x + 0.8 * beside, -0.05), (x + 1.1 * beside, 0.45 * y), ostium + 0.004 * heading]
    )
    chords = _chords(way)
    curve = CubicSpline(chords, way, bc_type=((2, np.zeros(2)), (1, heading)))
    points = _resampled(curve(np.linspace(0, chords[-1], 400)))
    return Branch(points, np.full(len(points), 0.0072), np.zeros(len(points)))


def _planned(rng: np.random.Generator, parent: Branch | None, plan: _Plan, way: Points) -> Branch:
    path = 0.0
    if parent is not None:
        at = round(plan.leaves_at * (len(parent.points) - 1))
        way = np.vstack([parent.points[at], way])
        path = float(parent.path[at])
    chords = _chords(way)
    points = _resampled(CubicSpline(chords, way)(np.linspace(0, chords[-1], 600)))
    points = points + _wander(rng, len(points), 0.0055)
    return _branch(points, plan.radii, path)


def _side_branches(rng: np.random.Generator, parent: Branch, depth: int = 1) -> list[Branch]:
    """Return the twigs of `parent`, alternating sides, and theirs."""
    length = len(parent.points) * _STEP
    twigs: list[Branch] = []
    side = rng.choice((-1, 1))
    for place in np.arange(0.3, 0.95, 0.085 / max(length, 0.1)) + rng.normal(0, 0.03):
        side = -side
        at = int(np.clip(place, 0.05, 0.97) * (len(parent.points) - 2))
        radius = min(0.68 * float(parent.radius[at]), 0.0046)
        if radius < _FINEST:
            continue
        along = parent.points[at + 1] - parent.points[at]
        heading = np.arctan2(along[1], along[0]) + side * rng.uniform(0.6, 1.2)
        steps = int(rng.uniform(0.07, 0.17) / _STEP / depth)
        turns = gaussian_filter1d(rng.normal(0, 1, steps), 25, mode="nearest")
        headings = heading + np.cumsum(0.06 * turns - side * 0.8 / steps)
        points = parent.points[at] + _STEP * np.cumsum(
            np.column_stack([np.cos(headings), np.sin(headings)]), axis=0
        )
        twig = _branch(points, (radius, 0.8 * _FINEST), float(parent.path[at]))
        twigs.append(twig)
        if depth == 1:
            twigs += _side_branches(rng, twig, depth=2)
    return twigs


def _branch(points: Points, radii: tuple[float, float], path: float) -> Branch:
    radius = np.linspace(radii[0] ** 2, radii[1] ** 2, len(points)) ** 0.5
    return Branch(points, radius, path + _chords(points))


def _wander(rng: np.random.Generator, count: int, amplitude: float) -> Points:
    """Return a smooth tortuosity that is nothing at the branch's start."""
    noise = gaussian_filter1d(rng.normal(0, 1, (count, 2)), 28, axis=0, mode="nearest")
    noise *= amplitude / noise.std()
    fade: Points = np.minimum(np.arange(count) / 60, 1)[:, np.newaxis]
    wandering: Points = (noise - noise[0]) * fade
    return wandering


def _chords(points: Points) -> Points:
    lengths = np.hypot(*np.diff(points, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(lengths)])


def _resampled(points: Points) -> Points:
    """Return points along the same line, `_STEP` apart."""
    chords = _chords(points)
    places = np.arange(0, chords[-1], _STEP)
    return np.column_stack([np.interp(places, chords, points[:, axis]) for axis in (0, 1)])
