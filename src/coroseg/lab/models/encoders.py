"""Encoders: the feature maps of an image, finest first."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from coroseg.errors import ModelError

DEPTH = 5
COARSEST = 32
"""The coarsest of five strides, the first of which is 2."""

PROBE_SIDE = 128
"""Side of the image on which an encoder's strides are measured, in pixels."""

_CONVOLUTIONAL = "choose a convolutional encoder with five halvings, such as 'inceptionresnetv2'"
_DILATABLE = "choose one that can be dilated, such as 'tu-tf_efficientnet_lite0' or 'resnet50'"


class Encoder(nn.Module):
    """The contract between an encoder and a decoder, which never knows which encoder it has.

    Called with (N, in_channels, H, W), H and W multiples of `strides[-1]`, it returns a list of
    maps, of U-Net 3+ `DEPTH`: map k is (N, channels[k], H / strides[k], W / strides[k]).
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

    It gives `depth` maps, each half as large as the one before it, but none coarser than
    `output_stride`: there it is dilated. Raises `ModelError` for an unknown name, and for an
    encoder that does not give maps at these strides.
    """

    def __init__(
        self,
        name: str,
        *,
        in_channels: int = 1,
        first_stride: int = 2,
        depth: int = DEPTH,
        output_stride: int = COARSEST,
    ) -> None:
        super().__init__()
        self.body = _library_body(name, in_channels, depth, output_stride)
        self.in_channels = in_channels
        self.channels = tuple(self.body.out_channels[-depth:])
        self.strides = tuple(min(first_stride * 2**level, output_stride) for level in range(depth))
        self._remedy = _CONVOLUTIONAL if output_stride == COARSEST else _DILATABLE
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
                f"{self._remedy}"
            ) from error
        self.train(training)
        expected = [
            (channels, PROBE_SIDE // stride, PROBE_SIDE // stride)
            for channels, stride in zip(self.channels, self.strides, strict=True)
        ]
        if maps != expected or 0 in self.channels:
            raise ModelError(
                f"encoder {name!r}: the network needs maps at strides {list(self.strides)}; of "
                f"a {PROBE_SIDE} x {PROBE_SIDE} image this one makes (channels, rows, columns) "
                f"{maps}: {self._remedy}"
            )

    def forward(self, image: Tensor) -> list[Tensor]:
        features: list[Tensor] = list(self.body(image))[-len(self.channels) :]
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


def _library_body(name: str, in_channels: int, depth: int, output_stride: int) -> Any:
    from segmentation_models_pytorch.encoders import get_encoder

    options = {} if output_stride == COARSEST else {"output_stride": output_stride}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return get_encoder(name, in_channels=in_channels, depth=depth, weights=None, **options)
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # A KeyError's text is the list of some hundred names.
        reason = "unknown name" if isinstance(error, KeyError) else error
        if options:
            raise ModelError(
                f"encoder {name!r}: cannot be dilated to stride {output_stride}, as DeepLabV3 and "
                f"DeepLabV3+ need it ({reason}): {_DILATABLE}"
            ) from error
        raise ModelError(
            f"encoder {name!r}: no usable encoder of segmentation_models_pytorch ({reason}): "
            "see segmentation_models_pytorch.encoders.get_encoder_names(), or use 'plain'"
        ) from error


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
