"""The part of the image that the beam shows: all, a round field, or what the shutters leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coroseg.simulation.scene import Map, View

_SHUTTERED, _ROUND = 0.5, 0.05  # shares of the frames
_BLACKENED = 0.7
_HIDDEN = 0.6  # of a shuttered frame's sides
_NARROW = 0.08  # of the shuttered ones: a small field in a black image


@dataclass(frozen=True)
class Field:
    """`shutters` hide shares of the side at the left, top, right and bottom; 0 leaves it open.

    `radius` is that of a round field in sides of the image (0.5 touches its borders), or none.
    The edges are `penumbra_mm` wide at the isocentre. `blackened` frames are black outside.
    """

    shutters: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    radius: float | None = None
    penumbra_mm: float = 1.5
    blackened: bool = True

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Field:
        """Return a field by lot."""
        penumbra_mm, blackened = rng.uniform(0.6, 2.5), bool(rng.random() < _BLACKENED)
        kind = rng.random()
        if kind < _ROUND:
            return cls(radius=rng.uniform(0.49, 0.62), penumbra_mm=penumbra_mm, blackened=blackened)
        if kind > _ROUND + _SHUTTERED:
            return cls()
        widest = 0.2 if rng.random() < _NARROW else 0.045
        sides = rng.uniform(0, widest, 4) * (rng.random(4) < _HIDDEN)
        left, top, right, bottom = sides.tolist()
        return cls((left, top, right, bottom), None, penumbra_mm, blackened)


def opening(field: Field, view: View) -> Map | None:
    """Return how much of the beam comes to each pixel, 0 to 1; none where nothing hides it.

    One half is where the edge lies.
    """
    if field.radius is None and not any(field.shutters):
        return None
    steepness = 4.4 * view.spacing_mm / max(field.penumbra_mm, 1e-3)  # 10 to 90 % is the penumbra
    place = np.arange(view.size, dtype=np.float32)
    last = view.size - 1
    open_part = np.ones((view.size, view.size), dtype=np.float32)
    left, top, right, bottom = (share * view.size - 0.5 for share in field.shutters)
    for share, inside, column in zip(
        field.shutters,
        (place - left, place - top, last - place - right, last - place - bottom),
        (True, False, True, False),
        strict=True,
    ):
        if share > 0:
            edge = _step(inside * steepness)
            open_part *= edge if column else edge[:, None]
    if field.radius is not None:
        offset = place - last / 2
        apart = np.hypot(offset, offset[:, None])
        open_part *= _step((field.radius * view.size - apart) * steepness)
    return open_part


def _step(x: Map) -> Map:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)
