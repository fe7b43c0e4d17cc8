"""Where a point of the patient is seen: a cone of rays from the source to a flat detector.

Patient and image as in `scene`. The isocentre falls on the middle of the image, `(size - 1) / 2`.
The image is seen from the detector's side: at 0/0 the patient's left is on its right, feet below.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coroseg.simulation.scene import Array, View


@dataclass(frozen=True)
class Projection:
    """Points as they are seen: `points` (n, 2) in px, `px_per_mm` (n,) at their depths.

    `ray` (n, 3) are the unit vectors from the source to the points. `slant` (n,) is how much of
    the ray is along the beam's middle: 1 there, less towards the image's corners.
    """

    points: Array
    px_per_mm: Array
    ray: Array
    slant: Array


@lru_cache(maxsize=16)
def camera_axes(view: View) -> tuple[Array, Array, Array]:
    """Return the unit vectors of image x, of image y, and from the isocentre to the detector.

    Primary and secondary angles are DICOM PS3.3 C.8.7.5.1.2: the detector in front of the patient
    is 0/0, to the patient's left 90/0 (LAO), at the head 0/90 (cranial).
    """
    primary, secondary = np.deg2rad([view.primary_deg, view.secondary_deg])
    right = np.array([np.cos(primary), np.sin(primary), 0.0])
    detector = np.array(
        [
            np.sin(primary) * np.cos(secondary),
            -np.cos(primary) * np.cos(secondary),
            np.sin(secondary),
        ]
    )
    axes = right, np.cross(right, detector), detector
    for axis in axes:
        axis.flags.writeable = False
    return axes


def project(points_mm: Array, view: View) -> Projection:
    """Return how points (n, 3) in mm are seen; they lie between the source and the detector."""
    right, down, detector = camera_axes(view)
    from_source = points_mm + view.source_to_isocentre_mm * detector
    depth = from_source @ detector
    px_per_mm = view.source_to_detector_mm / (depth * view.pitch_mm)
    beside = from_source @ np.column_stack([right, down])
    far = np.linalg.norm(from_source, axis=1)
    return Projection(
        points=beside * px_per_mm[:, None] + (view.size - 1) / 2,
        px_per_mm=px_per_mm,
        ray=from_source / far[:, None],
        slant=depth / far,
    )


def project_vectors(vectors_mm: Array, at: Projection, view: View) -> Array:
    """Return the image (n, 2) in px of short vectors (n, 3) in mm that begin at projected points.

    To first order: exact at the point, and to 0.01 px over a coronary lumen.
    """
    right, down, detector = camera_axes(view)
    aside = (at.points - (view.size - 1) / 2) * (view.pitch_mm / view.source_to_detector_mm)
    flat = vectors_mm @ np.column_stack([right, down])
    return (flat - aside * (vectors_mm @ detector)[:, None]) * at.px_per_mm[:, None]
