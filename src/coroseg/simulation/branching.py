"""How wide a vessel is: it tapers, and gives up lumen to its branches.

The bifurcation law is Huo and Kassab's (2009): D**(7/3) of the mother is the sum of D**(7/3) of
her daughters. (Finet's linear law is meant for daughters alike in size; small side branches would
make the mother's continuation wider than herself.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coroseg.simulation.scene import Array

EXPONENT = 7 / 3
_ENDING_MM = 20.0
_ENDING_SHARE = 0.4


def continuation(mother: float, branch: float) -> float:
    """Return the diameter with which `mother` goes on beyond a `branch` (the law above)."""
    return float((mother**EXPONENT - branch**EXPONENT) ** (1 / EXPONENT))


def shares(mother: float, weights: Sequence[float]) -> list[float]:
    """Return the daughters' diameters, in proportion to `weights`, into which `mother` divides."""
    total = sum(weight**EXPONENT for weight in weights) ** (1 / EXPONENT)
    return [mother * weight / total for weight in weights]


def calibre(
    arc_mm: Array,
    diameter_mm: float,
    tip: float,
    branches: Sequence[tuple[float, float, float]],
    *,
    fades: bool = True,
) -> tuple[Array, list[float]]:
    """Return the healthy diameter at each point, and each branch's own at its origin, in mm.

    `tip` is the share of the diameter that the taper leaves at the end. `branches` are
    (arc length, wished diameter, the most it may be of the mother's), sorted. The mother narrows
    over a stretch as long as she is wide, from the branch's origin on. A vessel that `fades` ends
    in small ones that nobody sees: over its last stretch it narrows to less than half.
    """
    done = arc_mm / arc_mm[-1]
    diameters = diameter_mm * (1 - (1 - tip) * (0.45 * done + 0.55 * done**4))
    given = []
    for at_mm, wished, widest in branches:
        mother = float(np.interp(at_mm, arc_mm, diameters))
        branch = min(wished, widest * mother)
        past = np.clip((arc_mm - at_mm) / mother, 0.0, 1.0)
        left = continuation(mother, branch) / mother
        diameters = diameters * (1 - (1 - left) * past**2 * (3 - 2 * past))
        given.append(branch)
    if fades:
        ending_mm = min(_ENDING_MM, _ENDING_SHARE * arc_mm[-1])
        near = np.clip((arc_mm - arc_mm[-1]) / ending_mm + 1, 0.0, 1.0)
        diameters = diameters * (1 - 0.6 * near**2)
    return diameters, given
