"""The skeleton of a mask as stretches between nodes: ends, bifurcations, crossings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.geometry.tree import Points
from coroseg.metrics import Mask


@dataclass(frozen=True, eq=False)
class Stretch:
    """A piece of skeleton from the node `start` to the node `end`; its points include both.

    A node is an end or where three or more stretches meet. `loop` marks a stretch of a cycle.
    """

    start: int
    end: int
    points: Points
    loop: bool = False

    @cached_property
    def length(self) -> float:
        """The length in pixels."""
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())

    def reverse(self) -> Stretch:
        """Return the same stretch from its end to its start."""
        return self._reversed

    @cached_property
    def _reversed(self) -> Stretch:
        return replace(self, start=self.end, end=self.start, points=self.points[::-1])

    def leaving(self, node: int) -> Stretch:
        """Return the stretch in the direction in which it leaves the node, one of its two."""
        return self if self.start == node else self.reverse()

    def then(self, other: Stretch) -> Stretch:
        """Return this stretch and one that begins where it ends as one."""
        points = np.concatenate([self.points, other.points[1:]])
        return Stretch(self.start, other.end, points, self.loop or other.loop)


def skeleton_graph(mask: Mask) -> list[Stretch]:
    """Return the stretches of the mask's skeleton (Lee et al. 1994), which is 8-connected.

    Zhang and Suen's thinning is quicker but eats up diagonal vessels two pixels wide.
    Pixels with three neighbours or more make the nodes: those that touch are one node, at their
    mean. A closed ring is a stretch from a node to itself.
    """
    from skimage.morphology import skeletonize

    thinned = skeletonize(mask, method="lee")  # type: ignore[no-untyped-call]
    skeleton = np.pad(thinned > 0, 1).astype(np.uint8)
    neighbours = cv2.boxFilter(skeleton, -1, (3, 3), normalize=False) - 1
    branching = skeleton.astype(bool) & (neighbours >= 3)  # noqa: PLR2004
    _, labels, _, centres = cv2.connectedComponentsWithStats(
        branching.view(np.uint8), connectivity=8
    )
    paths = skeleton.astype(bool) & ~branching
    return joined(_stretches(paths, np.asarray(labels, np.int32), np.asarray(centres, np.float64)))


def stretches_at(stretches: Iterable[Stretch]) -> dict[int, list[int]]:
    """Return, for every node, the indices of the stretches that meet there.

    A stretch from a node to itself stands there twice.
    """
    found: dict[int, list[int]] = defaultdict(list)
    for index, stretch in enumerate(stretches):
        found[stretch.start].append(index)
        found[stretch.end].append(index)
    return found


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return the stretches with those that meet two at a node joined: such a node is none."""
    kept = dict(enumerate(stretches))
    at = stretches_at(kept.values())
    for node, keys in at.items():
        if len(keys) == 2 and keys[0] != keys[1]:  # noqa: PLR2004
            first, second = keys
            other = kept.pop(second).leaving(node)
            kept[first] = kept[first].leaving(node).reverse().then(other)
            far = at[other.end]
            far[far.index(second)] = first
    return list(kept.values())


def marked_loops(stretches: list[Stretch]) -> list[Stretch]:
    """Return the stretches with `loop` set on those that lie on a cycle.

    One does if its two ends stay connected without it.
    """
    ends = _leafless(stretches)
    return [
        replace(stretch, loop=index in ends and _on_cycle(stretches, index))
        for index, stretch in enumerate(stretches)
    ]


def count_pieces(stretches: Iterable[Stretch]) -> int:
    """Return how many connected pieces the stretches make."""
    return len(set(piece_of_node(stretches).values()))


def piece_of_node(stretches: Iterable[Stretch]) -> dict[int, int]:
    """Return, for every node, one node that stands for its connected piece."""
    above: dict[int, int] = {}

    def top(node: int) -> int:
        while above.setdefault(node, node) != node:
            node = above[node]
        return node

    for stretch in stretches:
        above[top(stretch.start)] = top(stretch.end)
    return {node: top(node) for node in above}


def _leafless(stretches: list[Stretch]) -> set[int]:
    """Return the indices that are left when free ends are taken away until there is none."""
    left = set(range(len(stretches)))
    at = stretches_at(stretches)
    free = [node for node, meeting in at.items() if len(meeting) == 1]
    while free:
        node = free.pop()
        for index in at[node]:
            left.discard(index)
            other = stretches[index].leaving(node).end
            at[other].remove(index)
            if len(at[other]) == 1:
                free.append(other)
        at[node] = []
    return left


def _on_cycle(stretches: list[Stretch], index: int) -> bool:
    stretch = stretches[index]
    if stretch.start == stretch.end:
        return True
    others = piece_of_node(stretches[:index] + stretches[index + 1 :])
    return (
        stretch.start in others
        and stretch.end in others
        and others[stretch.start] == others[stretch.end]
    )


def _stretches(
    paths: Mask, labels: NDArray[np.int32], centres: NDArray[np.float64]
) -> Iterable[Stretch]:
    """Yield the 8-connected paths, each with the nodes that it runs between."""
    width = paths.shape[1]
    steps = (1, -1, width, -width, width + 1, width - 1, 1 - width, -1 - width)
    cluster = labels.ravel()
    left = dict.fromkeys(np.flatnonzero(paths).tolist())
    next_node = len(centres)

    def near(pixel: int) -> list[int]:
        return [pixel + step for step in steps if pixel + step in left]

    starts = [pixel for pixel in left if len(near(pixel)) < 2]  # noqa: PLR2004
    for start in [*starts, *left]:  # what is left after the paths that have an end are rings
        if start not in left:
            continue
        del left[start]
        path = [start]
        while following := near(path[-1]):
            path.append(following[0])
            del left[following[0]]
        touching = [
            [label for step in steps if (label := int(cluster[pixel + step]))]
            for pixel in (path[0], path[-1])
        ]
        points = np.stack([np.array(path) % width, np.array(path) // width], axis=1) - 1.0
        before, after = touching
        if len(path) == 1:
            before, after = before[:1], before[1:]
        ends = []
        for node in (before, after):
            ends.append(node[0] if node else next_node)
            next_node += not node
        if not (before or after) and start not in starts:
            ends[1] = ends[0]
            points = np.concatenate([points, points[:1]])
        head = centres[before[:1]] - 1 if before else points[:0]
        tail = centres[after[:1]] - 1 if after else points[:0]
        yield Stretch(ends[0], ends[1], np.concatenate([head, points, tail]))
