"""CGNet: a light network whose every block joins local, surrounding and global context."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coroseg.lab.models.padding import padded

STRIDE = 8


class CGNet(nn.Module):
    """Logits (N, 1, H, W) of images (N, 1, H, W), of any H and W.

    A stem of three convolutions at stride 2, M = 3 blocks at stride 4 and N = 21 at stride 8; the
    image itself, averaged, is injected at each stride. About 0.5 million parameters.

    Source: Wu et al., CGNet: A Light-weight Context Guided Network for Semantic Segmentation,
    arXiv 1811.08201, with its global residual learning, and its M3N21 as in its experiments.
    """

    def __init__(self) -> None:
        super().__init__()
        image = 1
        self.stem = nn.Sequential(
            conv_block(image, 32, kernel_size=3, stride=2),
            conv_block(32, 32, kernel_size=3),
            conv_block(32, 32, kernel_size=3),
        )
        self.join_stem = norm_block(32 + image)
        self.stage2 = Stage(32 + image, 64, blocks=3, dilation=2, reduction=8)
        self.join_stage2 = norm_block(2 * 64 + image)
        self.stage3 = Stage(2 * 64 + image, 128, blocks=21, dilation=4, reduction=16)
        self.join_stage3 = norm_block(2 * 128)
        self.head = nn.Conv2d(2 * 128, 1, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        return padded(self._logits, image, STRIDE)

    def _logits(self, image: Tensor) -> Tensor:
        half = _halve(image)
        features = self.join_stem(torch.cat([self.stem(image), half], dim=1))
        features = self.join_stage2(torch.cat([self.stage2(features), _halve(half)], dim=1))
        logits = self.head(self.join_stage3(self.stage3(features)))
        return F.interpolate(logits, scale_factor=STRIDE, mode="bilinear", align_corners=False)


class Stage(nn.Module):
    """Blocks at half the size of (N, C, H, W): the first's and the last's maps, side by side.

    The result is (N, 2 * out_channels, H / 2, W / 2).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, blocks: int, dilation: int, reduction: int
    ) -> None:
        super().__init__()
        self.first = DownBlock(in_channels, out_channels, dilation, reduction)
        self.rest = nn.Sequential(
            *(ContextBlock(out_channels, dilation, reduction) for _ in range(blocks - 1))
        )

    def forward(self, features: Tensor) -> Tensor:
        first = self.first(features)
        return torch.cat([self.rest(first), first], dim=1)


class ContextBlock(nn.Module):
    """The context guided block on (N, channels, H, W): what it adds is added to its input."""

    def __init__(self, channels: int, dilation: int, reduction: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = conv_block(channels, half, kernel_size=1)
        self.joint = JointContext(half, dilation)
        self.glob = GlobalContext(channels, reduction)

    def forward(self, features: Tensor) -> Tensor:
        added: Tensor = self.glob(self.joint(self.reduce(features)))
        return features + added


class DownBlock(nn.Module):
    """The first block of a stage: halves the size by a convolution, and has no residual path."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int, reduction: int) -> None:
        super().__init__()
        self.down = conv_block(in_channels, out_channels, kernel_size=3, stride=2)
        self.joint = JointContext(out_channels, dilation)
        self.reduce = nn.Conv2d(2 * out_channels, out_channels, kernel_size=1, bias=False)
        self.glob = GlobalContext(out_channels, reduction)

    def forward(self, features: Tensor) -> Tensor:
        reduced: Tensor = self.glob(self.reduce(self.joint(self.down(features))))
        return reduced


class JointContext(nn.Module):
    """f_loc and f_sur of (N, channels, H, W), then f_joi: (N, 2 * channels, H, W)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.local = _depthwise(channels, dilation=1)
        self.surrounding = _depthwise(channels, dilation)
        self.join = norm_block(2 * channels)

    def forward(self, features: Tensor) -> Tensor:
        both = torch.cat([self.local(features), self.surrounding(features)], dim=1)
        joined: Tensor = self.join(both)
        return joined


class GlobalContext(nn.Module):
    """f_glo: every channel of (N, channels, H, W) weighed by a glance at the whole map."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        weights: Tensor = self.weigh(features.mean(dim=(-2, -1)))
        return features * weights[..., None, None]


def conv_block(
    in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1
) -> nn.Sequential:
    """Return a convolution that keeps the size, but for its stride, with batch norm and PReLU."""
    convolution = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
    )
    return nn.Sequential(convolution, *norm_block(out_channels))


def norm_block(channels: int) -> nn.Sequential:
    """Return batch norm and a PReLU with a slope for each channel."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.PReLU(channels))


def _depthwise(channels: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(
        channels,
        channels,
        kernel_size=3,
        padding=dilation,
        dilation=dilation,
        groups=channels,
        bias=False,
    )


def _halve(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, kernel_size=3, stride=2, padding=1)
