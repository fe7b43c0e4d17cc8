"""Encoders of U-Net 3+: five feature maps of an image, finest first."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coroseg.errors import ModelError

DEPTH = 5
PROBE_SIDE = 128
"""Side of the image on which an encoder's strides are measured, in pixels."""

_CHOOSE_ANOTHER = "choose a convolutional encoder with five halvings, such as 'inceptionresnetv2'"


class Encoder(nn.Module):
    """The contract between an encoder and a decoder, which never knows which encoder it has.

    Called with (N, in_channels, H, W), H and W multiples of `strides[-1]`, it returns a list of
    `DEPTH` maps: map k is (N, channels[k], H / strides[k], W / strides[k]).
    """

    in_channels: int
    channels: Sequence[int]
    strides: Sequence[int]

    def forward(self, image: Tensor) -> list[Tensor]:
        raise NotImplementedError


class PlainEncoder(Encoder):
    """The original U-Net 3+ encoder: two biased 3x3 convolutions a level, max pooling between."""

    def __init__(
        self, in_channels: int = 3, channels: Sequence[int] = (64, 128, 256, 512, 1024)
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.channels = tuple(channels)
        self.strides = tuple(2**level for level in range(len(channels)))
        self.levels = nn.ModuleList()
        for level, out_channels in enumerate(channels):
            below = in_channels if level == 0 else channels[level - 1]
            pool = [nn.MaxPool2d(2)] if level else []
            self.levels.append(
                nn.Sequential(
                    *pool,
                    *_convolution(below, out_channels),
                    *_convolution(out_channels, out_channels),
                )
            )

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for level in self.levels:
            image = level(image)
            features.append(image)
        return features


class LibraryEncoder(Encoder):
    """A convolutional encoder of segmentation_models_pytorch, its first stride 2 or set to 1.

    Raises `ModelError` for an unknown name, and for an encoder that does not give maps at strides
    2, 4, 8, 16, 32 (halved throughout by `first_stride=1`).
    """

    def __init__(self, name: str, *, in_channels: int = 1, first_stride: int = 2) -> None:
        super().__init__()
        from segmentation_models_pytorch.encoders import get_encoder

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.body = get_encoder(name, in_channels=in_channels, depth=DEPTH, weights=None)
        except (KeyError, ValueError, RuntimeError) as error:
            # A KeyError's text is the list of some hundred names.
            reason = "unknown name" if isinstance(error, KeyError) else error
            raise ModelError(
                f"encoder {name!r}: no usable encoder of segmentation_models_pytorch ({reason}): "
                "see segmentation_models_pytorch.encoders.get_encoder_names(), or use 'plain'"
            ) from error
        self.in_channels = in_channels
        self.channels = tuple(self.body.out_channels[-DEPTH:])
        self.strides = tuple(first_stride * 2**level for level in range(DEPTH))
        if first_stride == 1:
            _first_strided_convolution(self.body, name).stride = (1, 1)
        self._check_strides(name)

    def _check_strides(self, name: str) -> None:
        image = torch.zeros(1, self.in_channels, PROBE_SIDE, PROBE_SIDE)
        training = self.training
        try:
            with torch.no_grad():
                maps = [tuple(feature.shape[1:]) for feature in self.eval()(image)]
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"encoder {name!r}: cannot take a {PROBE_SIDE} x {PROBE_SIDE} image ({error}): "
                f"{_CHOOSE_ANOTHER}"
            ) from error
        self.train(training)
        expected = [
            (channels, PROBE_SIDE // stride, PROBE_SIDE // stride)
            for channels, stride in zip(self.channels, self.strides, strict=True)
        ]
        if maps != expected or 0 in self.channels:
            raise ModelError(
                f"encoder {name!r}: U-Net 3+ needs maps at strides {list(self.strides)}; of a "
                f"{PROBE_SIDE} x {PROBE_SIDE} image this one makes (channels, rows, columns) "
                f"{maps}: {_CHOOSE_ANOTHER}"
            )

    def forward(self, image: Tensor) -> list[Tensor]:
        features: list[Tensor] = list(self.body(image))[-DEPTH:]
        return features


def build_encoder(name: str, *, in_channels: int = 1, first_stride: int = 2) -> Encoder:
    """Return the encoder `name` with random weights: `plain`, or one of the encoder library's."""
    if first_stride not in {1, 2}:
        raise ModelError(f"first stride {first_stride}: must be 1 (the paper's scales) or 2")
    if name == "plain":
        if first_stride != 1:
            raise ModelError(
                "encoder 'plain' has its levels at strides 1 to 16: set first_stride = 1"
            )
        return PlainEncoder(in_channels)
    return LibraryEncoder(name, in_channels=in_channels, first_stride=first_stride)


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


def _first_strided_convolution(body: nn.Module, name: str) -> nn.Conv2d:
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and tuple(module.stride) == (2, 2):
            return module
    raise ModelError(f"encoder {name!r}: has no convolution of stride 2: set first_stride = 2")
