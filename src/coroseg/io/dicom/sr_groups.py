"""The measurement groups of a report: all arteries, each branch, each lesion (TID 1410)."""

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from types import ModuleType
from typing import Any, Final

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from coroseg.errors import MissingPackageError
from coroseg.geometry.tables import mm_per_px
from coroseg.geometry.tree import Branch, Points, Stenosis, Values, VesselTree
from coroseg.io.dicom.derived import MAKER, Origin
from coroseg.io.dicom.seg import TRACKING, tracking_uid
from coroseg.io.dicom.uids import derived_uid
from coroseg.spacing import PixelSpacing

OWN_SCHEME: Final = "99COROSEG"
CORONARY_ARTERY: Final = Code("41801008", "SCT", "Coronary artery")
STENOSIS: Final = Code("415582006", "SCT", "Stenosis")
LENGTH: Final = Code("410668003", "SCT", "Length")
AREA: Final = Code("42798000", "SCT", "Area")
LUMEN_DIAMETER: Final = Code("397413000", "SCT", "Vessel lumen diameter")
REFERENCE_DIAMETER: Final = Code("RefLumenDiameter", OWN_SCHEME, "Reference lumen diameter")
DIAMETER_STENOSIS: Final = Code("408715008", "SCT", "Lumen diameter stenosis")
MEAN: Final = Code("373098007", "SCT", "Mean")
MINIMUM: Final = Code("255605001", "SCT", "Minimum")
MM: Final = Code("mm", "UCUM", "millimeter")
MM2: Final = Code("mm2", "UCUM", "square millimeter")
PIXELS: Final = Code("{pixels}", "UCUM", "pixels")
PERCENT: Final = Code("%", "UCUM", "percent")

Group = Any
"""A sequence of one item, of highdicom's class."""

_DIGITS = 4
_PIXEL_CENTRE = 0.5
"""Coordinates begin at the corner of the first pixel (PS3.3 C.18.6.1), ours at its centre."""


def templates() -> ModuleType:
    """Return highdicom's templates. Raises `MissingPackageError` where it is not installed."""
    try:
        from highdicom import sr
    except ImportError as error:
        raise MissingPackageError(
            "highdicom", "a DICOM measurement report", "pip install 'coroseg[dicom]'"
        ) from error
    return sr


