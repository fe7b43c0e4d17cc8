"""U-Net 3+ on any convolutional encoder: full-scale skips and deep supervision (Eq. 4)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coroseg.lab.models.encoders import Encoder
from coroseg.lab.models.padding import padded


class UNet3Plus(nn.Module):
    """One logit map an image in inference, five in training with deep supervision.

    The input is (N, encoder.in_channels, H, W), of any H and W: it is padded by its edge pixels to
    a multiple of the coarsest stride, and the padding is cut off the result. The result is
    (N, 1, H, W), or in training with deep supervision (N, 5, H, W): channel 0 is the finest
    output, channel k the one supervised at level k. Sigmoid of them gives probabilities.

    `upsample_first` chooses between the paper's order, up-sampling then convolution, and its
    reverse, which costs about half. `finest_width` is the number of channels of the finest level,
    whose fusion is the largest part of the cost: 5 * `width`, as in the original, unless given.

    With `segments` a further head, on the second level and for training alone, tells so many named
    segments and the background apart: see `with_segments`.

    Source: the paper's Eq. 4; its Section 2.2.1 for the side outputs.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        width: int = 64,
        finest_width: int | None = None,
        segments: int = 0,
        deep_supervision: bool = True,
        upsample_first: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.deep_supervision = deep_supervision
        depth = len(encoder.channels)
        fused = width * depth
        finest = finest_width or fused
        self.decoders = nn.ModuleList()
        for level in range(depth - 1):
            deeper = [fused] * (depth - 2 - level) + [encoder.channels[-1]]
            sources = [*encoder.channels[: level + 1], *deeper]
            self.decoders.append(
                FullScaleFusion(
                    sources,
                    level,
                    width,
                    fused=finest if level == 0 else fused,
                    upsample_first=upsample_first,
                )
            )
        heads = [finest] + [fused] * (depth - 2) + [encoder.channels[-1]]
        supervised = heads if deep_supervision else heads[:1]
        self.heads = nn.ModuleList(nn.Conv2d(n, 1, kernel_size=3, padding=1) for n in supervised)
        self.segments = segments
        self.segment_head = nn.Conv2d(heads[1], segments + 1, kernel_size=1) if segments else None

    def freeze_encoder(self) -> None:
        """Keep the encoder, its batch norms' statistics too, as it is: until `train` is called."""
        self.encoder.requires_grad_(requires_grad=False).eval()

    def forward(self, image: Tensor) -> Tensor:
        if self.training:
            return self.side_outputs(image)
        return self._logits(image, outputs=1)

    def side_outputs(self, image: Tensor) -> Tensor:
        """Return every supervised logit map, (N, S, H, W), in any mode: S is 5, or 1 without."""
        return self._logits(image, outputs=len(self.heads))

    def with_segments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return every supervised logit map and the segments' logits, (N, 1 + K, h, w).

        h and w are those of the second level; channel 0 is what is no segment. Height and width of
        the image must be multiples of the coarsest stride. Raises `ValueError` without segments.
        """
        if self.segment_head is None:
            raise ValueError("the network has no segments: build it with segments=K")
        levels = self._decode(self.encoder(image))
        return self._supervised(levels, len(self.heads)), self.segment_head(levels[1])

    def decode(self, features: list[Tensor]) -> Tensor:
        """Return the final logits, (N, 1, H, W), of the encoder's maps of N images, finest first.

        Height and width of the images must be multiples of the coarsest stride.
        """
        return self._supervised(self._decode(features), outputs=1)

    def _logits(self, image: Tensor, outputs: int) -> Tensor:
        def logits(image: Tensor) -> Tensor:
            return self._supervised(self._decode(self.encoder(image)), outputs)

        return padded(logits, image, self.encoder.strides[-1])

    def _supervised(self, levels: list[Tensor], outputs: int) -> Tensor:
        """Return the first `outputs` logit maps at the image's size, (N, outputs, H, W)."""
        maps = [
            _upsample(head(levels[k]), self.encoder.strides[k])
            for k, head in enumerate(self.heads[:outputs])
        ]
        return torch.cat(maps, dim=1)

    def _decode(self, features: list[Tensor]) -> list[Tensor]:
        """Return the decoder's maps, finest first; the coarsest is the encoder's own."""
        levels = list(features)
        for level in reversed(range(len(self.decoders))):
            levels[level] = self.decoders[level]([*features[: level + 1], *levels[level + 1 :]])
        return levels


class FullScaleFusion(nn.Module):
    """One decoder level: feature maps of all levels, brought to this one and fused (Eq. 4).

    `features[k]` is (N, in_channels[k], H / 2**k, W / 2**k): the encoder's map up to this level,
    the decoder's below it. Each is brought to `width` channels; the result is
    (N, fused, H / 2**level, W / 2**level).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        level: int,
        width: int,
        *,
        fused: int,
        upsample_first: bool,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for source, channels in enumerate(in_channels):
            convolution = conv_block(channels, width)
            if source < level:
                steps = [nn.MaxPool2d(2 ** (level - source), ceil_mode=True), convolution]
            elif source == level:
                steps = [convolution]
            else:
                upsampling = Upsample(2 ** (source - level))
                order = [upsampling, convolution]
                steps = order if upsample_first else order[::-1]
            self.branches.append(nn.Sequential(*steps))
        self.fuse = conv_block(width * len(in_channels), fused)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        branches = zip(self.branches, features, strict=True)
        fused: Tensor = self.fuse(torch.cat([branch(x) for branch, x in branches], dim=1))
        return fused


class Upsample(nn.Module):
    """The map (N, C, H, W) bilinearly enlarged by an integer factor."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        return _upsample(features, self.factor)


def conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a biased 3x3 convolution with batch norm and ReLU: C and F of Eq. 4."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _upsample(features: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return features
    return F.interpolate(features, scale_factor=factor, mode="bilinear", align_corners=False)
