"""Crossings: where two vessels run over each other in the image and both go straight on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from coroseg.geometry.graph import Stretch, count_pieces, joined, stretches_at
from coroseg.geometry.heading import Heading, heading, turn
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.smoothing import arc_length
from coroseg.geometry.tree import Points

STRAIGHT_DEG = 35.0
"""By how much a vessel that crosses another may turn there."""

STRAIGHT_ALONE_DEG = 20.0
"""The same where the crossing alone connects a piece: then it would have no other origin."""

LINK = 2.5
"""Length of the stretch that two crossing vessels share, over the sum of the radii at its ends:
2.4 for two equal vessels that cross at 20 degrees."""

ALIKE = 0.5
"""A vessel is at least this wide after a crossing, relative to before, or the reverse."""


@dataclass(frozen=True)
class _Crossing:
    """Stretches to take out and the two through-going ones to put in."""

    turn_deg: float
    out: frozenset[int]
    through: tuple[Stretch, Stretch]


def with_crossings(stretches: list[Stretch], lumen: Lumen) -> list[Stretch]:
    """Return the stretches with those that meet at a crossing joined straight through it.

    A crossing is a node of four stretches, or two nodes of three whose link is short (`LINK`).
    The four make two pairs, of about the same width (`ALIKE`), that go straight on: neither leaves
    the lumen nor turns more than `STRAIGHT_DEG`, or `STRAIGHT_ALONE_DEG` where the piece falls
    apart. The straightest crossing is taken first.
    """
    while True:
        for crossing in sorted(_candidates(stretches, lumen), key=lambda c: c.turn_deg):
            left = [s for index, s in enumerate(stretches) if index not in crossing.out]
            crossed = joined([*left, *crossing.through])
            whole = count_pieces(crossed) == count_pieces(stretches)
            if whole or crossing.turn_deg <= STRAIGHT_ALONE_DEG:
                stretches = crossed
                break
        else:
            return stretches


def _candidates(stretches: list[Stretch], lumen: Lumen) -> Iterator[_Crossing]:
    at = stretches_at(stretches)
    for node, meeting in at.items():
        if len(meeting) == len(set(meeting)) == 4:  # noqa: PLR2004
            arms = [stretches[index].leaving(node) for index in meeting]
            yield from _straight_pairs(arms, None, lumen, frozenset(meeting))
    for index, link in enumerate(stretches):
        meeting = [i for node in (link.start, link.end) for i in at[node] if i != index]
        four = len(at[link.start]) == len(at[link.end]) == 3 and len(set(meeting)) == 4  # noqa: PLR2004
        if four and link.length <= LINK * lumen.radius_at(link.points[[0, -1]]).sum():
            arms = [stretches[i].leaving(link.start) for i in meeting[:2]]
            arms += [stretches[i].leaving(link.end) for i in meeting[2:]]
            yield from _straight_pairs(arms, link, lumen, frozenset([index, *meeting]))


def _straight_pairs(
    arms: list[Stretch], link: Stretch | None, lumen: Lumen, out: frozenset[int]
) -> Iterator[_Crossing]:
    """Yield the ways to pair the arms that leave a crossing so that both pairs go straight on.

    Of arms at both ends of a link each goes on at the other end.
    """
    headings = [heading(arm, lumen) for arm in arms]
    pairings = [((0, 2), (1, 3)), ((0, 3), (1, 2)), ((0, 1), (2, 3))][: 2 if link else 3]
    for pairs in pairings:
        turns = [_turn_through(headings[a], headings[b]) for a, b in pairs]
        alike = [_ratio(headings[a].radius, headings[b].radius) for a, b in pairs]
        inside = all(_in_lumen(headings[a].base, headings[b].base, lumen) for a, b in pairs)
        if inside and max(turns) <= STRAIGHT_DEG and min(alike) >= ALIKE:
            first, second = (
                Stretch(
                    arms[a].end,
                    arms[b].end,
                    np.concatenate(
                        [
                            _beyond_base(arms[a], headings[a])[::-1],
                            _beyond_base(arms[b], headings[b]),
                        ]
                    ),
                )
                for a, b in pairs
            )
            yield _Crossing(max(turns), out, (first, second))


def _turn_through(one: Heading, other: Heading) -> float:
    """Return how much a vessel turns that comes along one arm and leaves along the other."""
    across = other.base - one.base
    return max(turn(-one.direction, across), turn(across, other.direction))


def _in_lumen(one: Points, other: Points, lumen: Lumen) -> bool:
    """Return whether the straight line between two points leaves the lumen nowhere."""
    steps = np.linspace(0, 1, int(np.hypot(*(other - one))) + 2)[:, None]
    return bool(lumen.contains(one + steps * (other - one)).all())


def _ratio(a: float, b: float) -> float:
    return min(a, b) / max(a, b)


def _beyond_base(arm: Stretch, leaving: Heading) -> Points:
    """Return the arm's points from its base on: before it the skeleton is of both vessels."""
    return np.concatenate([leaving.base[None], arm.points[arc_length(arm.points) > leaving.begin]])
