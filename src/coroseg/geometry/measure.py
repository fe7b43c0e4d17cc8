"""The one path from a mask to its measures: centrelines -> diameters -> reference -> stenoses."""

from dataclasses import replace
from typing import overload

import numpy as np

from coroseg.angiogram import Frame
from coroseg.errors import DataError
from coroseg.geometry.centreline import find_centrelines
from coroseg.geometry.diameter import measure_all_diameters
from coroseg.geometry.grid import square_grid
from coroseg.geometry.merged import without_merged
from coroseg.geometry.stenosis import find_stenoses
from coroseg.geometry.tree import Branch, VesselTree
from coroseg.metrics import Mask
from coroseg.segmentation.segment import Segmentation
from coroseg.spacing import PixelSpacing, SpacingSource

LOOP = "loop"
FROM_MASK = "from_mask"

SMALL, SMALL_SHARE = "small", 0.45
"""Lesions count in vessels of 1.5 mm and more (as in the SYNTAX score): by the width of the
tree's widest branch, which is 3 to 4 mm, since the size of a pixel is often not known."""


@overload
def measure(vessels: Segmentation) -> VesselTree: ...


@overload
def measure(
    vessels: Mask, image: Frame, spacing_mm: float | tuple[float, float] | None = None
) -> VesselTree: ...


def measure(
    vessels: Segmentation | Mask,
    image: Frame | None = None,
    spacing_mm: float | tuple[float, float] | None = None,
) -> VesselTree:
    """Return the branches, diameters and stenoses of a segmentation, or of a mask and its image.

    The image is (rows, columns), 0 = black to 1 = white, vessels dark; `spacing_mm` the size of a
    pixel, one number or (row, column). Raises `DataError` where the two do not belong together.
    """
    if isinstance(vessels, Segmentation):
        if image is not None or spacing_mm is not None:
            raise DataError("a segmentation has its own image and spacing: pass it alone")
        return measure_mask(vessels.mask, vessels.image, vessels.spacing)
    if image is None:
        raise DataError("a mask is measured on its image: pass measure(mask, image)")
    if spacing_mm is None:
        return measure_mask(vessels, image, None)
    mm = spacing_mm if isinstance(spacing_mm, tuple) else (spacing_mm, spacing_mm)
    return measure_mask(vessels, image, PixelSpacing(mm, SpacingSource.USER))


def measure_mask(mask: Mask, image: Frame, spacing: PixelSpacing | None) -> VesselTree:
    """Return what is measured of the vessels in `mask`, (rows, columns), on their `image`.

    Flags of the tree: `loop` where vessels overlap to closed loops, `from_mask` where more
    diameters come from the mask than from the image. Raises `DataError` for a mask of another size
    or kind than the image's, `SpacingError` for pixels that are far from square.
    """
    if mask.dtype != np.bool_ or mask.shape != image.shape:
        raise DataError(
            f"a mask of {mask.dtype}, {mask.shape}, and an image of {image.shape}: "
            "pass a boolean mask of the image's rows and columns"
        )
    grid = square_grid(spacing)
    if not grid.is_image:
        mask, image = grid.resample_mask(mask), grid.resample(image)
    centrelines = find_centrelines(mask)
    branches = []
    measured = measure_all_diameters(image, mask, centrelines)
    for line, each in zip(centrelines, measured, strict=True):
        diameters, reference_px = without_merged(line, each)
        stenoses = find_stenoses(line, diameters, reference_px, image, mask)
        in_image = line if grid.is_image else replace(line, points=grid.to_image(line.points))
        branches.append(Branch(in_image, diameters, reference_px, stenoses))
    branches = _without_small(branches)
    side = spacing and PixelSpacing((min(spacing.mm),) * 2, spacing.source)
    return VesselTree(tuple(branches), side, _flags(branches))


def _without_small(branches: list[Branch]) -> list[Branch]:
    """Return the branches with the narrowings of small vessels flagged `small`.

    A vessel's reference diameter is compared with the largest median of a branch.
    """
    known = [b.reference_px for b in branches if np.isfinite(b.reference_px).any()]
    least = SMALL_SHARE * max((float(np.median(reference)) for reference in known), default=0.0)
    return [
        replace(
            branch,
            stenoses=tuple(
                replace(s, flags=(*s.flags, SMALL)) if s.reference_diameter_px < least else s
                for s in branch.stenoses
            ),
        )
        for branch in branches
    ]


def _flags(branches: list[Branch]) -> tuple[str, ...]:
    points = sum(int(np.isfinite(branch.diameters.px).sum()) for branch in branches)
    on_image = sum(int(branch.diameters.from_edge.sum()) for branch in branches)
    flags = []
    if any(branch.centreline.loop.any() for branch in branches):
        flags.append(LOOP)
    if on_image < points / 2:
        flags.append(FROM_MASK)
    return tuple(flags)
