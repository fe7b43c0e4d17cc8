"""The seven augmentations of the paper, on an image and its mask together."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import Image, Mask

from coroseg.io.masks import UNKNOWN_SEGMENT
from coroseg.lab.config import Augmentation
from coroseg.lab.erase import erase_vessels, random_part

HALF = 0.5
FADED = (0.25, 0.8)
"""How much of the vessels' contrast a faded image keeps."""

BENT_POINTS = 5
"""Points on a side of the grid that `Bend` shifts."""

MIN_FIELD = 0.8
"""Smallest part of the image's side that a drawn collimator leaves open."""


class Augment:
    """An image and a mask, (1, H, W) in 0..1, changed at random in the same way.

    The mask is resampled like the image, so that its edges stay partial coverage. Segments, of 8
    bits, take the nearest pixel's number: 0 where the mask has become 0, and unknown if any is. All
    randomness is torch's global generator: seed it to repeat a result.
    """

    def __init__(self, settings: Augmentation, size: int) -> None:
        bilinear = v2.InterpolationMode.BILINEAR
        affine = v2.RandomAffine(
            degrees=settings.rotate_deg,
            translate=(settings.shift, settings.shift),
            scale=settings.scale,
            interpolation=bilinear,
        )
        crop = v2.RandomResizedCrop(
            size,
            scale=(settings.crop, 1.0),
            ratio=(1.0, 1.0),
            interpolation=bilinear,
            antialias=True,
        )
        self._geometry = v2.Compose(
            [
                v2.RandomApply([affine], settings.affine),
                v2.RandomApply(
                    [Bend(settings.bend)], settings.bend_probability if settings.bend else 0
                ),
                v2.RandomApply([crop], settings.crop_probability),
            ]
        )
        blur = v2.GaussianBlur(2 * math.ceil(2 * settings.blur) + 1, (0.1, max(settings.blur, 0.2)))
        self._appearance = v2.Compose(
            [
                v2.RandomApply([blur], settings.blur_probability if settings.blur else 0),
                v2.RandomApply([v2.GaussianNoise(0, settings.noise)], settings.noise_probability),
            ]
        )
        self._settings = settings

    def __call__(
        self, image: Tensor, mask: Tensor, *segments: Tensor, flip: float | None = None
    ) -> tuple[Tensor, ...]:
        """Return all, changed; mirrored either way as often as `flip` says, or the settings."""
        if torch.rand(1).item() < self._settings.erase:
            kept = random_part(mask) if torch.rand(1).item() < HALF else torch.zeros_like(mask)
            image, mask = erase_vessels(image, mask - kept), kept
        elif torch.rand(1).item() < self._settings.fade:
            strength = torch.empty(1).uniform_(*FADED).item()
            image = torch.lerp(erase_vessels(image, mask), image, strength)
        share = self._settings.flip if flip is None else flip
        mirror = v2.Compose([v2.RandomHorizontalFlip(share), v2.RandomVerticalFlip(share)])
        maps = [Image(image), Image(mask), *map(Mask, segments)]
        image, mask, *moved = (x.as_subclass(Tensor) for x in self._geometry(*mirror(*maps)))
        if self._settings.gamma > 1:
            reach = math.log(self._settings.gamma)
            image = image ** math.exp(torch.empty(1).uniform_(-reach, reach).item())
        image = self._appearance(image)
        if torch.rand(1).item() < self._settings.collimate:
            field = random_field(*image.shape[-2:])
            image, mask = image * field, mask * field
        unknown = any((x == UNKNOWN_SEGMENT).any() for x in segments)
        labels = segments if unknown else [x * (mask > 0) for x in moved]
        return image, mask, *labels


class Bend(v2.Transform):  # type: ignore[misc]
    """Shifts the points of a coarse grid at random, and smoothly what lies between them.

    The shifts' standard deviation is `deviation`, a fraction of the side.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self._deviation = deviation

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        rows, columns = flat_inputs[0].shape[-2:]
        # Displacements are in half sides.
        grid = torch.randn(1, 2, BENT_POINTS, BENT_POINTS) * 2 * self._deviation
        smooth = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=True)
        return {"displacement": smooth.movedim(1, -1)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return self._call_kernel(v2.functional.elastic, inpt, **params)


def random_field(rows: int, columns: int) -> Tensor:
    """Return a random round or rectangular field of view, (rows, columns): 1 inside, 0 outside."""
    y = torch.linspace(-1, 1, rows)[:, None]
    x = torch.linspace(-1, 1, columns)[None, :]
    if torch.rand(1).item() < HALF:
        radius = torch.empty(1).uniform_(1.0, math.sqrt(2) * 0.95)
        return (x**2 + y**2 <= radius**2).float()
    left, right, top, bottom = torch.empty(4).uniform_(MIN_FIELD, 1.0)
    inside: Tensor = (x >= -left) & (x <= right) & (y >= -top) & (y <= bottom)
    return inside.float()
