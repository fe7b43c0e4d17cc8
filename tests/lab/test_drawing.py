from itertools import product

import pytest
import torch
from torch import nn

from coroseg.lab.drawing import describe_unet3plus
from coroseg.lab.models.encoders import PlainEncoder
from coroseg.lab.models.unet3plus import UNet3Plus, Upsample

CHANNELS = (2, 3, 4, 5, 6)


def build(*, deep_supervision: bool = True, upsample_first: bool = True) -> UNet3Plus:
    return UNet3Plus(
        PlainEncoder(1, CHANNELS),
        width=7,
        deep_supervision=deep_supervision,
        upsample_first=upsample_first,
    )


@pytest.mark.parametrize("deep_supervision", [True, False])
@pytest.mark.parametrize("upsample_first", [True, False])
def test_the_drawing_counts_what_the_module_has(
    *, deep_supervision: bool, upsample_first: bool
) -> None:
    module = build(deep_supervision=deep_supervision, upsample_first=upsample_first)
    drawing = describe_unet3plus(module)
    branches = [branch for decoder in module.decoders for branch in decoder.branches]
    assert len(drawing.connections) == len(branches) == 20
    image = torch.zeros(1, 1, 32, 32)
    assert len(drawing.outputs) == module.side_outputs(image).shape[1]
    kinds = [connection.scaling for connection in drawing.connections]
    decoders = list(module.decoders.modules())
    assert kinds.count("down") == sum(isinstance(part, nn.MaxPool2d) for part in decoders)
    assert kinds.count("up") == sum(isinstance(part, Upsample) for part in decoders)


def test_levels_and_factors_are_those_of_the_maps() -> None:
    module = build()
    drawing = describe_unet3plus(module, "ours")
    assert drawing.name == "ours"
    maps = module.encoder(torch.zeros(1, 1, 64, 64))
    assert [(level.channels, level.stride) for level in drawing.encoder] == [
        (map_.shape[1], 64 // map_.shape[2]) for map_ in maps
    ]
    decoded = module._decode(maps)[:-1]
    assert [(level.channels, level.stride) for level in drawing.decoder] == [
        (map_.shape[1], 64 // map_.shape[2]) for map_ in decoded
    ]
    assert {(c.source, c.target) for c in drawing.connections} == set(product(range(5), range(4)))
    for connection in drawing.connections:
        assert connection.factor == 2 ** abs(connection.source - connection.target)
        assert connection.channels == 7
    assert [output.factor for output in drawing.outputs] == [1, 2, 4, 8, 16]


def test_a_changed_network_changes_the_drawing() -> None:
    module = build()
    before = describe_unet3plus(module)
    module.decoders[0].branches = module.decoders[0].branches[:4]
    assert len(describe_unet3plus(module).connections) == len(before.connections) - 1
