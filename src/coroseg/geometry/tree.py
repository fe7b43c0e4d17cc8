"""What is measured in one frame: a tree of branches with their diameters and lesions.

Points are (x, y) in pixels of the image, pixel centres at whole numbers, as in the contours.
Lengths and diameters end in `_px` or `_mm`; those in mm exist where the size of a pixel is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coroseg.spacing import PixelSpacing

Points = NDArray[np.float64]
"""(n, 2): x, y."""
Values = NDArray[np.float64]
"""(n,): one value a point."""
Marks = NDArray[np.bool_]
"""(n,): one mark a point."""


@dataclass(frozen=True)
class Centreline:
    """A vessel's centreline from where it begins (ostium or parent) outward, evenly spaced.

    It goes on through bifurcations along the vessel that continues; what leaves it there is a
    branch of its own. `parent` is the number of the branch that it leaves, at the parent's point
    `parent_index`; both are None for a vessel that begins by itself. `junction` marks points whose
    lumen is shared with another branch (bifurcation or crossing) that is not much thinner, `loop`
    those of a closed loop: vessels that overlap in the image, for a tree has none. Numbers count
    from 1.
    """

    number: int
    parent: int | None
    parent_index: int | None
    points: Points
    arc_px: Values
    mask_diameter_px: Values
    junction: Marks
    loop: Marks

    @property
    def length_px(self) -> float:
        """The length of the centreline in pixels."""
        return float(self.arc_px[-1])


@dataclass(frozen=True)
class Diameters:
    """The lumen's diameter at every point of a centreline.

    `px` is nan where none could be measured. `from_edge` marks those measured on the image; the
    others come from the mask. `confidence` is 0 (none) to 1.
    """

    px: Values
    from_edge: Marks
    confidence: Values


@dataclass(frozen=True)
class Stenosis:
    """A narrowing of one branch; the indices are those of its points.

    `diameter_stenosis` is 1 - MLD / reference diameter at the place of the MLD (0 to 1). `flags`
    say why it may be no lesion: `overlap`, `foreshortened`, `low_contrast`, `junction`, `end`,
    `uneven`, `small`. One that has any is not counted as a lesion.
    """

    branch: int
    first: int
    minimum: int
    last: int
    minimal_diameter_px: float
    reference_diameter_px: float
    diameter_stenosis: float
    length_px: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Branch:
    """A centreline with its diameters, and the healthy (reference) diameter at every point."""

    centreline: Centreline
    diameters: Diameters
    reference_px: Values
    stenoses: tuple[Stenosis, ...] = ()


@dataclass(frozen=True)
class VesselTree:
    """All branches of one frame, parents before children.

    `spacing` is that of the square grid on which they were measured: its pixels are those of the
    image; where these are not square, lengths and diameters count pixels of their finer side,
    while points stay those of the image.
    """

    branches: tuple[Branch, ...]
    spacing: PixelSpacing | None
    flags: tuple[str, ...] = field(default=())

    @property
    def stenoses(self) -> tuple[Stenosis, ...]:
        """The narrowings of all branches, the tightest first."""
        found = (stenosis for branch in self.branches for stenosis in branch.stenoses)
        return tuple(sorted(found, key=lambda s: -s.diameter_stenosis))

    @property
    def lesions(self) -> tuple[Stenosis, ...]:
        """The narrowings without flags, the tightest first: lesion 1, 2, ..."""
        return tuple(stenosis for stenosis in self.stenoses if not stenosis.flags)

    def branch_of(self, stenosis: Stenosis) -> Branch:
        """Return the branch that the narrowing is on."""
        (branch,) = (b for b in self.branches if b.centreline.number == stenosis.branch)
        return branch

    def place(self, stenosis: Stenosis) -> Points:
        """Return where the lumen is narrowest, (2,): x, y."""
        return np.asarray(self.branch_of(stenosis).centreline.points[stenosis.minimum])
