"""Heartbeat and breathing: where the vessels are at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from coroseg.simulation.courses import tangents_of, unit
from coroseg.simulation.heart import Heart
from coroseg.simulation.scene import Anatomy, Array

_BASE = -0.4  # where the valves' plane lies on the long axis, in half axes
_TO_FEET = np.array([0.0, -0.25, -0.97])  # breathing in moves the heart down, a little forward
_HELD = 0.5  # share of patients that hold their breath as they are told


@dataclass(frozen=True)
class Motion:
    """How a heart beats and a patient breathes; both are periodic, times in seconds.

    In systole (`systole_s`) the vessels come nearer to the long axis by the share `contraction`,
    the base descends by `descent_mm` towards the apex, and the apex turns by `twist_deg` against
    the base; they go back in `relaxation_s` and rest until the next beat. `breath_mm` is how far
    breathing in moves the heart towards the feet. The phases (0 to 1) are those at time 0.
    """

    heart_period_s: float
    systole_s: float
    relaxation_s: float
    contraction: float
    descent_mm: float
    twist_deg: float
    heart_phase: float
    breath_period_s: float
    breath_mm: float
    breath_phase: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Motion:
        """Return a patient's motion: 55 to 105 beats a minute."""
        period = 60 / rng.uniform(55, 105)
        return cls(
            heart_period_s=period,
            systole_s=0.3 * period**0.5,
            relaxation_s=rng.uniform(0.2, 0.26) * period**0.5,
            contraction=rng.uniform(0.06, 0.15),
            descent_mm=rng.uniform(7.0, 14.0),
            twist_deg=rng.uniform(6.0, 14.0),
            heart_phase=rng.random(),
            breath_period_s=rng.uniform(3.0, 5.0),
            breath_mm=rng.uniform(0.0, 1.0) if rng.random() < _HELD else rng.uniform(2.0, 8.0),
            breath_phase=rng.random(),
        )

    def systole(self, seconds: float) -> float:
        """Return how far the heart has contracted: 0 at end-diastole, 1 at end-systole."""
        since = (seconds / self.heart_period_s + self.heart_phase) % 1.0 * self.heart_period_s
        if since < self.systole_s:
            share = since / self.systole_s
        else:
            share = 1 + min(1.0, (since - self.systole_s) / self.relaxation_s)
        return float((1 - np.cos(np.pi * share)) / 2)

    def breath(self, seconds: float) -> float:
        """Return how deep the breath is: 0 out (where it lingers), 1 in."""
        turn = 2 * np.pi * (seconds / self.breath_period_s + self.breath_phase)
        return float(((1 - np.cos(turn)) / 2) ** 2)

    def at(self, anatomy: Anatomy, seconds: float) -> Anatomy:
        """Return the anatomy at a time: its points moved, its lumen carried along unchanged."""
        heart = anatomy.heart
        shift = self.breath(seconds) * self.breath_mm * _TO_FEET
        lengths = [len(vessel.points_mm) for vessel in anatomy.vessels]
        points = np.concatenate([vessel.points_mm for vessel in anatomy.vessels])
        axes = np.concatenate([vessel.axis for vessel in anatomy.vessels])
        contracted = self.systole(seconds)
        moved = self._beaten(heart, points, contracted) + shift
        # A short step along each axis is moved too: it shows how the lumen turns.
        turned = self._beaten(heart, points + 0.1 * axes, contracted) + shift - moved
        ends = np.cumsum(lengths)[:-1]
        vessels = []
        for vessel, line, axis in zip(
            anatomy.vessels, np.split(moved, ends), np.split(turned, ends), strict=True
        ):
            tangents = tangents_of(line)
            normal = axis - np.sum(axis * tangents, axis=1, keepdims=True) * tangents
            vessels.append(replace(vessel, points_mm=line, axis=unit(normal)))
        return replace(
            anatomy,
            vessels=tuple(vessels),
            heart=replace(heart, centre_mm=tuple((np.array(heart.centre_mm) + shift).tolist())),
        )

    def _beaten(self, heart: Heart, points: Array, contracted: float) -> Array:
        """Return the points (n, 3) of a heart that has `contracted` (0 to 1)."""
        place = (points - heart.centre_mm) @ heart.axes.T
        up = place[:, 0] / heart.half_axes_mm[0]
        # The descent is greatest at the base, none at the apex, less again at the aortic root.
        share = np.sin(np.pi / 2 * np.clip((1 - up) / (1 - _BASE), 0.0, 2.0))
        angle = np.radians(self.twist_deg) * contracted * (up - _BASE) / (1 - _BASE)
        nearer = 1 - self.contraction * contracted * share
        moved = np.stack(
            [
                place[:, 0] + self.descent_mm * contracted * share,
                nearer * (np.cos(angle) * place[:, 1] + np.sin(angle) * place[:, 2]),
                nearer * (np.cos(angle) * place[:, 2] - np.sin(angle) * place[:, 1]),
            ],
            axis=1,
        )
        beaten: Array = moved @ heart.axes + heart.centre_mm
        return beaten
