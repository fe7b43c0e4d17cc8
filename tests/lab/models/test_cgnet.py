import pytest
import torch
from torch import nn

from coroseg.lab.models.cgnet import CGNet, ContextBlock, DownBlock, GlobalContext, JointContext


def test_its_parameters_are_those_published_less_two_channels_and_eighteen_classes() -> None:
    """The authors' M3N21 for colour images and 19 classes has 496,306."""
    two_colours_less = (
        2 * 9 * 32  # the stem's first convolution
        + 2 * 9 * 64  # the two strided convolutions that follow an injection
        + 2 * 9 * 128
        + 2 * 2 * 3  # batch norm and PReLU over the two injections
    )
    eighteen_classes_less = 18 * 256
    our_head_s_bias = 1
    expected = 496_306 - two_colours_less - eighteen_classes_less + our_head_s_bias
    assert sum(p.numel() for p in CGNet().parameters()) == expected


def test_three_and_twenty_one_blocks_dilated_by_2_and_4() -> None:
    network = CGNet()
    for stage, blocks, dilation in [(network.stage2, 3, 2), (network.stage3, 21, 4)]:
        joints = [m for m in stage.modules() if isinstance(m, JointContext)]
        assert len(joints) == blocks
        assert {joint.surrounding.dilation for joint in joints} == {(dilation, dilation)}
        assert {joint.local.dilation for joint in joints} == {(1, 1)}
    assert [m.stride for m in network.modules() if isinstance(m, nn.Conv2d)].count((2, 2)) == 3


@pytest.mark.parametrize("dilation", [2, 4])
def test_local_and_surrounding_context_reach_as_far_as_they_should(dilation: int) -> None:
    joint = JointContext(2, dilation).eval()
    impulse = torch.zeros(1, 2, 15, 17)
    impulse[0, 0, 7, 8] = 1
    reached = joint(impulse)[0] != 0
    assert not reached[[1, 3]].any()  # the other channel stays out
    for channel, step in [(0, 1), (2, dilation)]:
        expected = torch.zeros(15, 17, dtype=torch.bool)
        expected[7 - step : 8 + step : step, 8 - step : 9 + step : step] = True
        assert torch.equal(reached[channel], expected)


def test_global_context_weighs_channels_by_their_means_alone() -> None:
    context = GlobalContext(8, 4)
    image = torch.rand(2, 8, 6, 10)
    shuffled = image.flatten(2)[..., torch.randperm(60)].reshape(image.shape)
    weights = context(image) / image
    torch.testing.assert_close(weights, weights[..., :1, :1].expand_as(image))
    torch.testing.assert_close(weights, context(shuffled) / shuffled)
    assert ((weights > 0) & (weights < 1)).all()


def test_a_block_adds_to_its_input_and_a_stage_s_first_does_not() -> None:
    features = torch.rand(1, 8, 12, 20)
    block, down = ContextBlock(8, 2, 4).eval(), DownBlock(8, 16, 2, 4).eval()
    for silent in (block.joint, down.joint):
        nn.init.zeros_(silent.join[0].weight)
        nn.init.zeros_(silent.join[0].bias)
    assert torch.equal(block(features), features)
    assert torch.equal(down(features), torch.zeros(1, 16, 6, 10))
