import numpy as np
import pytest
import torch

from coroseg.errors import ModelError
from coroseg.lab.models.network import (
    MIN_CONTRAST,
    NAMES,
    Standardise,
    build_model,
    describe,
    load_weights,
)


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


SETTINGS = {
    "encoder": "tu-tf_efficientnet_lite0",
    "encoder_weights": "imagenet",
    "width": 2,
    "upsample_first": False,
}


def test_pretrained_weights_are_loaded_unless_a_checkpoint_follows() -> None:
    stem = "core.encoder.body.model.conv_stem.weight"
    first, second = (build_model("unet3plus", **SETTINGS).state_dict()[stem] for _ in range(2))
    random = build_model("unet3plus", **SETTINGS, pretrained=False).state_dict()[stem]
    assert torch.equal(first, second)
    assert not torch.equal(first, random)


def test_the_settings_reach_the_network() -> None:
    changed = {"first_stride": 1, "width": 3, "upsample_first": True, "deep_supervision": False}
    network = build_model("unet3plus", **SETTINGS | changed)
    core = network.core
    assert core.encoder.strides == (1, 2, 4, 8, 16)
    assert core.decoders[0].fuse[0].weight.shape[:2] == (15, 15)
    assert len(core.heads) == 1
    assert type(core.decoders[0].branches[4][0]).__name__ == "Upsample"
    core = build_model("unet3plus", **SETTINGS).core
    assert type(core.decoders[0].branches[4][1]).__name__ == "Upsample"


def test_the_network_standardises_by_itself() -> None:
    network = build_model("unet3plus", **SETTINGS).eval()
    image = torch.rand(1, 1, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(image), network.core(network.standardise(image)))


def test_an_ablation_is_unet3plus_with_other_settings() -> None:
    stem = "core.encoder.body.model.conv_stem.weight"
    whole, one_output, random = (
        build_model(name, **SETTINGS).state_dict()
        for name in ("unet3plus", "unet3plus_no_ds", "unet3plus_no_ds_tl")
    )
    sides = {f"core.heads.{k}.{kind}" for k in (1, 2, 3, 4) for kind in ("weight", "bias")}
    assert whole.keys() - one_output.keys() == sides
    assert one_output.keys() == random.keys()
    assert torch.equal(one_output[stem], whole[stem])
    assert not torch.equal(random[stem], whole[stem])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("unet3plus", ("EfficientNet-Lite0", "ImageNet")),
        ("unet3plus_no_ds_tl", ("EfficientNet-Lite0", "none")),
        ("unet", ("EfficientNet-Lite0", "ImageNet")),
        ("deeplabv3", ("EfficientNet-Lite0, dilated to stride 8", "ImageNet")),
        ("deeplabv3plus", ("EfficientNet-Lite0, dilated to stride 16", "ImageNet")),
        ("pspnet", ("EfficientNet-Lite0, to stride 8", "ImageNet")),
        ("cgnet", ("CGNet's own", "none")),
    ],
)
def test_a_table_says_what_a_network_really_has(name: str, expected: tuple[str, str]) -> None:
    assert describe(name, **SETTINGS) == expected


def test_other_encoders_weights_and_scales_are_named() -> None:
    given = {"encoder": "resnet50", "encoder_weights": "/data/mine.pth", "first_stride": 1}
    assert describe("unet3plus", **given) == ("resnet50, first stride 1", "mine.pth")
    assert describe("unet", **given) == ("resnet50", "mine.pth")


def test_the_nine_rows_of_table_2_in_its_order() -> None:
    assert len(NAMES) == 9
    assert (NAMES[0], NAMES[-1]) == ("cgnet", "unet3plus")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("unet4", {}, r"model 'unet4': unknown: choose one of cgnet, .*, unet3plus$"),
        ("unet", {"width": 0}, r"model 'unet': width: .*greater than or equal to 1"),
        ("unet", {"widht": 1}, r"model 'unet': widht: Extra inputs"),
    ],
)
def test_a_wrong_name_or_setting(name: str, changes: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build_model(name, **SETTINGS | changes)


NARROW = SETTINGS | {"encoder_weights": "none"}
SIDES = [f"core.heads.{k}" for k in range(5)]


@pytest.mark.parametrize(
    ("given", "asked", "anew"),
    [
        ({}, {}, []),
        ({}, {"segments": 3}, ["core.segment_head"]),
        ({"segments": 3}, {}, []),
        ({"segments": 3}, {"segments": 4}, ["core.segment_head"]),
        ({}, {"finest_width": 6}, ["core.decoders.0.fuse", "core.heads.0"]),
        ({"deep_supervision": False}, {}, SIDES[1:]),
        ({}, {"deep_supervision": False}, []),
    ],
)
def test_weights_of_another_shape_of_the_network_are_taken_but_for_heads_and_finest_fusion(
    given: dict[str, object], asked: dict[str, object], anew: list[str]
) -> None:
    source = build_model("unet3plus", **NARROW | given).state_dict()
    network = build_model("unet3plus", **NARROW | asked)
    random = {name: value.clone() for name, value in network.state_dict().items()}
    assert load_weights(network, source) == anew
    for name, value in network.state_dict().items():
        kept = any(name.startswith(f"{part}.") for part in anew)
        assert torch.equal(value, random[name] if kept else source[name]), name


@pytest.mark.parametrize("change", ["missing", "left over", "another shape"])
def test_weights_of_another_network_are_refused(change: str) -> None:
    network = build_model("unet3plus", **NARROW)
    weights = network.state_dict()
    name = "core.decoders.1.fuse.0.weight"
    if change == "missing":
        del weights[name]
    elif change == "left over":
        weights["core.decoders.4.fuse.0.weight"] = weights[name]
    else:
        weights[name] = weights[name][:3]
    with pytest.raises(RuntimeError, match="fuse"):
        load_weights(network, weights)


def test_segments_are_learnt_by_unet_3_plus_alone() -> None:
    network = build_model("cgnet", encoder_weights="none")
    assert network.segments == 0
    with pytest.raises(ModelError, match=r"^CGNet has no segments, and no encoder to freeze"):
        network.with_segments(torch.rand(1, 1, 64, 64))


def test_the_counters_of_batch_norms_may_miss() -> None:
    network = build_model("unet3plus", **NARROW)
    weights = {n: v for n, v in network.state_dict().items() if not n.endswith("batches_tracked")}
    assert len(weights) < len(network.state_dict())
    assert load_weights(network, weights) == []


def test_segments_are_learnt_on_the_standardised_image() -> None:
    network = build_model("unet3plus", **NARROW | {"segments": 3}).eval()
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        found = network.with_segments(image)
        expected = network.core.with_segments(network.standardise(image))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
