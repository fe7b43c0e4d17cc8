"""The C-arm positions in which coronary arteries are looked at.

Source: Di Mario and Sutaria, "Coronary angiography in the angioplasty era: projections with a
meaning", Heart 91 (2005) 968-976, table 2.
"""

import numpy as np

from coroseg.simulation.scene import View

PROJECTIONS = {
    "LCA": (
        ((40, 50), (-40, -25)),
        ((-15, 0), (-30, -30)),
        ((-45, -30), (-40, -30)),
        ((-10, 0), (35, 45)),
        ((30, 45), (25, 35)),
        ((90, 90), (-30, 30)),
        ((-45, -30), (0, 0)),
    ),
    "RCA": (
        ((45, 60), (0, 0)),
        ((-45, -30), (0, 0)),
        ((-10, 0), (35, 45)),
        ((30, 45), (25, 35)),
        ((90, 90), (0, 30)),
    ),
}
"""Ranges of the primary (+ LAO) and the secondary (+ cranial) angle, in degrees."""

_SCATTER_DEG = 3.0
_FIELD_MM = (77.0, 120.0, 179.0)
"""The side of the image at the isocentre: least, most frequent, largest. 0.15 to 0.35 mm a pixel
where there are 512."""


def draw_view(rng: np.random.Generator, artery: str, size: int) -> View:
    """Return a view of `artery` (LCA or RCA) by lot: a standard projection, not quite met."""
    projections = PROJECTIONS[artery]
    primary_deg, secondary_deg = (
        rng.uniform(*ends) + rng.normal(0, _SCATTER_DEG)
        for ends in projections[rng.integers(len(projections))]
    )
    to_detector_mm, to_isocentre_mm = rng.uniform(950, 1150), rng.uniform(700, 800)
    field_mm = rng.triangular(*_FIELD_MM)
    return View(
        source_to_detector_mm=to_detector_mm,
        source_to_isocentre_mm=to_isocentre_mm,
        primary_deg=primary_deg,
        secondary_deg=secondary_deg,
        pitch_mm=field_mm / size * to_detector_mm / to_isocentre_mm,
        size=size,
    )
