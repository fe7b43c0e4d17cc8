"""Where labels stand beside the rings that they name: inside the picture, none over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coroseg.geometry.tree import Points

CLEAR_PX = 4.0
"""A label keeps so far from its ring."""

RINGS_OUT = 4
"""Places are tried up to so many of the label's heights further out."""


@dataclass(frozen=True)
class Ring:
    """A ring in pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Return whether the two have an area in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def count(self, points: Points) -> int:
        """Return how many of the points (n, 2) are inside."""
        low, high = (self.left, self.top), (self.right, self.bottom)
        return int(((points >= low) & (points <= high)).all(axis=1).sum())


def place_labels(
    rings: Sequence[Ring],
    sizes: Sequence[tuple[float, float]],
    picture: tuple[float, float],
    lines: Points,
) -> list[Box]:
    """Return a place for each ring's label of the size (wide, high), the first ring's first.

    It lies inside the `picture` (its width and height) and covers no ring, no earlier label and as
    few as can be of the points (x, y) of `lines`; the nearest such place, beginning at the right.
    If there is none, the right side, moved into the picture.
    """
    width, height = picture
    taken = [Box(r.x - r.radius, r.y - r.radius, r.x + r.radius, r.y + r.radius) for r in rings]
    placed = []
    for ring, (wide, high) in zip(rings, sizes, strict=True):
        places = list(_places(ring, wide, high))
        free = [
            box
            for box in places
            if min(box.left, box.top) >= 0
            and box.right <= width
            and box.bottom <= height
            and not any(box.meets(other) for other in taken)
        ]
        best = min(free, key=lambda box: box.count(lines), default=None)
        box = best or _moved_inside(places[0], width, height)
        taken.append(box)
        placed.append(box)
    return placed


def _places(ring: Ring, wide: float, high: float) -> Iterator[Box]:
    """Yield the places around a ring: right, left, below, above, then between, ever further out."""
    for step in range(RINGS_OUT):
        away = ring.radius + CLEAR_PX + step * high
        for across, down in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            x = ring.x + across * (away + wide / 2)
            y = ring.y + down * (away + high / 2)
            yield Box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)


def _moved_inside(box: Box, width: float, height: float) -> Box:
    wide, high = box.right - box.left, box.bottom - box.top
    left = min(max(box.left, 0.0), max(width - wide, 0.0))
    top = min(max(box.top, 0.0), max(height - high, 0.0))
    return Box(left, top, left + wide, top + high)
