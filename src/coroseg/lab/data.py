"""Samples as tensors: decoded once, augmented anew each epoch, the same for the same seed."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, DistributedSampler

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.errors import ConfigError
from coroseg.io.masks import read_mask
from coroseg.lab.augment import Augment
from coroseg.lab.config import Source

Key = tuple[int, int]
"""(epoch, index): which draw of which sample."""


class VesselImages(Dataset[tuple[Tensor, Tensor]]):
    """Images (1, size, size) in 0..1 with the vessel's coverage of each pixel, as float32.

    Files are decoded on the first use and kept at this size, 8 bits a pixel. Without `augment` a
    sample is always the same; with it, it depends on `seed`, the epoch and the index only.
    """

    def __init__(
        self, samples: Sequence[Sample], size: int, *, augment: Augment | None = None, seed: int = 0
    ) -> None:
        self.samples = list(samples)
        self._size = size
        self._augment = augment
        self._seed = seed
        pixels = (len(self.samples), 2, size, size)
        # Shared memory: worker processes fill one cache instead of one each.
        self._cache: Tensor = torch.zeros(pixels, dtype=torch.uint8)
        self._cached: Tensor = torch.zeros(len(self.samples), dtype=torch.bool)
        for shared in (self._cache, self._cached):
            shared.share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor]:
        epoch, index = key
        image, mask = torch.split(self._pixels(index).float() / 255, 1)
        if self._augment is None:
            return image, mask
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_draw_seed(self._seed, epoch, index))
            return self._augment(image, mask)

    def _pixels(self, index: int) -> Tensor:
        if not self._cached[index]:
            sample = self.samples[index]
            image = fit_square(read_image(sample.image), self._size)
            mask = fit_square(read_mask(sample.mask).astype(np.float32), self._size)
            levels = np.rint(np.stack([image, mask]) * 255).astype(np.uint8)
            self._cache[index] = torch.from_numpy(levels)
            self._cached[index] = True
        return self._cache[index]


class EpochSampler(DistributedSampler[tuple[Tensor, Tensor]]):
    """The keys of one epoch, shared out by rank; seed and epoch decide their order."""

    def __iter__(self) -> Iterator[Key]:  # type: ignore[override]
        for index in super().__iter__():
            yield self.epoch, index  # type: ignore[misc]


def read_sources(sources: Sequence[Source]) -> list[Sample]:
    """Return the samples of all sources, repeated as they say.

    Raises `ConfigError` for a source that has no sample of its split.
    """
    samples: list[Sample] = []
    for source in sources:
        found = [
            sample
            for sample in read_manifest(source.manifest)
            if source.split is None or sample.split == source.split
        ]
        if not found:
            raise ConfigError(f"{source.manifest}: no image of split {source.split!r}")
        samples += found * source.repeat
    return samples


def fit_square(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return `image` padded with black to a centred square and resampled to (size, size)."""
    rows, columns = image.shape
    side = max(rows, columns)
    top, left = (side - rows) // 2, (side - columns) // 2
    square = cv2.copyMakeBorder(
        image, top, side - rows - top, left, side - columns - left, cv2.BORDER_CONSTANT, value=0
    )
    interpolation = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation))


def _draw_seed(seed: int, epoch: int, index: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, index)).generate_state(1)[0])
