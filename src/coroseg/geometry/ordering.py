"""From stretches to branches: which end is the origin, which vessel goes on at a bifurcation."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from coroseg.geometry.graph import Stretch, piece_of_node, stretches_at
from coroseg.geometry.heading import Heading, heading
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.smoothing import arc_length
from coroseg.geometry.tree import Points

ORIGIN_LENGTH = 30.0
"""The width of an end is the mean over so many pixels of the vessel that begins there."""

GAP_RADII = 6.0
"""The end of a skeleton within 6 of its radii of another piece lies beyond a gap in a vessel, or
where a branch left it: 2 radii of these are within the mask."""


@dataclass(frozen=True)
class Route:
    """A branch along the skeleton, from its origin outward: the stretches that it runs through.

    `parent` is the number of the branch that it leaves, `joins` that of the one on which it ends,
    closing a cycle, which may be itself; numbers count from 1. `free_start` tells that it begins
    at an end of the skeleton, `ring` that it is a ring without any branch.
    """

    parent: int | None
    joins: int | None
    stretches: tuple[Stretch, ...]
    free_start: bool
    ring: bool


def ordered(
    stretches: list[Stretch], lumen: Lumen, root: tuple[float, float] | None = None
) -> list[Route]:
    """Return the branches of all pieces, parents before children, wide ones first.

    The piece that has the end nearest to `root` begins there, or else that with the widest end. Of
    the others, those that lie beyond a gap begin on the gap's far side (`GAP_RADII`), and those
    that lie by themselves at their widest end. At a bifurcation the vessel goes on along the
    stretch with the highest sum of width, relative to the widest, and cosine of the turn; the
    others are branches of their own. A branch that comes to a node where another has been ends
    there.
    """
    walk = _Walk(stretches, lumen)
    for node in _origins(stretches, lumen, root):
        walk.wait(node, walk.widest(node), None)
    while walk.waiting:
        _, index, node, parent = heapq.heappop(walk.waiting)
        if index not in walk.used:
            walk.go(node, index, parent)
    return walk.routes


@dataclass(frozen=True, eq=False)
class _End:
    """A node where a piece may begin, and how wide it is there."""

    node: int
    piece: int
    place: Points
    radius: float

    def gap(self, reached: list[Points]) -> float:
        """Return how far the end is from the nearest of the points reached, in px."""
        if not reached:
            return np.inf
        return float(np.hypot(*(np.concatenate(reached) - self.place).T).min())


class _Walk:
    """The walk over all stretches, each once, and the routes so far."""

    def __init__(self, stretches: list[Stretch], lumen: Lumen) -> None:
        self.stretches, self.lumen = stretches, lumen
        self.at = stretches_at(stretches)
        self.used: set[int] = set()
        self.seen: dict[int, int] = {}
        self.routes: list[Route] = []
        self.waiting: list[tuple[float, int, int, int | None]] = []

    def widest(self, node: int) -> int:
        """Return the index of the widest stretch that leaves a node."""
        return max(self.at[node], key=lambda index: self._leaving(index, node).radius)

    def wait(self, node: int, index: int, parent: int | None) -> None:
        """Put the branch that leaves the node along a stretch behind all that are wider."""
        width = self._leaving(index, node).radius
        heapq.heappush(self.waiting, (-width, index, node, parent))

    def go(self, node: int, index: int, parent: int | None) -> None:
        """Follow one branch to its end; what leaves it waits."""
        start, number = node, len(self.routes) + 1
        self.seen.setdefault(start, number)
        if parent is None:
            for other in set(self.at[start]) - {index}:
                self.wait(start, other, number)
        path = [self.stretches[index].leaving(start)]
        self.used.add(index)
        while (joins := self.seen.get(node := path[-1].end)) is None:
            self.seen[node] = number
            open_ = set(self.at[node]) - self.used
            if not open_:
                break
            index = self._going_on(path[-1], open_)
            for other in open_ - {index}:
                self.wait(node, other, number)
            self.used.add(index)
            path.append(self.stretches[index].leaving(node))
        route = Route(
            parent,
            joins,
            tuple(path),
            free_start=len(self.at[start]) == 1,
            ring=self.at[start] == [index, index],
        )
        self.routes.append(route)

    def _going_on(self, coming: Stretch, open_: set[int]) -> int:
        """Return the stretch along which the vessel goes on at the end of the one it comes by."""
        direction = -self._heading(coming.reverse()).direction
        leaving = {index: self._leaving(index, coming.end) for index in sorted(open_)}
        widest = max(each.radius for each in leaving.values())
        return max(
            leaving,
            key=lambda i: leaving[i].radius / widest + float(leaving[i].direction @ direction),
        )

    def _leaving(self, index: int, node: int) -> Heading:
        return self._heading(self.stretches[index].leaving(node))

    def _heading(self, stretch: Stretch) -> Heading:
        return heading(stretch, self.lumen)


def _origins(stretches: list[Stretch], lumen: Lumen, root: tuple[float, float] | None) -> list[int]:
    """Return the node where each connected piece begins."""
    at, pieces = stretches_at(stretches), piece_of_node(stretches)
    members: dict[int, list[int]] = {}
    for node in at:
        members.setdefault(pieces[node], []).append(node)
    ends: list[_End] = []
    for piece, nodes in members.items():
        # A piece without an end, such as a ring, begins at one of its nodes.
        for node in [node for node in nodes if len(at[node]) == 1] or nodes:
            arm = stretches[at[node][0]].leaving(node)
            ends.append(_End(node, piece, arm.points[0], _width(arm, lumen)))
    origins: list[int] = []
    reached: list[Points] = []
    while ends:
        if root is not None and not origins:
            first = min(ends, key=lambda end: float(np.hypot(*(end.place - root))))
        else:
            gaps = {end: end.gap(reached) for end in ends}
            beyond = [end for end in ends if gaps[end] <= GAP_RADII * end.radius]
            first = (
                min(beyond, key=gaps.__getitem__)
                if beyond
                else max(ends, key=lambda end: end.radius)
            )
        origins.append(first.node)
        reached += [s.points for s in stretches if pieces[s.start] == first.piece]
        ends = [end for end in ends if end.piece != first.piece]
    return origins


def _width(leaving: Stretch, lumen: Lumen) -> float:
    """Return the mean radius of the first `ORIGIN_LENGTH` of a stretch, in px."""
    near = leaving.points[arc_length(leaving.points) <= ORIGIN_LENGTH]
    return float(lumen.radius_at(near).mean())
