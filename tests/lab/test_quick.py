import pytest
import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.pspnet.decoder import PSPBlock
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from coroseg.lab.quick import AverageBlock, averages, quick, restored


@pytest.mark.parametrize("parts", [1, 2, 3, 6])
@pytest.mark.parametrize("length", [1, 4, 7, 8, 12, 31])
def test_averages_are_those_of_adaptive_pooling(length: int, parts: int) -> None:
    line = torch.rand(1, 2, length)
    expected = F.adaptive_avg_pool1d(line, parts)
    torch.testing.assert_close(line @ averages(length, parts).T, expected)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_the_pooling_block_computes_the_same_as_products(size: int) -> None:
    block = PSPBlock(4, 5, size).eval()
    features = torch.rand(2, 4, 9, 14)
    torch.testing.assert_close(AverageBlock(block)(features), block(features))


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(4, 1, 3, padding=1),
        nn.Conv2d(4, 1, 3, padding=1, bias=False),
        nn.Conv2d(4, 1, 3, padding=1, stride=2),
        nn.Conv2d(4, 1, 3, padding=2, dilation=2),
        nn.Conv2d(4, 1, 5, padding=2),
        nn.Conv2d(4, 1, 1),
    ],
)
def test_convolutions_to_one_channel_compute_the_same(convolution: nn.Conv2d) -> None:
    model = nn.Sequential(convolution)
    features = torch.rand(2, 4, 12, 20)
    torch.testing.assert_close(quick(model)(features), model(features))
    assert isinstance(model[0], nn.Conv2d)  # the model itself stays as it is


@pytest.mark.parametrize("changed", [nn.Conv2d(4, 1, 3, padding=1), Conv2dSame(4, 6, 3, 2)])
def test_the_weights_are_found_again(changed: nn.Module) -> None:
    model = nn.ModuleDict({"a": nn.ModuleDict({"1": changed}), "b": nn.Conv2d(4, 1, 5)})
    weights = restored(quick(model).state_dict())
    assert weights.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(weights[name], value)
