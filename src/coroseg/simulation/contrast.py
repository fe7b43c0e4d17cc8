"""How contrast comes down the vessels and is washed out.

A front of injected contrast leaves the ostium at a steady speed and grows wider on its way; while
the injection lasts the heart's beat mixes in some blood; afterwards the contrast fades away as out
of a mixing chamber (exponentially), near the ostium first. An occluded vessel ends at
its occlusion (see `lesions`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coroseg.simulation.scene import Array

_SPREAD_MM = 120.0  # the way on which the front's width doubles
_HALF_FILLED = 0.15  # the share of single frames that are taken before all vessels are full
_FIRST_HALF_FILLED = 0.35  # of the time from arrival to full


@dataclass(frozen=True)
class Bolus:
    """One injection of contrast; times are counted from the run's first frame.

    `arrival_s` is when it comes to the ostium, `front_s` how long its front takes to pass there,
    `fade_s` the time constant of the fading. `mixing` is the largest share of blood (0 to 1) that
    is mixed in during the injection, once in `beat_s`.
    """

    arrival_s: float
    speed_mm_s: float
    injection_s: float
    front_s: float
    fade_s: float
    mixing: float
    beat_s: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, beat_s: float) -> Bolus:
        """Return an injection by lot, for a heart that beats once in `beat_s`."""
        return cls(
            arrival_s=rng.uniform(0.3, 0.6),
            speed_mm_s=rng.uniform(150, 300),
            injection_s=rng.uniform(1.3, 1.9),
            front_s=rng.uniform(0.1, 0.25),
            fade_s=rng.uniform(0.15, 0.35),
            mixing=rng.uniform(0, 0.25),
            beat_s=beat_s,
        )

    def at(self, path_mm: Array, seconds: float) -> Array:
        """Return the contrast, 0 to 1, at each `path_mm` from the ostium."""
        spread = 1 + path_mm / _SPREAD_MM
        since = seconds - self.arrival_s - path_mm / self.speed_mm_s
        arrived = np.clip(since / (self.front_s * spread), 0, 1)
        fading = np.maximum(since - self.injection_s, 0) / (self.fade_s * spread)
        blood = self.mixing * (0.5 - 0.5 * np.cos(2 * np.pi * since / self.beat_s))
        contrast: Array = arrived**2 * (3 - 2 * arrived) * (1 - blood) * np.exp(-fading)
        return contrast

    def full_s(self, path_mm: float) -> float:
        """Return when the front has passed the point at `path_mm` from the ostium."""
        passing_s = self.front_s * (1 + path_mm / _SPREAD_MM)
        return self.arrival_s + path_mm / self.speed_mm_s + passing_s

    def single_frame_s(self, rng: np.random.Generator, path_mm: float) -> float:
        """Return the time of a single frame: mostly when the vessels up to `path_mm` are full."""
        full_s = self.full_s(path_mm)
        if rng.random() < _HALF_FILLED:
            return float(
                self.arrival_s + rng.uniform(_FIRST_HALF_FILLED, 1) * (full_s - self.arrival_s)
            )
        return float(rng.uniform(full_s, max(full_s, self.arrival_s + self.injection_s)))
