import pytest
import torch
from torch import Tensor, nn

from coroseg.errors import ModelError
from coroseg.lab.models.encoders import PlainEncoder, build_encoder

LITE0 = "tu-tf_efficientnet_lite0"


@pytest.mark.parametrize("first_stride", [1, 2])
def test_library_encoder_gives_the_maps_it_promises(first_stride: int) -> None:
    encoder = build_encoder(LITE0, first_stride=first_stride).eval()
    assert encoder.strides == tuple(first_stride * 2**k for k in range(5))
    with torch.no_grad():
        maps = encoder(torch.rand(2, 1, 64, 96))
    shapes = [
        (2, c, 64 // s, 96 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)
    ]
    assert [tuple(x.shape) for x in maps] == shapes


def test_first_stride_changes_no_parameter() -> None:
    fine, coarse = (build_encoder(LITE0, first_stride=s).state_dict() for s in (1, 2))
    assert {k: v.shape for k, v in fine.items()} == {k: v.shape for k, v in coarse.items()}


@pytest.mark.parametrize("name", ["resnet18", "inceptionresnetv2"])
@pytest.mark.long
def test_other_encoders_fit_at_both_first_strides(name: str) -> None:
    for first_stride in (1, 2):
        assert len(build_encoder(name, first_stride=first_stride).channels) == 5


def test_plain_encoder_is_five_levels_of_two_biased_convolutions() -> None:
    encoder = PlainEncoder(2, (3, 4, 5, 6, 7)).eval()
    assert [tuple(x.shape) for x in encoder(torch.rand(1, 2, 32, 48))] == [
        (1, 3, 32, 48),
        (1, 4, 16, 24),
        (1, 5, 8, 12),
        (1, 6, 4, 6),
        (1, 7, 2, 3),
    ]
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 10
    assert all(m.bias is not None for m in convolutions)


@pytest.mark.parametrize("first_stride", [1, 2])
def test_transformer_without_a_map_at_the_first_stride_is_refused(first_stride: int) -> None:
    with pytest.raises(ModelError) as caught:
        build_encoder("mit_b0", first_stride=first_stride)
    assert "'mit_b0'" in str(caught.value)
    assert f"needs maps at strides {[first_stride * 2**k for k in range(5)]}" in str(caught.value)
    assert "(0, 64, 64)" in str(caught.value)  # the map it lacks


@pytest.mark.parametrize("name", ["nonsense", "tu-nonsense", ""])
def test_unknown_encoder(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        build_encoder(name)
    assert repr(name) in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


class _OnlyOneSize(nn.Module):
    """Stands for the transformers that take one image size."""

    out_channels = (1, 2, 3, 4, 5, 6)

    def forward(self, _image: Tensor) -> list[Tensor]:
        raise AssertionError("Input height (128) doesn't match model (224).")


def test_encoder_of_one_image_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from segmentation_models_pytorch import encoders

    monkeypatch.setattr(encoders, "get_encoder", lambda *_, **__: _OnlyOneSize())
    with pytest.raises(ModelError, match=r"'fixed'.*128 x 128.*doesn't match.*choose"):
        build_encoder("fixed")


class _Pools(nn.Module):
    out_channels = (1, 2, 3, 4, 5, 6)


def test_first_stride_1_needs_a_strided_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    from segmentation_models_pytorch import encoders

    monkeypatch.setattr(encoders, "get_encoder", lambda *_, **__: _Pools())
    with pytest.raises(ModelError, match=r"'pools'.*set first_stride = 2"):
        build_encoder("pools", first_stride=1)


def test_first_strides_that_do_not_exist() -> None:
    with pytest.raises(ModelError, match="first stride 4: must be 1"):
        build_encoder(LITE0, first_stride=4)
    with pytest.raises(ModelError, match=r"'plain'.*set first_stride = 1"):
        build_encoder("plain", first_stride=2)
