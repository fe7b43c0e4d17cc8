"""What a simulated angiogram is made of, and what is known of it exactly.

In the patient: mm, the origin at the isocentre (near the heart's middle), x to the patient's left,
y to the back, z to the head. In an image: pixels (x, y), pixel centres at whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coroseg.simulation.heart import TYPICAL_HEART, Heart

Array = NDArray[np.float64]
Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Lesion:
    """A narrowing of a vessel, placed by arc length from the vessel's start.

    `diameter_stenosis` (0 to 1; 1 is an occlusion) is of the mean of the lumen's two axes at the
    middle. `eccentricity` is 0 for a round lumen, towards 1 for a slit.
    """

    middle_mm: float
    length_mm: float
    diameter_stenosis: float
    eccentricity: float


@dataclass(frozen=True)
class Vessel:
    """A named vessel, its points about 0.25 mm apart, from the ostium or its parent outward.

    The lumen's cross-section is an ellipse: its half axes are `half_axes_mm` (n, 2), the first
    along the unit vector `axis` (n, 3), which is normal to the vessel. `healthy_radius_mm` is the
    radius without lesions. `path_mm` is how far contrast has come from the ostium at each point.
    """

    name: str
    parent: str | None
    points_mm: Array
    axis: Array
    half_axes_mm: Array
    healthy_radius_mm: Array
    path_mm: Array
    lesions: tuple[Lesion, ...] = ()


@dataclass(frozen=True)
class Anatomy:
    """One coronary tree at end-diastole, parents before children.

    `artery` is LCA or RCA; `dominance` right, left or co.
    """

    artery: str
    dominance: str
    vessels: tuple[Vessel, ...]
    heart: Heart = TYPICAL_HEART


@dataclass(frozen=True)
class View:
    """A C-arm's position and detector. Angles as in DICOM: primary + is LAO, secondary + cranial.

    `pitch_mm` is the side of a detector pixel; the image is `size` pixels square.
    """

    source_to_detector_mm: float
    source_to_isocentre_mm: float
    primary_deg: float
    secondary_deg: float
    pitch_mm: float
    size: int

    @property
    def spacing_mm(self) -> float:
        """The side of a pixel at the isocentre, in mm."""
        return self.pitch_mm * self.source_to_isocentre_mm / self.source_to_detector_mm


@dataclass(frozen=True)
class BranchTruth:
    """A vessel as it is in the image: its axis's points (n, 2) and its lumen's width there.

    `width_px` is the width of the lumen's own shadow in this view, across its projected axis;
    `diameter_3d_mm` the mean of its axes in the patient. `healthy_width_px` is the width without
    lesions.
    `contrast` is 0 (no contrast has come) to 1; `overlapped` marks points that another vessel's
    lumen covers, `visible` those inside the field with contrast enough to be in the mask.
    `along_view` is how much of the vessel's direction is along the ray: 1 is end on.
    """

    name: str
    parent: str | None
    points: Array
    width_px: Array
    healthy_width_px: Array
    diameter_3d_mm: Array
    contrast: Array
    along_view: Array
    overlapped: Mask
    visible: Mask


@dataclass(frozen=True)
class LesionTruth:
    """A lesion as it is in the image; indices are those of its branch's points.

    `minimal_width_px` is at `minimum`; `diameter_stenosis` is 1 - width / healthy width there.
    """

    branch: str
    first: int
    minimum: int
    last: int
    minimal_width_px: float
    healthy_width_px: float
    diameter_stenosis: float
    lesion: Lesion


@dataclass(frozen=True)
class FrameTruth:
    """All that is known of one frame. `coverage` is the share of a pixel that the lumen covers.

    `mask` is where coverage of lumen with contrast is at least one half; `catheter` likewise.
    """

    coverage: Map
    mask: Mask
    catheter: Mask
    branches: tuple[BranchTruth, ...]
    lesions: tuple[LesionTruth, ...]
