"""What is to be grown: a vessel's plan, and the parts that the left and right trees share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from coroseg.simulation.courses import unit
from coroseg.simulation.heart import TYPICAL_HEART, Heart, on_surface
from coroseg.simulation.scene import Array

AT_END = 99.0
"""A place on a parent beyond its last waypoint: its end."""

Spot = tuple[float, tuple[float, float], float]
"""Where a branch leaves its parent, where it goes (see `on_surface`), its diameter in mm."""

_AORTIC_ROOT_MM = (-46.0, 0.0, 17.0)  # along the axes of the typical heart


@dataclass(frozen=True)
class Plan:
    """A vessel to be grown.

    `waypoints` (k, 3), scaled (see `heart`), come after the place `at` which it leaves its parent
    (counted in the parent's waypoints), `angle_deg` off the parent's direction. A vessel without
    parent starts at the first of them. `tip` is the share of its diameter that the taper leaves;
    `twigs` is how many small side branches it has in 100 mm. It is at most `widest` times as wide
    as its parent where it leaves.
    """

    name: str
    parent: str | None
    waypoints: Array
    diameter_mm: float
    at: float = 0.0
    angle_deg: float = 45.0
    tip: float = 0.7
    waviness_mm: float = 0.5
    twigs: float = 0.0
    widest: float = 0.8


def side_branch(
    rng: Generator,
    name: str,
    parent: str,
    spot: Spot,
    wavy: float,
    *,
    twigs: float = 0.0,
    depth: float = 1.0,
    widest: float = 0.7,
    angle_deg: tuple[float, float] = (35, 65),
) -> Plan:
    """Return a branch near `spot`; `depth` is 1 on the heart's surface, less inside it."""
    at, goal, diameter = spot
    return Plan(
        name,
        parent,
        depth * near(rng, [goal], 7),
        diameter * rng.normal(1.0, 0.15),
        at + rng.uniform(-0.3, 0.3),
        rng.uniform(*angle_deg),
        0.65,
        wavy * rng.uniform(0.8, 1.5),
        twigs,
        widest,
    )


def septals(rng: Generator, parent: str, polar_deg: Sequence[float], most: int) -> list[Plan]:
    """Return the branches that dive into the septum from the LAD (`S1`..) or the PDA (`IS1`..).

    `polar_deg` are the angles from the apex of the parent's waypoints.
    """
    front = parent == "LAD"
    leaving = np.sort(rng.uniform(0.4, len(polar_deg) - 1.5, most))
    plans = []
    for number, at in enumerate(leaving, start=1):
        polar = np.interp(at, range(len(polar_deg)), polar_deg)
        reach = rng.uniform(0.1, 0.7) if front else rng.uniform(0.6, 0.8)
        goal = on_surface(polar - rng.uniform(5, 22), 0.0 if front else 180.0)
        first = 1.3 if number == 1 else 0.9
        plans.append(
            Plan(
                f"{'S' if front else 'IS'}{number}",
                parent,
                (goal * [1.0, 1.0, reach])[None],
                (first if front else 0.75) * rng.uniform(0.7, 1.1),
                float(at),
                rng.uniform(60, 85),
                0.65,
                0.2,
                4.0 if front else 0.0,
            )
        )
    return plans


def near(rng: Generator, angles: Sequence[tuple[float, float]], spread_deg: float) -> Array:
    """Return points (k, 3) on the heart near `angles` (from the apex, around), in degrees."""
    drawn = np.array(angles) + rng.normal(0.0, spread_deg, (len(angles), 2))
    return on_surface(drawn[:, 0], drawn[:, 1])


def ostium(rng: Generator, heart: Heart, goal: Array, length_mm: float) -> Array:
    """Return the scaled place (1, 3) in the aortic root's wall, `length_mm` before `goal`."""
    root = heart.to_patient(np.divide(_AORTIC_ROOT_MM, TYPICAL_HEART.half_axes_mm))
    end = heart.to_patient(goal)
    back = unit(unit(root - end) + rng.normal(0.0, 0.12, 3))
    return heart.to_scaled(end + length_mm * back)[None]


def waviness(rng: Generator) -> float:
    """Return how tortuous a patient's vessels are: the noise's standard deviation, in mm."""
    return float(rng.lognormal(np.log(0.8), 0.5))
