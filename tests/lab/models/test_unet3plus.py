"""The network against the published original, written here anew from its description."""

# ruff: noqa: N806 -- the names of the original are kept

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from coroseg.lab.models.encoders import PlainEncoder, build_encoder
from coroseg.lab.models.unet3plus import UNet3Plus

Weights = dict[str, Tensor]
NARROW = (3, 4, 5, 6, 7)  # five different numbers, so that a swapped level cannot fit


def original(w: Weights, image: Tensor, *, training: bool) -> list[Tensor]:
    """Return the five sigmoid maps of the original UNet_3Plus_DeepSup with the weights `w`."""

    def conv(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = w[f"{name}.running_mean"].clone(), w[f"{name}.running_var"].clone()
        scale, shift = w[f"{name}.weight"], w[f"{name}.bias"]
        return F.relu(F.batch_norm(x, mean, variance, scale, shift, training=training))

    def twice(x: Tensor, name: str) -> Tensor:
        x = norm(conv(x, f"{name}.conv1.0"), f"{name}.conv1.1")
        return norm(conv(x, f"{name}.conv2.0"), f"{name}.conv2.1")

    def node(x: Tensor, name: str) -> Tensor:
        return norm(conv(x, f"{name}_conv"), f"{name}_bn")

    def fused(parts: list[Tensor], level: int) -> Tensor:
        return norm(conv(torch.cat(parts, 1), f"conv{level}d_1"), f"bn{level}d_1")

    def down(x: Tensor, factor: int) -> Tensor:
        return F.max_pool2d(x, factor, factor, ceil_mode=True)

    def up(x: Tensor, factor: int) -> Tensor:
        size = (x.shape[2] * factor, x.shape[3] * factor)
        return F.interpolate(x, size, mode="bilinear", align_corners=False)

    h1 = twice(image, "conv1")
    h2 = twice(F.max_pool2d(h1, 2), "conv2")
    h3 = twice(F.max_pool2d(h2, 2), "conv3")
    h4 = twice(F.max_pool2d(h3, 2), "conv4")
    hd5 = twice(F.max_pool2d(h4, 2), "conv5")

    h1_PT_hd4 = node(down(h1, 8), "h1_PT_hd4")
    h2_PT_hd4 = node(down(h2, 4), "h2_PT_hd4")
    h3_PT_hd4 = node(down(h3, 2), "h3_PT_hd4")
    h4_Cat_hd4 = node(h4, "h4_Cat_hd4")
    hd5_UT_hd4 = node(up(hd5, 2), "hd5_UT_hd4")
    hd4 = fused([h1_PT_hd4, h2_PT_hd4, h3_PT_hd4, h4_Cat_hd4, hd5_UT_hd4], 4)

    h1_PT_hd3 = node(down(h1, 4), "h1_PT_hd3")
    h2_PT_hd3 = node(down(h2, 2), "h2_PT_hd3")
    h3_Cat_hd3 = node(h3, "h3_Cat_hd3")
    hd4_UT_hd3 = node(up(hd4, 2), "hd4_UT_hd3")
    hd5_UT_hd3 = node(up(hd5, 4), "hd5_UT_hd3")
    hd3 = fused([h1_PT_hd3, h2_PT_hd3, h3_Cat_hd3, hd4_UT_hd3, hd5_UT_hd3], 3)

    h1_PT_hd2 = node(down(h1, 2), "h1_PT_hd2")
    h2_Cat_hd2 = node(h2, "h2_Cat_hd2")
    hd3_UT_hd2 = node(up(hd3, 2), "hd3_UT_hd2")
    hd4_UT_hd2 = node(up(hd4, 4), "hd4_UT_hd2")
    hd5_UT_hd2 = node(up(hd5, 8), "hd5_UT_hd2")
    hd2 = fused([h1_PT_hd2, h2_Cat_hd2, hd3_UT_hd2, hd4_UT_hd2, hd5_UT_hd2], 2)

    h1_Cat_hd1 = node(h1, "h1_Cat_hd1")
    hd2_UT_hd1 = node(up(hd2, 2), "hd2_UT_hd1")
    hd3_UT_hd1 = node(up(hd3, 4), "hd3_UT_hd1")
    hd4_UT_hd1 = node(up(hd4, 8), "hd4_UT_hd1")
    hd5_UT_hd1 = node(up(hd5, 16), "hd5_UT_hd1")
    hd1 = fused([h1_Cat_hd1, hd2_UT_hd1, hd3_UT_hd1, hd4_UT_hd1, hd5_UT_hd1], 1)

    maps = [
        conv(hd1, "outconv1"),
        up(conv(hd2, "outconv2"), 2),
        up(conv(hd3, "outconv3"), 4),
        up(conv(hd4, "outconv4"), 8),
        up(conv(hd5, "outconv5"), 16),
    ]
    return [torch.sigmoid(x) for x in maps]


def original_weights(channels: tuple[int, ...], width: int, in_channels: int = 3) -> Weights:
    """Return random weights under the names of the original authors' code."""
    random = torch.Generator().manual_seed(5)
    weights: Weights = {}

    def add_conv(name: str, below: int, above: int) -> None:
        spread = (9 * below) ** -0.5
        weights[f"{name}.weight"] = torch.randn(above, below, 3, 3, generator=random) * spread
        weights[f"{name}.bias"] = torch.randn(above, generator=random) * 0.1

    def add_norm(name: str, count: int) -> None:
        weights[f"{name}.weight"] = torch.rand(count, generator=random) + 0.5
        weights[f"{name}.bias"] = torch.randn(count, generator=random) * 0.1
        weights[f"{name}.running_mean"] = torch.randn(count, generator=random) * 0.1
        weights[f"{name}.running_var"] = torch.rand(count, generator=random) + 0.5

    below = in_channels
    for level, above in enumerate(channels, start=1):
        add_conv(f"conv{level}.conv1.0", below, above)
        add_norm(f"conv{level}.conv1.1", above)
        add_conv(f"conv{level}.conv2.0", above, above)
        add_norm(f"conv{level}.conv2.1", above)
        below = above
    for level in (4, 3, 2, 1):
        for source in (1, 2, 3, 4, 5):
            name = branch_name(source, level)
            given = channels[source - 1] if source <= level or source == 5 else 5 * width
            add_conv(f"{name}_conv", given, width)
            add_norm(f"{name}_bn", width)
        add_conv(f"conv{level}d_1", 5 * width, 5 * width)
        add_norm(f"bn{level}d_1", 5 * width)
    for level in (1, 2, 3, 4, 5):
        add_conv(f"outconv{level}", channels[-1] if level == 5 else 5 * width, 1)
    return weights


def branch_name(source: int, level: int) -> str:
    """Return the original's name of the branch from `source` to `level`, counted from 1."""
    if source < level:
        return f"h{source}_PT_hd{level}"
    return f"h{source}_Cat_hd{level}" if source == level else f"hd{source}_UT_hd{level}"


def our_names() -> dict[str, str]:
    """Return the original's name of each layer by ours: the table of docs/model.md."""
    names = {}
    for k in range(5):
        first = 0 if k == 0 else 1  # the pooling comes first
        names |= {
            f"encoder.levels.{k}.{first}": f"conv{k + 1}.conv1.0",
            f"encoder.levels.{k}.{first + 1}": f"conv{k + 1}.conv1.1",
            f"encoder.levels.{k}.{first + 3}": f"conv{k + 1}.conv2.0",
            f"encoder.levels.{k}.{first + 4}": f"conv{k + 1}.conv2.1",
            f"heads.{k}": f"outconv{k + 1}",
        }
    for i in range(4):
        for k in range(5):
            name, block = branch_name(k + 1, i + 1), 0 if k == i else 1
            names[f"decoders.{i}.branches.{k}.{block}.0"] = f"{name}_conv"
            names[f"decoders.{i}.branches.{k}.{block}.1"] = f"{name}_bn"
        names[f"decoders.{i}.fuse.0"] = f"conv{i + 1}d_1"
        names[f"decoders.{i}.fuse.1"] = f"bn{i + 1}d_1"
    return names


def with_weights(network: UNet3Plus, weights: Weights) -> UNet3Plus:
    names = our_names()
    state = {}
    for key in network.state_dict():
        layer, kind = key.rsplit(".", 1)
        if kind != "num_batches_tracked":
            state[key] = weights[f"{names[layer]}.{kind}"]
    assert len(state) == len(weights)
    network.load_state_dict(state, strict=False)
    return network


def assert_same_function(
    network: UNet3Plus, weights: Weights, *, shape: tuple[int, int], training: bool
) -> None:
    image = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(1))
    network.train(training)
    with torch.no_grad():
        expected = original(weights, image, training=training)
        found = torch.sigmoid(network.side_outputs(image))
    assert found.shape == (2, 5, *shape)
    for k in range(5):
        assert expected[k].std() > 1e-3  # neither flat nor saturated: a difference would show
        torch.testing.assert_close(found[:, k : k + 1], expected[k], rtol=0, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_five_outputs_are_those_of_the_original(training: bool) -> None:
    weights = original_weights(NARROW, width=4)
    network = with_weights(UNet3Plus(PlainEncoder(3, NARROW), width=4), weights)
    assert_same_function(network, weights, shape=(48, 80), training=training)


@pytest.mark.long
def test_five_outputs_are_those_of_the_original_at_its_real_size() -> None:
    weights = original_weights((64, 128, 256, 512, 1024), width=64)
    network = with_weights(
        UNet3Plus(build_encoder("plain", in_channels=3, first_stride=1)), weights
    )
    assert_same_function(network, weights, shape=(32, 48), training=False)


def test_the_original_has_26_989_637_parameters() -> None:
    with torch.device("meta"):
        network = UNet3Plus(build_encoder("plain", in_channels=3, first_stride=1), width=64)
    assert sum(p.numel() for p in network.parameters()) == 26_989_637


@pytest.fixture
def small() -> Callable[..., UNet3Plus]:
    def build(**options: bool) -> UNet3Plus:
        torch.manual_seed(0)
        return UNet3Plus(PlainEncoder(1, NARROW), width=2, **options)

    return build


@pytest.mark.parametrize("upsample_first", [True, False])
@pytest.mark.parametrize(("supervised", "outputs"), [(True, 5), (False, 1)])
def test_side_outputs_in_training_and_one_output_in_use(
    small: Callable[..., UNet3Plus], upsample_first: bool, supervised: bool, outputs: int
) -> None:
    network = small(upsample_first=upsample_first, deep_supervision=supervised)
    image = torch.rand(2, 1, 32, 48)
    assert network.train()(image).shape == (2, outputs, 32, 48)
    network.eval()
    assert network(image).shape == (2, 1, 32, 48)
    torch.testing.assert_close(network.side_outputs(image)[:, :1], network(image))


def test_the_reading_with_convolution_first_is_another_function_of_equal_weights(
    small: Callable[..., UNet3Plus],
) -> None:
    """Bilinear weights sum to 1, so both agree on a constant map away from the border only."""
    paper, fast = small(upsample_first=True).eval(), small(upsample_first=False).eval()
    fast.load_state_dict(dict(zip(fast.state_dict(), paper.state_dict().values(), strict=True)))
    image = torch.rand(1, 1, 32, 48)
    assert not torch.allclose(paper(image), fast(image), atol=1e-4)


@pytest.mark.parametrize("shape", [(37, 53), (48, 53), (37, 64), (16, 16), (5, 90)])
def test_any_size_is_padded_by_its_edge_and_cut_exactly(
    small: Callable[..., UNet3Plus], shape: tuple[int, int]
) -> None:
    network = small().eval()
    image = torch.rand(1, 1, *shape)
    rows, columns = (-shape[0] % 16, -shape[1] % 16)
    edges = np.pad(image.numpy(), ((0, 0), (0, 0), (0, rows), (0, columns)), mode="edge")
    expected = network.side_outputs(torch.from_numpy(edges))[..., : shape[0], : shape[1]]
    torch.testing.assert_close(network.side_outputs(image), expected)


def test_the_finest_level_alone_has_its_own_width() -> None:
    network = UNet3Plus(PlainEncoder(1, NARROW), width=2, finest_width=3)
    fused = [decoder.fuse[0] for decoder in network.decoders]
    assert [(layer.in_channels, layer.out_channels) for layer in fused] == [(10, 3)] + 3 * [
        (10, 10)
    ]
    assert [head.in_channels for head in network.heads] == [3, 10, 10, 10, NARROW[-1]]
    assert network(torch.rand(1, 1, 32, 48)).shape == (1, 5, 32, 48)


def test_segments_are_told_apart_on_the_second_level_beside_the_same_vessels() -> None:
    torch.manual_seed(0)
    network = UNet3Plus(PlainEncoder(1, NARROW), width=2, segments=6).eval()
    image = torch.rand(2, 1, 32, 48)
    logits, segments = network.with_segments(image)
    torch.testing.assert_close(logits, network.side_outputs(image))
    assert segments.shape == (2, 7, 16, 24)
    assert network(image).shape == (2, 1, 32, 48)  # in use nothing of it is left
    segments.square().sum().backward()
    assert network.segment_head is not None
    assert network.segment_head.weight.grad is not None
    assert network.segment_head.weight.grad.abs().max() > 0
    assert network.heads[0].weight.grad is None


def test_without_segments_there_are_none(small: Callable[..., UNet3Plus]) -> None:
    with pytest.raises(ValueError, match="no segments"):
        small().with_segments(torch.rand(1, 1, 32, 48))


def test_gradients_reach_every_parameter(small: Callable[..., UNet3Plus]) -> None:
    network = small().train()
    torch.sigmoid(network(torch.rand(2, 1, 32, 48))).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if parameter.ndim == 4:
            assert parameter.grad.abs().max() > 0, name


def test_library_encoder_of_first_stride_2_needs_multiples_of_32() -> None:
    encoder = build_encoder("tu-tf_efficientnet_lite0", first_stride=2)
    network = UNet3Plus(encoder, width=2, upsample_first=False).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 1, 70, 40)).shape == (1, 1, 70, 40)
