"""The size of a pixel in mm, and how it is known."""

from dataclasses import dataclass
from enum import StrEnum

from coroseg.errors import SpacingError


class SpacingSource(StrEnum):
    """How a pixel size was obtained, the most trustworthy first."""

    USER = "user"
    CATHETER = "catheter"
    FIDUCIAL = "fiducial"
    GEOMETRY = "geometry"
    OBJECT_PLANE = "object_plane"
    MAGNIFICATION = "magnification"
    DISTANCES = "distances"
    PIXEL_SPACING_UNSPECIFIED = "pixel_spacing_unspecified"
    IMAGE_HEADER = "image_header"
    DETECTOR_PLANE = "detector_plane"


@dataclass(frozen=True)
class PixelSpacing:
    """The distance between pixel centres, `(row, column)` in mm, and its source.

    Raises `SpacingError` where a distance is not a positive finite number.
    """

    mm: tuple[float, float]
    source: SpacingSource

    def __post_init__(self) -> None:
        if not all(0 < value < float("inf") for value in self.mm):
            raise SpacingError(
                f"pixel spacing {self.mm} mm ({self.source}) is not positive: pass --spacing MM"
            )
