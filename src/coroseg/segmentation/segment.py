"""The one path from a run to its vessels: frame -> probability -> mask -> contours and flags."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import ConfigError
from coroseg.metrics import Mask
from coroseg.segmentation.best_frame import best_frame, vessel_curve
from coroseg.segmentation.binarize import binarize
from coroseg.segmentation.contours import Contour, find_contours
from coroseg.segmentation.flags import quality_flags
from coroseg.segmentation.predictor import ModelInfo, Predictor, Probability
from coroseg.spacing import PixelSpacing


@dataclass(frozen=True)
class Segmentation:
    """The vessels of one frame, counted from 1, of the run `name`.

    The mask is where `probability > threshold`, less debris; it is empty if and only if the flags
    hold `no_vessel`. `vessel_curve` has a score a frame where the best one was looked for.
    """

    name: str
    frame: int
    image: Frame
    probability: Probability
    mask: Mask
    threshold: float
    contours: list[Contour]
    flags: tuple[str, ...]
    spacing: PixelSpacing | None
    model: ModelInfo
    vessel_curve: tuple[float, ...] | None = None

    @property
    def vessel_area_px(self) -> int:
        """The number of pixels in the mask."""
        return int(self.mask.sum())

    @property
    def vessel_area_mm2(self) -> float | None:
        """The area of the mask in mm²; none where the size of a pixel is not known."""
        return None if self.spacing is None else self.vessel_area_px * math.prod(self.spacing.mm)


def segment(
    run: Angiogram, *, frame: str | int = "best", predictor: Predictor | None = None
) -> Segmentation:
    """Return the vessels of one frame of a run: of `"best"`, or of a number counted from 1.

    Raises `InputError` past the end of the run, `ConfigError` for another word than "best".
    """
    if isinstance(frame, str) and frame != "best":
        raise ConfigError(
            f"there is no frame {frame!r}: pass 'best' or a number from 1 (all: segment_all)"
        )
    predictor = predictor or Predictor()
    curve = None
    if isinstance(frame, str):
        if len(run.frames) > 1:
            curve = tuple(vessel_curve(run, predictor))
        number = best_frame(curve) if curve else 1
    else:
        number = frame
    image = run.frame(number)
    (probability,) = predictor.predict(image[None])
    return _segmentation(run, number, image, probability, predictor.info, curve=curve)


def segment_all(run: Angiogram, predictor: Predictor | None = None) -> Iterator[Segmentation]:
    """Yield the vessels of every frame of a run, in order; memory does not grow with the run."""
    predictor = predictor or Predictor()
    frames = predictor.predict_each(run.frames)
    for number, (image, probability) in enumerate(frames, start=1):
        yield _segmentation(run, number, image, probability, predictor.info)


def _segmentation(
    run: Angiogram,
    number: int,
    image: Frame,
    probability: Probability,
    model: ModelInfo,
    *,
    curve: tuple[float, ...] | None = None,
) -> Segmentation:
    binarized = binarize(probability)
    mask, threshold = binarized.mask, binarized.threshold
    return Segmentation(
        name=run.name,
        frame=number,
        image=image,
        probability=probability,
        mask=mask,
        threshold=threshold,
        contours=find_contours(mask, probability, threshold),
        flags=binarized.flags + quality_flags(image, mask),
        spacing=run.spacing,
        model=model,
        vessel_curve=curve,
    )
