"""How a clinic's workstation shows the counted signal: even, sharp, and fitted to the screen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from coroseg.simulation.scene import Map, View
from coroseg.simulation.texture import blurred

_DARKEST = 0.02  # of the reference signal, the least that is told apart


@dataclass(frozen=True)
class Display:
    """Processing in logarithms, then an S-shaped curve to the screen, which never falls.

    The share `evened` of what is wider than `evened_mm` is taken away, the share `sharpened` of
    what is finer than `sharpened_mm` added. The reference signal is shown at `level` (0 black to
    1 white); there, a signal that is 1 % higher is shown `gamma` * (1 - level) % higher.
    """

    level: float = 0.45
    gamma: float = 1.5
    evened: float = 0.3
    evened_mm: float = 15.0
    sharpened: float = 0.5
    sharpened_mm: float = 0.6

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Display:
        """Return a workstation by lot."""
        return cls(
            level=rng.uniform(0.36, 0.62),
            gamma=rng.uniform(1.1, 2.0),
            evened=rng.uniform(0.0, 0.5),
            evened_mm=rng.uniform(8, 25),
            sharpened=rng.uniform(0.2, 1.1),
            sharpened_mm=rng.uniform(0.35, 1.0),
        )

    def shown(self, signal: Map, view: View) -> Map:
        """Return the signal (1 is the reference) as it is shown, 0 to 1."""
        logarithm = np.asarray(cv2.log(np.maximum(signal, np.float32(_DARKEST))), dtype=np.float32)
        fine = logarithm
        if self.sharpened > 0:
            soft = blurred(logarithm, self.sharpened_mm / view.spacing_mm)
            fine = logarithm + np.float32(self.sharpened) * (logarithm - soft)
        if self.evened > 0:
            fine = fine - np.float32(self.evened) * blurred(
                logarithm, self.evened_mm / view.spacing_mm
            )
        return self.curve(fine)

    def curve(self, logarithm: Map) -> Map:
        """Return the screen's brightness, 0 to 1, of the signal's logarithm."""
        middle = np.log(self.level / (1 - self.level))
        exponent = cv2.exp(-np.float32(middle) - np.float32(self.gamma) * logarithm)
        return np.asarray(1 / (1 + exponent), dtype=np.float32)
