"""Images whose pixels are not square, on a grid of square ones, and points back again."""

from dataclasses import dataclass

import numpy as np

from coroseg.angiogram import Frame
from coroseg.errors import SpacingError
from coroseg.geometry.tree import Points
from coroseg.metrics import Mask
from coroseg.spacing import PixelSpacing

SAME = 1e-3
"""Sides of a pixel that differ by less than this share are one: headers round their numbers."""

MAX_RATIO = 8.0
"""Pixels longer than this are a wrong header; squaring them would only fill the memory."""


@dataclass(frozen=True)
class SquareGrid:
    """A grid of square pixels over an image, both with their top left corner at the same place.

    `scale` is how many of its pixels lie along one of the image's, (x, y): 1 along the finer side.
    """

    scale: tuple[float, float]

    @property
    def is_image(self) -> bool:
        """Whether the image's own pixels are square."""
        return self.scale == (1.0, 1.0)

    def from_image(self, points: Points) -> Points:
        """Return points (n, 2) of the image as points of the grid; centres at whole numbers."""
        return (points + 0.5) * self.scale - 0.5

    def to_image(self, points: Points) -> Points:
        """Return points (n, 2) of the grid as points of the image."""
        return (points + 0.5) / self.scale - 0.5

    def resample(self, image: Frame) -> Frame:
        """Return the image on the grid, by cubic splines."""
        return self._sampled(image, order=3)

    def resample_mask(self, mask: Mask) -> Mask:
        """Return the mask on the grid: where its linear interpolation is one half or more."""
        return self._sampled(mask.astype(np.float32), order=1) >= np.float32(0.5)

    def _sampled(self, image: Frame, order: int) -> Frame:
        from scipy.ndimage import affine_transform

        step = 1 / np.array(self.scale[::-1])  # (row, column)
        size = np.rint(np.array(image.shape) / step).astype(int)
        sampled: Frame = affine_transform(
            image, step, (step - 1) / 2, tuple(size), order=order, mode="nearest"
        )
        return sampled


def square_grid(spacing: PixelSpacing | None) -> SquareGrid:
    """Return the grid whose pixels have the finer side of the image's.

    Where the size of a pixel is not known it is taken for square. Raises `SpacingError` for sides
    that differ by more than `MAX_RATIO`.
    """
    if spacing is None:
        return SquareGrid((1.0, 1.0))
    row_mm, column_mm = spacing.mm
    fine, coarse = sorted(spacing.mm)
    if coarse > MAX_RATIO * fine:
        raise SpacingError(
            f"pixels of {row_mm} x {column_mm} mm ({spacing.source}) are too long to be measured "
            "on: pass --spacing MM"
        )
    if coarse <= (1 + SAME) * fine:
        return SquareGrid((1.0, 1.0))
    return SquareGrid((column_mm / fine, row_mm / fine))
