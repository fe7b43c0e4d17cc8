"""Contrast that is not in a coronary artery: spilled into the aortic root, and in the muscle."""

from __future__ import annotations

import numpy as np

from coroseg.simulation.camera import project
from coroseg.simulation.scene import Anatomy, Map, View
from coroseg.simulation.texture import blurred

_SPILLED = 0.55  # of the frames
_SWIRLS = 9
_ROOT_MM = 7.0  # from the ostium to the middle of the sinus
_BLUSH_MM = 0.25  # of full contrast, at most


def spilled_contrast(rng: np.random.Generator, anatomy: Anatomy, view: View) -> Map:
    """Return how many mm of full contrast the rays pass in the aortic root, beside the ostium.

    It belongs to no mask. It draws the same lots wherever the ostium is.
    """
    amount_mm = rng.gamma(1.5, 1.6) if rng.random() < _SPILLED else 0.0
    reach_mm = rng.uniform(1.5, 4.5)
    offsets = rng.normal(0, reach_mm, (_SWIRLS, 3))
    widths_mm = rng.uniform(1.2, 4.0, _SWIRLS)
    shares = rng.dirichlet(2 * np.ones(_SWIRLS))
    spilled = np.zeros((view.size, view.size), dtype=np.float32)
    if amount_mm == 0:
        return spilled
    line = anatomy.vessels[0].points_mm
    out = line[0] - line[min(24, len(line) - 1)]
    sinus = line[0] + _ROOT_MM * rng.uniform(0.2, 1) * out / np.linalg.norm(out)
    seen = project(sinus + offsets - [0, 0, 3], view)
    pixel = np.arange(view.size, dtype=np.float32)
    for (x, y), scale, width_mm, share in zip(
        seen.points, seen.px_per_mm, widths_mm, shares, strict=True
    ):
        sigma = width_mm * scale
        column, row = (np.exp(-0.5 * ((pixel - at) / sigma) ** 2) for at in (x, y))
        spilled += np.float32(amount_mm * share * reach_mm / width_mm) * np.outer(row, column)
    return np.minimum(spilled, 6.0, dtype=np.float32)


def blush(rng: np.random.Generator, coverage: Map, view: View) -> Map:
    """Return how many mm of full contrast are in the muscle around vessels that cover the image."""
    amount_mm = rng.uniform(0, _BLUSH_MM) * rng.random()
    near = blurred(coverage, rng.uniform(6, 12) / view.spacing_mm)
    return np.asarray(amount_mm * np.sqrt(np.clip(near, 0, 1)), dtype=np.float32)
