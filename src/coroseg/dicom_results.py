"""The DICOM objects among a source's results, which refer to the angiogram they come from.

What needs them imports this where they are asked for: pydicom takes a third of a second to load.
"""

from pathlib import Path

from pydicom import Dataset

from coroseg.errors import CorosegError
from coroseg.geometry.tree import VesselTree
from coroseg.io.dicom.derived import Origin, find_origin
from coroseg.io.dicom.seg import MaskFrames, segmentation
from coroseg.io.dicom.sr import measurement_report
from coroseg.measuring import Record
from coroseg.metrics import Mask
from coroseg.records import NO_DICOM, SEG, SR
from coroseg.segmentation.predictor import ModelInfo
from coroseg.spacing import PixelSpacing


def origin_or_reason(path: Path, model: ModelInfo, record: Record) -> Origin | None:
    """Return what the results of a source refer to; where there is nothing, its record says why."""
    try:
        return find_origin(path, model, record["request"])
    except CorosegError as error:
        record[NO_DICOM] = str(error).removeprefix(f"{path}: ")
        return None


def frame_objects(
    origin: Origin,
    mask: Mask,
    frame: int,
    tree: VesselTree | None,
    spacing: PixelSpacing | None,
) -> dict[str, Dataset]:
    """Return the objects of one frame by file name: its mask, and its measures where it has any.

    Raises `MissingPackageError` where highdicom is not installed.
    """
    masks = MaskFrames()
    masks.add(frame, mask)
    objects = {SEG: segmentation(origin, masks)}
    if tree is not None:
        area_px = int(mask.sum())
        objects[SR] = measurement_report(
            origin, objects[SEG], tree, frame=frame, area_px=area_px, spacing=spacing
        )
    return objects


class RunObjects:
    """The objects of a whole run: the masks of those frames that show vessel, added in order."""

    def __init__(self, origin: Origin) -> None:
        self._origin, self._masks, self._shown = origin, MaskFrames(), False

    def add(self, frame: int, mask: Mask) -> None:
        """Add the mask of a frame; the first one stands for a run without vessel."""
        if mask.any():
            if not self._shown:
                self._masks, self._shown = MaskFrames(), True
            self._masks.add(frame, mask)
        elif not self._masks.numbers:
            self._masks.add(frame, mask)

    def whole(self) -> dict[str, Dataset]:
        """Return the objects by file name."""
        return {SEG: segmentation(self._origin, self._masks)}
