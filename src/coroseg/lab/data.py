"""Samples as tensors: decoded once, augmented anew each epoch, the same for the same seed."""

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.errors import ConfigError
from coroseg.io.masks import UNKNOWN_SEGMENT, read_mask, read_probability, read_segments
from coroseg.lab.augment import Augment
from coroseg.lab.config import Source

Number = TypeVar("Number", np.float32, np.uint8)
Key = tuple[int, int]
"""(epoch, index): which draw of an epoch."""


@dataclass(frozen=True)
class Portion:
    """Samples shown `repeat` times an epoch: in turn, each epoch going on where the last ended.

    `flip` is how often they are mirrored; None: as often as the augmentation says. `taught` is the
    part that the manifest's probabilities have in what is learnt.
    """

    samples: Sequence[Sample]
    repeat: float = 1.0
    flip: float | None = None
    taught: float = 0.0

    def __len__(self) -> int:
        """Return the number of draws in an epoch."""
        return math.ceil(len(self.samples) * self.repeat)

    def at(self, epoch: int, draw: int) -> Sample:
        """Return what the epoch's draw number `draw` shows."""
        return self.samples[(epoch * len(self) + draw) % len(self.samples)]


class VesselImages(Dataset[tuple[Tensor, ...]]):
    """Images (1, size, size) in 0..1 with the vessel's coverage of each pixel, as float32.

    Where a portion is `taught`, so much of the second map is the probability of other models.
    Where there are named `segments`, so many, a third map follows, (1, size, size) of 8 bits: the
    number of the one that a pixel belongs to, `UNKNOWN_SEGMENT` all over where the sample has none.
    Raises `ConfigError` for a number above, and for a taught sample without probabilities.

    Every file is decoded once, here, and kept at this size, 8 bits a pixel. Without `augment` a
    sample is always the same; with it, it depends on `seed`, the epoch and the index only.
    """

    def __init__(
        self,
        portions: Sequence[Portion],
        size: int,
        *,
        augment: Augment | None = None,
        seed: int = 0,
        segments: int = 0,
    ) -> None:
        self._augment = augment
        self._seed = seed
        self._draws = [(portion, k) for portion in portions for k in range(len(portion))]
        shown = dict.fromkeys((s, portion.taught) for portion in portions for s in portion.samples)
        self._places = {key: place for place, key in enumerate(shown)}
        self._maps = 3 if segments else 2
        self._pixels = torch.zeros((len(shown), self._maps, size, size), dtype=torch.uint8)
        places = track(self._places.items(), "decoding images", disable=not sys.stderr.isatty())
        for (sample, taught), place in places:
            self._pixels[place] = _decode(sample, size, segments, taught)

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, key: Key) -> tuple[Tensor, ...]:
        epoch, index = key
        portion, draw = self._draws[index]
        place = self._places[portion.at(epoch, draw), portion.taught]
        image, mask = torch.split(self._pixels[place, :2].float() / 255, 1)
        segments = torch.split(self._pixels[place, 2:], 1) if self._maps > 2 else ()  # noqa: PLR2004
        if self._augment is None:
            return image, mask, *segments
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_draw_seed(self._seed, epoch, index))
            return self._augment(image, mask, *segments, flip=portion.flip)


class EpochSampler(DistributedSampler[tuple[Tensor, ...]]):
    """The keys of one epoch, shared out by rank; seed and epoch decide their order."""

    def __iter__(self) -> Iterator[Key]:  # type: ignore[override]
        for index in super().__iter__():
            yield self.epoch, index  # type: ignore[misc]


def read_sources(sources: Sequence[Source]) -> list[Portion]:
    """Return the samples of each source.

    Raises `ConfigError` for a source that has no sample of its split.
    """
    portions = []
    for source in sources:
        found = [
            sample
            for sample in read_manifest(source.manifest)
            if source.split is None or sample.split == source.split
        ]
        if not found:
            raise ConfigError(f"{source.manifest}: no image of split {source.split!r}")
        portions.append(Portion(found, source.repeat, source.flip, source.taught))
    return portions


def fit_square(
    image: NDArray[Number], size: int, interpolation: int | None = None
) -> NDArray[Number]:
    """Return `image` padded with black to a centred square and resampled to (size, size).

    By the mean of what a pixel covers, or linearly where it grows, unless another of OpenCV's ways
    is given.
    """
    rows, columns = image.shape
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    square = cv2.copyMakeBorder(
        image, top, side - rows - top, left, side - columns - left, cv2.BORDER_CONSTANT, value=0
    )
    if interpolation is None:
        interpolation = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation))


def _decode(sample: Sample, size: int, segments: int, taught: float) -> Tensor:
    """Return the image, the mask and, of so many, the segments: (2 or 3, size, size), 8 bits."""
    image = fit_square(read_image(sample.image), size)
    mask = fit_square(_vessel(sample, taught), size)
    maps = [*np.rint(np.stack([image, mask]) * 255).astype(np.uint8)]
    if segments:
        maps.append(_decode_segments(sample.segments, size, segments))
    return torch.from_numpy(np.stack(maps))


def _vessel(sample: Sample, taught: float) -> NDArray[np.float32]:
    """Return the mask, mixed with so much of the probability that other models give, 0 to 1."""
    mask = read_mask(sample.mask).astype(np.float32)
    if not taught:
        return mask
    if sample.probability is None:
        raise ConfigError(
            f"{sample.image}: its manifest gives no probability, and taught = {taught}: "
            "make one with `coroseg teach`"
        )
    probability = read_probability(sample.probability)
    if probability.shape != mask.shape:
        raise ConfigError(
            f"{sample.probability}: is {probability.shape}, its mask {mask.shape} (rows, columns): "
            "make it anew with `coroseg teach`"
        )
    return (1 - taught) * mask + taught * probability


def _decode_segments(path: Path | None, size: int, count: int) -> NDArray[np.uint8]:
    if path is None:
        return np.full((size, size), UNKNOWN_SEGMENT, dtype=np.uint8)
    segments = read_segments(path)
    if segments.max() > count:
        raise ConfigError(
            f"{path}: holds segment {segments.max()}, above model.segments = {count}: raise it"
        )
    return fit_square(segments, size, cv2.INTER_NEAREST_EXACT)


def _draw_seed(seed: int, epoch: int, index: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, index)).generate_state(1)[0])
