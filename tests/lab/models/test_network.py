import numpy as np
import pytest
import torch

from coroseg.lab.config import Model
from coroseg.lab.models.network import MIN_CONTRAST, Standardise, build_model


def test_standardise_is_the_z_score_of_each_image_by_itself() -> None:
    images = np.random.default_rng(0).normal([[[[0.2]]], [[[0.7]]]], 0.1, (2, 1, 30, 41))
    expected = [(x - x.mean()) / (x.std() + MIN_CONTRAST) for x in images]
    found = Standardise()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, np.stack(expected), rtol=1e-10)


def test_a_linear_change_of_the_grey_scale_leaves_hardly_a_trace() -> None:
    image = torch.rand(1, 1, 40, 30)
    changed = Standardise()(0.4 * image + 0.3)
    torch.testing.assert_close(changed, Standardise()(image), rtol=0, atol=0.03)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_constant_image_becomes_zeros(level: float) -> None:
    standardised = Standardise()(torch.full((1, 1, 20, 30), level))
    torch.testing.assert_close(standardised, torch.zeros(1, 1, 20, 30), rtol=0, atol=1e-3)


def settings(**changes: object) -> Model:
    values: dict[str, object] = {
        "encoder": "tu-tf_efficientnet_lite0",
        "encoder_weights": "imagenet",
        "width": 2,
        "upsample_first": False,
    }
    return Model.model_validate(values | changes)


def test_pretrained_weights_are_loaded_unless_a_checkpoint_follows() -> None:
    stem = "core.encoder.body.model.conv_stem.weight"
    first, second = (build_model(settings()).state_dict()[stem] for _ in range(2))
    random = build_model(settings(), pretrained=False).state_dict()[stem]
    assert torch.equal(first, second)
    assert not torch.equal(first, random)


def test_the_settings_reach_the_network() -> None:
    network = build_model(
        settings(first_stride=1, width=3, upsample_first=True, deep_supervision=False)
    )
    core = network.core
    assert core.encoder.strides == (1, 2, 4, 8, 16)
    assert core.decoders[0].fuse[0].weight.shape[:2] == (15, 15)
    assert len(core.heads) == 1
    assert type(core.decoders[0].branches[4][0]).__name__ == "Upsample"
    assert type(build_model(settings()).core.decoders[0].branches[4][1]).__name__ == "Upsample"


def test_the_network_standardises_by_itself() -> None:
    network = build_model(settings()).eval()
    image = torch.rand(1, 1, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(image), network.core(network.standardise(image)))
