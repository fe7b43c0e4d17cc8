"""Spine and ribs as they are seen: attenuation above that of soft tissue."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from coroseg.simulation.camera import project
from coroseg.simulation.heart import Heart
from coroseg.simulation.scene import Array, Map, View
from coroseg.simulation.texture import blurred, draw_lines, fill, smooth_noise, warped

_SPINE_MM = (-27.0, 72.0)  # from the heart's middle: left, back
_VERTEBRA_MM = 26.0  # from one to the next, a disc with it
_BODY_MM = (16.5, 13.5, 10.2)  # half axes of a body: left, back, head
_RIB_MM = (122.0, 92.0)  # half axes of the rib cage: left, back
_RIB_WIDTH_MM = 11.0
_ROUND = np.linspace(0, 2 * np.pi, 24)


def bones(rng: np.random.Generator, view: View, heart: Heart) -> Map:
    """Return the bones' attenuation, natural logarithm; they stay where they are."""
    middle = np.add(heart.centre_mm, (*_SPINE_MM, rng.uniform(0, _VERTEBRA_MM)))
    middle[:2] += rng.normal(0, 5, 2)
    px_per_mm = 1 / view.spacing_mm
    spine = _spine(rng, view, middle)
    ribs = _ribs(rng, view, middle)
    bone = np.float32(rng.uniform(0.6, 1.15)) * spine + np.float32(rng.uniform(0.4, 1.1)) * ribs
    bone *= 1 + np.float32(0.08) * smooth_noise(rng, view.size, 1.5 * px_per_mm)
    shifts = [
        smooth_noise(rng, view.size, 9 * px_per_mm) * np.float32(0.8 * px_per_mm) for _ in range(2)
    ]
    return warped(bone, shifts[0], shifts[1])


def _spine(rng: np.random.Generator, view: View, middle: Array) -> Map:
    canvas = np.zeros((view.size, view.size), dtype=np.float32)
    lines = np.zeros_like(canvas)
    px_per_mm = 1 / view.spacing_mm
    bow = rng.normal(0, 2.5)
    width, depth, height = _BODY_MM * rng.normal(1, 0.05, 3)
    for number in range(-6, 7):
        curve = (bow * np.sin(number / 2.5), 0.35 * number**2, number * _VERTEBRA_MM)
        at = middle + curve + rng.normal(0, 0.4, 3)
        if not _near(view, at):
            continue

        def seen(*offsets: Array | float, at: Array = at) -> Array:
            points = np.stack(np.broadcast_arrays(*(np.atleast_1d(o) for o in offsets)), axis=-1)
            return project(points + at, view).points

        # A barrel with a waist: the outline is the hull of its rings.
        rings = [
            seen(w * width * np.cos(_ROUND), w * depth * np.sin(_ROUND), h * height)
            for h, w in ((-1, 1.08), (-0.5, 0.94), (0.5, 0.94), (1, 1.08))
        ]
        hulls = [
            cv2.convexHull(np.concatenate(pair).astype(np.float32))[:, 0].astype(float)
            for pair in pairwise(rings)
        ]
        fill(canvas, hulls, 0.17 * rng.uniform(0.85, 1.15))
        for ring in (rings[0], rings[3]):  # the rays graze some of an end plate's rim
            first, length = rng.integers(len(ring)), rng.integers(8, len(ring))
            arc = np.roll(ring[:-1], first, axis=0)[:length]
            draw_lines(lines, [arc], rng.uniform(0.7, 1.6) * px_per_mm, rng.uniform(0.04, 0.17))
        walls = [[ring[k] for ring in rings] for k in (0, 12)]
        draw_lines(lines, np.array(walls), 1.2 * px_per_mm, rng.uniform(0.03, 0.1))
        for side in (-1, 1):
            turn = rng.normal(0, 0.15)
            pedicle = seen(
                side * 12.5 + 3.2 * np.cos(_ROUND + turn), 21.0, 4 + 4.8 * np.sin(_ROUND)
            )
            draw_lines(lines, [pedicle], 1.4 * px_per_mm, rng.uniform(0.08, 0.22))
            process = seen(side * np.array([13.0, 24, 33]), np.array([24.0, 30, 36]), 6.0)
            draw_lines(canvas, [process], 7 * px_per_mm, 0.07)
            facet = seen(side * np.array([11.0, 14, 12]), 33.0, np.array([15.0, 6, -13]))
            draw_lines(canvas, [facet], 5 * px_per_mm, rng.uniform(0.05, 0.11))
        spinous = seen(
            rng.normal(0, 1) + 3.2 * np.cos(_ROUND),
            52 + 5 * np.sin(_ROUND),
            -13 + 9 * np.sin(_ROUND),
        )
        fill(canvas, [spinous], 0.06)
        draw_lines(lines, [spinous], 1.6 * px_per_mm, rng.uniform(0.1, 0.24))
        lamina = seen(np.array([-11.0, 0, 11]), np.array([28.0, 46, 28]), np.array([0.0, -9, 0]))
        draw_lines(canvas, [lamina], 5 * px_per_mm, 0.07)
    return blurred(canvas, 0.8 * px_per_mm) + blurred(lines, 0.35 * px_per_mm)


def _ribs(rng: np.random.Generator, view: View, middle: Array) -> Map:
    """Return both sides' ribs: bands whose edges, where the rays graze the cortex, are denser."""
    canvas = np.zeros((view.size, view.size), dtype=np.float32)
    edges = np.zeros_like(canvas)
    px_per_mm = 1 / view.spacing_mm
    around = np.linspace(0.15, 2.6, 36)
    drop = rng.uniform(60, 95)
    wide, deep = _RIB_MM * rng.normal(1, 0.05, 2)
    for number in range(-4, 8):
        for side in (-1, 1):
            points = np.stack(
                [
                    side * wide * np.sin(around),
                    -deep + 28 + deep * np.cos(around),
                    number * _VERTEBRA_MM - drop * ((1 - np.cos(around)) / 2) ** 1.2,
                ],
                axis=-1,
            )
            points += rng.normal(0, 1.5, 3)
            seen = project(points + middle, view).points
            across = np.gradient(seen, axis=0)[:, ::-1] * [1, -1]
            across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
            half = _RIB_WIDTH_MM / 2 * px_per_mm
            draw_lines(canvas, [seen], 2 * half, rng.uniform(0.035, 0.06))
            rims = [seen + across * half, seen - across * half]
            draw_lines(edges, rims, 1.2 * px_per_mm, rng.uniform(0.02, 0.07))
    return blurred(canvas, 0.7 * px_per_mm) + blurred(edges, 0.3 * px_per_mm)


def _near(view: View, at: Array) -> bool:
    """Return whether a vertebra here is in the image or beside it."""
    place = project(at[None], view).points[0]
    beyond = 45 / view.spacing_mm
    return bool(((place > -beyond) & (place < view.size + beyond)).all())
