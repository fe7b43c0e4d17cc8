"""Thin things in a chest that are no coronary arteries: lung vessels, folds, leads, wires."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from coroseg.simulation.scene import Array, Map, View
from coroseg.simulation.texture import blurred, draw_lines

_LEAD, _STERNUM, _CLIPS, _CABLE, _FOLDS = 0.05, 0.03, 0.04, 0.06, 0.3
"""The share of frames in which they are seen."""

_SPLINE: Array = CubicSpline(np.arange(7), np.eye(7))(np.linspace(0, 6, 40))
"""(40, 7): the points of a spline through seven knots, which depend on them linearly."""


def lung_vessels(rng: np.random.Generator, view: View) -> Map:
    """Return the lung's vessels, fine and coarse ones: about 1 where one is."""
    px_per_mm = 1 / view.spacing_mm
    canvas = np.zeros((view.size, view.size), dtype=np.float32)
    for width_mm, count, length_mm in ((1.2, 46, 22), (2.4, 26, 34), (4.5, 14, 50), (8.0, 6, 70)):
        lines = [
            _wander(rng, rng.uniform(-0.1, 1.1, 2) * view.size, length_mm * px_per_mm, 0.5)
            for _ in range(count)
        ]
        layer = np.zeros_like(canvas)
        draw_lines(layer, lines, width_mm * px_per_mm, 1.0)
        canvas += blurred(layer, 0.3 * width_mm * px_per_mm)
    return canvas


def foreign(rng: np.random.Generator, view: View) -> Map:
    """Return the attenuation of what few patients have: leads, sternal wires, clips, cables."""
    canvas = np.zeros((view.size, view.size), dtype=np.float32)
    px_per_mm = 1 / view.spacing_mm
    if rng.random() < _LEAD:
        line = _wander(rng, np.array([rng.uniform(0.1, 0.9), -0.02]) * view.size, 95 * px_per_mm, 1)
        draw_lines(canvas, [line], 1.3 * px_per_mm, rng.uniform(0.5, 0.9))
        draw_lines(canvas, [line[-6:]], 2.4 * px_per_mm, 0.7)
    if rng.random() < _STERNUM:
        place = np.array([rng.uniform(0.2, 0.8), rng.uniform(-0.1, 0.1)])
        for number in range(6):
            middle = view.size * (place + np.array([0.04, 0.19]) * number + rng.normal(0, 0.012, 2))
            angle = np.linspace(0, 2 * np.pi * rng.uniform(0.8, 1.1), 30) + rng.normal(0, 0.5)
            wide, high = rng.uniform(4, 9), rng.uniform(1.5, 4.5)
            loop = np.stack(
                [wide * np.cos(angle), high * np.sin(angle + rng.normal(0, 0.4))], axis=-1
            )
            draw_lines(canvas, [middle + loop * px_per_mm], 0.6 * px_per_mm, 0.8)
    if rng.random() < _CLIPS:
        for _ in range(rng.integers(2, 9)):
            start = rng.uniform(0.1, 0.9, 2) * view.size
            way = rng.normal(0, 1, 2)
            line = start + np.outer([0, 4], way / np.linalg.norm(way)) * px_per_mm
            draw_lines(canvas, [line], 1.1 * px_per_mm, 1.2)
    if rng.random() < _CABLE:
        side = rng.choice([-0.02, 1.02])
        start = np.array([side, rng.uniform(0.0, 0.5)]) * view.size
        line = _wander(rng, start, 120 * px_per_mm, 0.7)
        draw_lines(canvas, [line], 2.4 * px_per_mm, rng.uniform(0.08, 0.25))
    return blurred(canvas, 0.25 * px_per_mm)


def folds(rng: np.random.Generator, view: View) -> Map:
    """Return folds of skin and cloth at one side of some frames: long, faint, one edge sharp."""
    canvas = np.zeros((view.size, view.size), dtype=np.float32)
    if rng.random() > _FOLDS:
        return canvas
    rows, columns = np.indices(canvas.shape, dtype=np.float32) / view.size
    side = bool(rng.integers(2))
    for _ in range(rng.integers(1, 6)):
        bend = rng.normal(0, 0.1, 2)
        edge = rng.uniform(0.72, 1.05) + bend[0] * (rows - 0.5) + bend[1] * (rows - 0.5) ** 2
        beyond = (columns if side else 1 - columns) - edge.astype(np.float32)
        tail = np.exp(-np.maximum(beyond, 0) / np.float32(rng.uniform(0.02, 0.15)))
        canvas += np.float32(rng.normal(0, 0.07)) * np.where(beyond > 0, tail, 0)
    return blurred(canvas, 0.5 / view.spacing_mm)


def _wander(rng: np.random.Generator, start: Array, length_px: float, straying: float) -> Array:
    """Return a smooth line (n, 2) from `start` that strays from its way by some radians."""
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, straying, 6))
    if start[1] < 0:
        turns += np.pi / 2 - turns[0]
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=-1) * length_px / 6
    knots = np.concatenate([start[None], start + np.cumsum(steps, axis=0)])
    line: Array = _SPLINE @ knots
    return line
