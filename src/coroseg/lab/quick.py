"""The same network in operations that the exporter knows and ONNX Runtime is quick at."""

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.pspnet.decoder import PSPBlock
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn


def quick(model: nn.Module) -> nn.Module:
    """Return a copy of the model that computes the same in operations that suit ONNX Runtime."""
    quick = copy.deepcopy(model)
    for parent in list(quick.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(parent, name, _with_fixed_padding(child))
            elif isinstance(child, nn.Conv2d) and _has_long_sums(child):
                setattr(parent, name, _in_two_steps(child))
            elif isinstance(child, PSPBlock):
                setattr(parent, name, AverageBlock(child))
    return quick.eval()


def _with_fixed_padding(convolution: Conv2dSame) -> nn.Module:
    """Return a "same" convolution that pads by fixed amounts, those of even sizes.

    The library's are computed from the image's size, which ONNX Runtime cannot merge into the
    convolution; the file's sizes are multiples of 32, so every halving starts from an even size.
    """
    padded = _PaddedConv2d(
        convolution.in_channels,
        convolution.out_channels,
        (convolution.kernel_size[0], convolution.kernel_size[1]),
        (convolution.stride[0], convolution.stride[1]),
        dilation=(convolution.dilation[0], convolution.dilation[1]),
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    padded.load_state_dict(convolution.state_dict())
    padded.sides = _padding(convolution)
    return padded


class _PaddedConv2d(nn.Conv2d):
    """A convolution of its input with zeros added at the left, right, top and bottom."""

    sides: tuple[int, int, int, int]

    def forward(self, features: Tensor) -> Tensor:
        # ONNX Runtime merges a padding with the convolution if its value is given.
        return super().forward(F.pad(features, self.sides, value=0.0))


def _has_long_sums(convolution: nn.Conv2d) -> bool:
    """Return whether it is a 3x3 head: one output channel, the size kept."""
    steps = (convolution.stride, convolution.padding, convolution.dilation)
    return (
        (convolution.out_channels, convolution.kernel_size) == (1, (3, 3))
        and steps == ((1, 1), (1, 1), (1, 1))
        and convolution.bias is not None
    )


def _in_two_steps(convolution: nn.Conv2d) -> nn.Module:
    """Return a 3x3 convolution to one channel as nine weighted sums, then their shifted sum.

    ONNX Runtime computes 16 output channels at a time: the long sums over the input channels are
    done once for all nine taps instead of once for each.
    """
    rows, columns = convolution.kernel_size
    taps = rows * columns
    sums = nn.Conv2d(convolution.in_channels, taps, kernel_size=1, bias=False)
    shifts = nn.Conv2d(taps, 1, (rows, columns), padding=(rows // 2, columns // 2))
    taken = convolution.state_dict()
    sums.load_state_dict({"weight": taken["weight"][0].flatten(1).T[..., None, None]})
    shifts.load_state_dict({"weight": _shifts(rows, columns), "bias": taken["bias"]})
    return nn.Sequential(sums, shifts)


def restored(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a quick network as those of the network that it was made of."""
    found = dict(weights)
    for name in weights:
        head, _, step = name.rpartition(".1.")
        if step != "weight" or not _is_shifts(weights[name]):
            continue
        sums = found.pop(f"{head}.0.weight")[:, :, 0, 0]
        rows, columns = found.pop(f"{head}.1.weight").shape[-2:]
        found[f"{head}.weight"] = sums.T.reshape(1, -1, rows, columns)
        found[f"{head}.bias"] = found.pop(f"{head}.1.bias")
    return found


def _shifts(rows: int, columns: int) -> Tensor:
    """Return the kernel (1, taps, rows, columns) that sums one map a tap, each shifted to it."""
    return torch.eye(rows * columns).reshape(1, -1, rows, columns)


def _is_shifts(kernel: Tensor) -> bool:
    return kernel.ndim == 4 and torch.equal(kernel, _shifts(*kernel.shape[-2:]))  # noqa: PLR2004


def _padding(convolution: nn.Conv2d) -> tuple[int, int, int, int]:
    """Return (left, right, top, bottom) of a "same" convolution on an even size."""
    sides: list[int] = []
    for axis in (1, 0):
        reach = convolution.dilation[axis] * (convolution.kernel_size[axis] - 1) + 1
        total = max(reach - convolution.stride[axis], 0)
        sides += [total // 2, total - total // 2]
    return sides[0], sides[1], sides[2], sides[3]


class AverageBlock(nn.Module):
    """PSPNet's block with its pooling written as two products with averaging matrices.

    The exporter knows adaptive pooling only to sizes that divide the map's.
    """

    def __init__(self, block: PSPBlock) -> None:
        super().__init__()
        self.parts: int = block.pool_size
        self.pool = nn.Sequential(nn.Identity(), block.pool[1])  # the names stay

    def forward(self, features: Tensor) -> Tensor:
        rows, columns = features.shape[-2:]
        down, across = averages(rows, self.parts), averages(columns, self.parts)
        pooled = self.pool(down.matmul(features).matmul(across.T))
        return F.interpolate(pooled, size=(rows, columns), mode="bilinear", align_corners=True)


def averages(length: int, parts: int) -> Tensor:
    """Return the matrix (parts, length) that averages as adaptive pooling does.

    Part k is from floor(k * length / parts) to ceil((k + 1) * length / parts).
    """
    index = torch.arange(length)
    part = torch.arange(parts)[:, None]
    start = part * length // parts
    end = ((part + 1) * length + parts - 1) // parts
    inside = (index >= start) & (index < end)
    return inside.float() / (end - start).float()
