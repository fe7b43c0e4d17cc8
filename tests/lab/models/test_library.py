import pytest
import torch
from segmentation_models_pytorch.encoders import get_encoder

from coroseg.errors import ModelError
from coroseg.lab.models.encoders import LibraryEncoder
from coroseg.lab.models.library import ARCHITECTURES, build_library_network, drop_unused
from coroseg.lab.models.network import build_model

LITE0 = "tu-tf_efficientnet_lite0"
TINY = "tu-test_efficientnet"


@pytest.mark.parametrize(
    ("name", "stride", "channels"),
    [
        ("unet", 32, 320),
        ("unetplusplus", 32, 320),
        ("deeplabv3", 8, 320),
        ("deeplabv3plus", 16, 320),
        ("pspnet", 8, 40),
    ],
)
def test_efficientnet_lite0_fits_every_network_at_its_stride(
    name: str, stride: int, channels: int
) -> None:
    network = build_library_network(name, LITE0, "none").eval()
    with torch.no_grad():
        deepest = network.model.encoder(torch.rand(1, 1, 64, 96))[-1]
    assert deepest.shape == (1, channels, 64 // stride, 96 // stride)


def test_all_have_the_same_imagenet_weights() -> None:
    shared = build_model("unet3plus", encoder=LITE0, encoder_weights="imagenet", width=2)
    expected = shared.core.encoder.body.state_dict()
    assert (expected["model.bn1.running_var"] != 1).any()  # a trained one
    for name in ARCHITECTURES:
        found = build_library_network(name, LITE0, "imagenet").model.encoder.state_dict()
        assert name == "pspnet" or found.keys() == expected.keys()
        assert all(torch.equal(value, expected[key]) for key, value in found.items())


def test_pspnet_keeps_only_the_three_stages_it_uses() -> None:
    whole = get_encoder(LITE0, in_channels=1, depth=3, weights=None).eval()
    encoder = LibraryEncoder(LITE0, depth=3)
    encoder.body.load_state_dict(whole.state_dict())
    drop_unused(encoder)
    kept = {name.split(".")[2] for name in encoder.state_dict() if "blocks" in name}
    assert encoder.channels == (16, 24, 40)
    assert len(kept) < len(whole.model.blocks)
    image = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        for found, expected in zip(encoder.eval()(image), whole(image)[1:], strict=True):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad])
def test_pspnet_is_the_same_where_nothing_is_differentiated(context: type) -> None:
    expected = build_model("pspnet", encoder=LITE0, encoder_weights="none")
    with context():
        found = build_model("pspnet", encoder=LITE0, encoder_weights="none")
    assert found.state_dict().keys() == expected.state_dict().keys()
    assert all(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
@pytest.mark.parametrize("encoder", ["inceptionresnetv2", "mit_b0", "nonsense", "tu-nonsense"])
def test_deeplab_refuses_an_encoder_that_cannot_be_dilated(name: str, encoder: str) -> None:
    with pytest.raises(ModelError) as caught:
        build_library_network(name, encoder, "none")
    assert repr(encoder) in str(caught.value)
    assert f"choose one that can be dilated, such as '{LITE0}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_encoders_that_it_names_can_be_dilated() -> None:
    assert LibraryEncoder("resnet50", output_stride=8).strides == (2, 4, 8, 8, 8)


def test_the_plain_encoder_is_of_unet3plus_only() -> None:
    with pytest.raises(ModelError, match=r"'plain' is of U-Net 3\+ only: .*'unet'"):
        build_library_network("unet", "plain", "none")


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
def test_deeplab_is_not_trained_on_one_image_at_a_time(name: str) -> None:
    network = build_library_network(name, TINY, "none")
    with pytest.raises(ModelError, match=r"DeepLabV3.* set data\.batch to 2 or more"):
        network.train()(torch.rand(1, 1, 64, 64))
    assert network.eval()(torch.rand(1, 1, 64, 64)).shape == (1, 1, 64, 64)


def test_pspnet_is_trained_on_one_image_at_a_time() -> None:
    network = build_library_network("pspnet", TINY, "none").train()
    assert network(torch.rand(1, 1, 64, 64)).shape == (1, 1, 64, 64)
