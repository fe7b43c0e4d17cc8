"""Spurs: twigs of a skeleton that are no branches but bumps of a vessel's wall."""

from __future__ import annotations

from coroseg.geometry.graph import Stretch, joined, stretches_at
from coroseg.geometry.heading import heading
from coroseg.geometry.lumen import NOISE_HOLE, Lumen

MIN_REACH = 3.0
"""A twig that reaches less far beyond the wall is a spur of however thin a vessel, in pixels."""

FORK = 3
"""Stretches that meet at a node; fewer are an end or nothing."""


def without_spurs(stretches: list[Stretch], lumen: Lumen) -> list[Stretch]:
    """Return the stretches without spurs, those that then meet two at a node joined.

    The tip of a twig lies a radius beyond the end of its skeleton. The twig is a spur if its tip
    is less than the radius of the vessel that it leaves (and `MIN_REACH`) beyond that vessel's
    wall; that vessel is the widest other one at the node. All spurs of a node go at once, so that
    the two which lead into the corners of a blunt end leave no hook; where all of a node are spurs
    the two longest stay. A ring that is shorter than one around a noise hole goes too, and so does
    a piece whose skeleton is shorter than two of its radii (and `MIN_REACH`): it is less than twice
    as long as it is wide.
    """
    stretches = [s for s in stretches if s.start != s.end or s.length >= NOISE_HOLE / 2]
    while spurs := _spurs(stretches, lumen):
        stretches = joined(s for index, s in enumerate(stretches) if index not in spurs)
    return _without_blobs(stretches, lumen)


def _without_blobs(stretches: list[Stretch], lumen: Lumen) -> list[Stretch]:
    at = stretches_at(stretches)
    return [
        s
        for s in stretches
        if len(at[s.start]) + len(at[s.end]) > 2  # noqa: PLR2004
        or s.length >= 2 * max(float(lumen.radius_at(s.points).max()), MIN_REACH)
    ]


def _spurs(stretches: list[Stretch], lumen: Lumen) -> set[int]:
    """Return the indices of the spurs."""
    at = stretches_at(stretches)
    found: set[int] = set()
    for node, meeting in at.items():
        if len(meeting) < FORK:
            continue
        leaving = {index: stretches[index].leaving(node) for index in meeting}
        radius = {index: heading(each, lumen).radius for index, each in leaving.items()}
        reach: dict[int, float] = {}
        for index, twig in leaving.items():
            if len(at[twig.end]) == 1:
                parent = max(radius[other] for other in meeting if other != index)
                beyond = twig.length + float(lumen.radius_at(twig.points[-1:])[0]) - parent
                if beyond < max(parent, MIN_REACH):
                    reach[index] = beyond
        spurs = sorted(reach, key=reach.__getitem__)
        found.update(spurs[:-2] if len(spurs) == len(meeting) else spurs)
    return found
