"""What the real U-Net 3+ is made of, as plain numbers, so that its figure follows the code."""

from typing import cast

from torch import nn

from coroseg.lab.models.unet3plus import FullScaleFusion, UNet3Plus, Upsample
from coroseg.report.figures.network_drawing import Connection, Level, NetworkDrawing, Output


def describe_unet3plus(network: UNet3Plus, name: str = "U-Net 3+") -> NetworkDrawing:
    """Return the levels, full-scale connections and supervised outputs of the module."""
    strides = network.encoder.strides
    fusions = [cast("FullScaleFusion", decoder) for decoder in network.decoders]
    return NetworkDrawing(
        name=name,
        encoder=tuple(map(Level, network.encoder.channels, strides)),
        decoder=tuple(
            Level(_channels(fusion.fuse), stride)
            for fusion, stride in zip(fusions, strides, strict=False)
        ),
        connections=tuple(
            _connection(source, target, branch)
            for target, fusion in enumerate(fusions)
            for source, branch in enumerate(fusion.branches)
        ),
        outputs=tuple(Output(level, strides[level]) for level, _ in enumerate(network.heads)),
    )


def _connection(source: int, target: int, branch: nn.Module) -> Connection:
    channels = _channels(branch)
    for module in branch.modules():
        if isinstance(module, nn.MaxPool2d):
            return Connection(source, target, "down", cast("int", module.kernel_size), channels)
        if isinstance(module, Upsample):
            return Connection(source, target, "up", module.factor, channels)
    return Connection(source, target, "same", 1, channels)


def _channels(module: nn.Module) -> int:
    """Return the channels that the module's last convolution makes."""
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return convolutions[-1].out_channels
