"""Which vessels a patient has, where each leaves its parent and where over the heart it goes.

Names: LM, LAD, D1.. (diagonals), S1.. (septals), LCx, OM1.. (obtuse marginals), RI (ramus), LA
(atrial); RCA, CB (conus), SN (sinus node), RV1.. and AM1.. (right ventricular and acute marginal),
AVN; PDA, IS1.. (its septals), PLV1.. (posterolateral), from the side that dominates. Diameters of
the great vessels are those of Dodge et al. (Circulation 1992), but that the LM is what the
bifurcation law makes of its daughters.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from coroseg.simulation.branching import shares
from coroseg.simulation.heart import Heart
from coroseg.simulation.plan import (
    AT_END,
    Plan,
    Spot,
    near,
    ostium,
    septals,
    side_branch,
    waviness,
)

# How many patients have them; "wrap": a LAD that goes round the apex.
_PRESENT = {"RI": 0.22, "CB": 0.9, "SN": 0.6, "LA": 0.4, "wrap": 0.7}

# The grooves' waypoints: degrees from the apex, degrees around.
_LEFT_GROOVE = [(113, 38), (110, 62), (109, 86), (110, 110), (112, 134), (113, 156), (113, 176)]
_RIGHT_GROOVE = [(105, -30), (103, -52), (106, -76), (110, -100), (113, -124), (114, -150)]
_RIGHT_GROOVE += [(113, -174), (110, -195), (107, -214)]
_ANTERIOR_GROOVE = [(97, 9), (77, 4), (55, 1), (32, -2), (13, -8)]
_POSTERIOR_GROOVE = [(84, 178), (58, 179), (35, 181)]
_CRUX = 7.0  # the RCA's waypoint


def left_tree(rng: Generator, heart: Heart, dominance: str) -> list[Plan]:
    """Return the left coronary tree, parents before children."""
    wavy = waviness(rng)
    fork = near(rng, [(114, 16)], 3)
    main_mm = max(3.8, rng.normal(5.0 if dominance == "left" else 4.7, 0.4))
    ratio = rng.normal(1.17 if dominance == "left" else 0.9, 0.08)
    ramus = [rng.uniform(0.5, 0.75)] if _has(rng, "RI") else []
    lad_mm, lcx_mm, *ramus_mm = shares(main_mm, [1.0, ratio, *ramus])
    length_mm = float(np.clip(rng.normal(11.0, 4.0), 4.0, 20.0))
    stem = np.concatenate([ostium(rng, heart, fork[0], length_mm), fork])
    plans = [Plan("LM", None, stem, main_mm, tip=0.99, waviness_mm=0.0)]
    plans += [
        Plan("RI", "LM", near(rng, [(48, 52)], 7), mm, AT_END, 50, 0.65, wavy, 6.0)
        for mm in ramus_mm
    ]
    plans += _anterior(rng, lad_mm, wavy)
    return plans + _circumflex(rng, lcx_mm, wavy, dominance, has_ramus=bool(ramus))


def right_tree(rng: Generator, heart: Heart, dominance: str) -> list[Plan]:
    """Return the right coronary tree, parents before children."""
    wavy = waviness(rng)
    groove = near(rng, _RIGHT_GROOVE, 2.5)
    points = {"right": int(rng.integers(8, 10)), "co": 8, "left": int(rng.integers(4, 6))}
    reached = points[dominance]
    diameter = {"right": 3.9, "co": 3.5, "left": 2.8}[dominance] + rng.normal(0.0, 0.4)
    origin = ostium(rng, heart, groove[0], rng.uniform(14.0, 19.0))
    course = np.concatenate([origin, groove[:reached]])
    course[1] = np.array([0.3, 0.4, 0.3]) @ course[:3]  # it turns into the groove in a wide bend
    tip = 0.6 if dominance == "left" else 0.9
    plans = [Plan("RCA", None, course, diameter, 0, 0, tip, 0.8 * wavy, 2.5)]
    if _has(rng, "CB"):
        plans.append(side_branch(rng, "CB", "RCA", (0.6, (86, -16), 1.1), wavy))
    if _has(rng, "SN"):
        plans.append(side_branch(rng, "SN", "RCA", (0.9, (138, -70), 1.0), wavy))
    ventricular: list[Spot] = [(2.2, (72, -48), 1.2), (3.2, (64, -70), 1.3)]
    plans += _row(rng, "RV", "RCA", ventricular[: rng.integers(1, 3)], wavy)
    marginal: list[Spot] = [(4.1, (42, -92), 1.6), (5.3, (55, -125), 1.2)]
    plans += _row(rng, "AM", "RCA", marginal[: rng.integers(1, 3)], wavy, reached=reached)
    if dominance != "left":
        plans += _posterior(rng, "RCA", _CRUX, wavy)
    if dominance == "right":
        node: Spot = (_CRUX + 0.3, (120, -150), 0.8)
        lateral: list[Spot] = [(7.6, (62, -202), 1.4), (8.3, (58, -226), 1.6)]
        plans.append(side_branch(rng, "AVN", "RCA", node, wavy, depth=0.65))
        plans += _row(rng, "PLV", "RCA", lateral, wavy, reached=reached)
    return plans


def _anterior(rng: Generator, diameter: float, wavy: float) -> list[Plan]:
    """Return the LAD with its diagonals and septals."""
    end = [(rng.uniform(8, 25), 175.0)] if _has(rng, "wrap") else []
    course = near(rng, [*_ANTERIOR_GROOVE, *end], 2.5)
    diagonals: list[Spot] = [(0.9, (56, 60), 2.0), (1.9, (40, 55), 1.6), (2.8, (24, 60), 1.2)]
    polar = [114.0, *(float(angle) for angle, _ in _ANTERIOR_GROOVE)]
    return [
        Plan("LAD", "LM", course, diameter, AT_END, 35, 0.85, 0.8 * wavy, 5.0),
        *_row(rng, "D", "LAD", diagonals[: rng.integers(1, 4)], wavy),
        *septals(rng, "LAD", polar, int(rng.integers(3, 8))),
    ]


def _circumflex(
    rng: Generator, diameter: float, wavy: float, dominance: str, *, has_ramus: bool
) -> list[Plan]:
    """Return the LCx with its marginals and, where the left side dominates, the PDA."""
    points = {"right": int(rng.integers(3, 6)), "co": 5, "left": 7}
    reached = points[dominance]
    tip = 0.65 if dominance == "right" else 0.9
    course = near(rng, _LEFT_GROOVE[:reached], 2.5)
    angle = rng.uniform(50, 80)
    plans = [Plan("LCx", "LM", course, diameter, AT_END, angle, tip, 0.8 * wavy, 3.0)]
    marginals: list[Spot] = [(1.4, (50, 84), 1.7 if has_ramus else 2.2)]
    marginals += [(2.2, (52, 108), 1.6), (3.2, (56, 128), 1.3)]
    plans += _row(rng, "OM", "LCx", marginals, wavy, reached=reached)
    if _has(rng, "LA"):
        plans.append(side_branch(rng, "LA", "LCx", (0.6, (138, 62), 1.0), wavy))
    if dominance != "right":
        lateral: list[Spot] = [(4.2, (62, 146), 1.4), (5.2, (58, 160), 1.2)]
        plans += _row(rng, "PLV", "LCx", lateral, wavy, reached=reached)
    return plans + (_posterior(rng, "LCx", 6.6, wavy) if dominance == "left" else [])


def _posterior(rng: Generator, parent: str, at: float, wavy: float) -> list[Plan]:
    """Return the PDA with its septals."""
    course = near(rng, _POSTERIOR_GROOVE, 4)
    polar = [113.0, *(float(angle) for angle, _ in _POSTERIOR_GROOVE)]
    pda = Plan("PDA", parent, course, rng.normal(2.1, 0.3), at, 60, 0.75, wavy, 4.0)
    return [pda, *septals(rng, "PDA", polar, int(rng.integers(0, 5)))]


# By the vessel's kind: twigs in 100 mm, the most it may be of its parent's diameter, and the angle.
_KINDS: dict[str, tuple[float, float, tuple[float, float]]] = {
    "D": (8.0, 0.7, (35, 65)),
    "OM": (8.0, 0.7, (20, 45)),
    "RV": (5.0, 0.5, (35, 65)),
    "AM": (5.0, 0.5, (35, 65)),
    "PLV": (7.0, 0.7, (35, 65)),
}


def _row(
    rng: Generator, kind: str, parent: str, spots: list[Spot], wavy: float, *, reached: int = 99
) -> list[Plan]:
    """Return numbered branches of one kind, from the spots that the parent has `reached`."""
    twigs, widest, angle_deg = _KINDS[kind]
    there = [spot for spot in spots if spot[0] < reached - 0.35]
    return [
        side_branch(
            rng, f"{kind}{k}", parent, spot, wavy, twigs=twigs, widest=widest, angle_deg=angle_deg
        )
        for k, spot in enumerate(there, start=1)
    ]


def _has(rng: Generator, what: str) -> bool:
    return bool(rng.random() < _PRESENT[what])