@dataclass(frozen=True)
class Groups:
    """The groups of one frame, counted from 1, and its tree; `spacing` is that of the image.

    Lengths are in mm where it is known, else in pixels.
    """

    origin: Origin
    frame: int
    tree: VesselTree
    spacing: PixelSpacing | None

    def arteries(self, segmentation: Dataset, area_px: int) -> Group:
        """Return the group of all arteries: it refers to the segmentation and has the remarks."""
        segment = self._sr.ReferencedSegmentationFrame(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            frame_number=1,
            segment_number=1,
            source_image=self._sr.SourceImageForSegmentation(*self._image),
        )
        # A reference names frames or segments, not both (PS3.3 C.18.4); there is but one frame.
        del segment[0].ReferencedSOPSequence[0].ReferencedFrameNumber
        mm2 = float(np.prod(self.spacing.mm)) if self.spacing else 1.0
        length_px = sum(branch.centreline.length_px for branch in self.tree.branches)
        group = self._group(
            CORONARY_ARTERY,
            self._sr.TrackingIdentifier(tracking_uid(self.origin), TRACKING),
            [
                self._number(AREA, area_px * mm2, MM2 if self.spacing else PIXELS),
                self._length(LENGTH, length_px),
            ],
            referenced_segment=segment,
        )
        branches, lesions = len(self.tree.branches), len(self.tree.lesions)
        remarks = (
            f"Pixel spacing: {_said(self.spacing)}",
            f"Frame {self.frame}: branches {branches}, lesions {lesions}",
            *(f"Flag: {flag}" for flag in self.tree.flags),
            "Research software, not a medical device",
        )
        group[0].ContentSequence.extend(
            self._sr.TextContentItem(codes.DCM.Comment, remark, relationship_type="CONTAINS")
            for remark in remarks
        )
        return group

    def branch(self, branch: Branch) -> Group:
        """Return the group of a branch: its centreline, length and diameters."""
        line = branch.centreline
        px, reference = branch.diameters.px, branch.reference_px
        measures = [self._length(LENGTH, line.length_px)]
        if np.isfinite(reference).any():
            measures.append(self._length(REFERENCE_DIAMETER, float(np.nanmean(reference)), MEAN))
        if np.isfinite(px).any():
            # Not the least: single points at a tip or a bifurcation say nothing of a stenosis.
            measures.append(self._length(LUMEN_DIAMETER, float(np.nanmean(px)), MEAN))
        return self._group(
            CORONARY_ARTERY,
            self._tracking(f"Branch {line.number}", line.points),
            measures,
            referenced_region=self._region(line.points),
        )

    def lesion(self, lesion: Stenosis) -> Group:
        """Return the group of a lesion: its stretch of the centreline, and its measures."""
        points = self.tree.branch_of(lesion).centreline.points[lesion.first : lesion.last + 1]
        number = self.tree.lesions.index(lesion) + 1
        return self._group(
            STENOSIS,
            self._tracking(f"Lesion {number}, branch {lesion.branch}", points),
            [
                self._number(DIAMETER_STENOSIS, 100 * lesion.diameter_stenosis, PERCENT),
                self._length(LUMEN_DIAMETER, lesion.minimal_diameter_px, MINIMUM),
                self._length(REFERENCE_DIAMETER, lesion.reference_diameter_px),
                self._length(LENGTH, lesion.length_px),
            ],
            referenced_region=self._region(points),
            finding_sites=[self._sr.FindingSite(CORONARY_ARTERY)],
        )

    @cached_property
    def _sr(self) -> ModuleType:
        return templates()

    @property
    def _image(self) -> tuple[str, str, list[int] | None]:
        frames = [self.frame] if self.origin.has_frames else None
        return self.origin.sop_class, self.origin.uid, frames

    def _group(
        self, finding: Code, tracking: Group, measurements: list[Group], **where: object
    ) -> Group:
        model = self.origin.model
        vessels = (
            [f"model {model.name} {model.version}", f"model SHA-256 {model.sha256}"]
            if model
            else ["mask given by the user"]
        )
        algorithm = self._sr.AlgorithmIdentification(
            MAKER,
            version(MAKER),
            parameters=[*vessels, f"pixel spacing {_said(self.spacing)}"],
        )
        return self._sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking,
            finding_type=finding,
            algorithm_id=algorithm,
            measurements=measurements,
            **where,
        )

    def _tracking(self, name: str, points: Points) -> Group:
        """Return the name of a finding; what lies elsewhere is another one, whatever its name."""
        uid = derived_uid(self.origin.uid, str(self.frame), name, str(points.round(2).tolist()))
        return self._sr.TrackingIdentifier(uid, name)

    def _region(self, points: Points) -> Group:
        shape = "POLYLINE" if len(points) > 1 else "POINT"
        return self._sr.ImageRegion(
            shape, self._placed(points), self._sr.SourceImageForRegion(*self._image)
        )

    def _placed(self, points: Points) -> Values:
        """Return the points as DICOM counts them, none outside the image."""
        rows, columns = (int(self.origin.header[side].value) for side in ("Rows", "Columns"))
        return np.clip(points + _PIXEL_CENTRE, 0, (columns, rows)).astype(np.float32)

    def _length(self, name: Code, px: float, derivation: Code | None = None) -> Group:
        if self.tree.spacing is None:
            return self._number(name, px, PIXELS, derivation)
        return self._number(name, px * mm_per_px(self.tree), MM, derivation)

    def _number(
        self, name: Code, number: float, unit: Code, derivation: Code | None = None
    ) -> Group:
        value = round(number, _DIGITS)
        return self._sr.Measurement(name, value, unit, derivation=derivation)


def _said(spacing: PixelSpacing | None) -> str:
    if spacing is None:
        return "unknown, lengths are in pixels"
    row, column = (f"{side:.4g}" for side in spacing.mm)
    return f"{row} x {column} mm (row x column), source: {spacing.source}"
