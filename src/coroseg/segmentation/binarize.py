"""From a probability map to a mask: Otsu's threshold, the guard against empty frames, no debris."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.metrics import Mask
from coroseg.segmentation.predictor import Probability

SURE = 0.5
"""From this probability on the network holds a pixel for vessel rather than not."""

MIN_SURE_AREA = 0.0015
"""Fraction of the image (393 pixels of 512 x 512): a vessel 4 pixels wide and 100 long."""

MIN_SURE_PIECE = 0.001
"""Fraction of the image, of the largest sure piece. A vessel hangs together, noise does not."""

MIN_PIECE = 0.0004
"""Fraction of the image (105 pixels of 512 x 512): smaller pieces of the mask are debris."""

MIN_HOLE = 0.00005
"""Fraction of the image (13 pixels of 512 x 512): smaller holes are gaps in a lumen, not loops."""

NO_VESSEL = "no_vessel"


@dataclass(frozen=True)
class Binarized:
    """A mask, the threshold it was cut at (`probability > threshold`) and its flags.

    The mask is empty if and only if the flags hold `no_vessel`.
    """

    mask: Mask
    threshold: float
    flags: tuple[str, ...]


def otsu_threshold(probability: Probability) -> float:
    """Return the threshold that parts the map into the two most different classes (Otsu 1979).

    It lies midway between the highest value of the lower class and the lowest of the upper, so that
    no pixel is equal to it. A map of one value has no two classes: that value is returned.
    """
    levels = np.rint(probability * np.float32(65535)).astype(np.uint16)
    _, upper = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    lowest, highest = levels.min(), levels.max()
    if lowest == highest:
        return float(probability.flat[0])
    above = upper.astype(bool)
    below_cut = np.max(levels, where=~above, initial=lowest)
    above_cut = np.min(levels, where=above, initial=highest)
    return (float(below_cut) + float(above_cut)) / 2 / 65535


def binarize(probability: Probability) -> Binarized:
    """Return the vessel mask of a probability map.

    A frame shows no vessel where the pixels of probability `SURE` or more cover less than
    `MIN_SURE_AREA` of the image, or their largest 8-connected piece less than `MIN_SURE_PIECE`:
    Otsu would cut noise in two there. Elsewhere the mask is what lies above Otsu's threshold, less
    8-connected pieces smaller than `MIN_PIECE`, plus 4-connected holes smaller than `MIN_HOLE`.
    """
    threshold = otsu_threshold(probability)
    if not _shows_vessel(probability):
        return Binarized(np.zeros(probability.shape, dtype=bool), threshold, (NO_VESSEL,))
    mask = probability > threshold
    mask[mask] = _piece_areas(mask, connectivity=8) >= MIN_PIECE * mask.size
    holes = _holes(mask)
    mask[holes] = _piece_areas(holes, connectivity=4) < MIN_HOLE * mask.size
    return Binarized(mask, threshold, () if mask.any() else (NO_VESSEL,))


def _shows_vessel(probability: Probability) -> bool:
    sure = probability >= SURE
    if np.count_nonzero(sure) < MIN_SURE_AREA * sure.size:
        return False
    largest = _piece_areas(sure, connectivity=8).max()
    return bool(largest >= MIN_SURE_PIECE * sure.size)


def _piece_areas(mask: Mask, *, connectivity: int) -> NDArray[np.intp]:
    """Return, for every pixel of `mask[mask]`, how many pixels the piece it belongs to has."""
    _, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=connectivity)
    labels = labels[mask]
    return np.asarray(np.bincount(labels)[labels])


def _holes(mask: Mask) -> Mask:
    """Return what the mask encloses: a gap that is open to the image's border is no hole."""
    filled = np.pad(mask.view(np.uint8), 1)
    cv2.floodFill(filled, None, (0, 0), 1)
    return np.asarray(filled[1:-1, 1:-1] == 0)
