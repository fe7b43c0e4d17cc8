import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import nn

import coroseg
from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import read_manifest
from coroseg.demo import FRAMES, SEED
from coroseg.errors import ConfigError, CorosegError, ModelError
from coroseg.lab import export as module
from coroseg.lab.checkpoint import read_weights
from coroseg.lab.config import Config, parse, read_config
from coroseg.lab.data import VesselImages, read_sources
from coroseg.lab.export import export
from coroseg.lab.models.network import (
    MIN_CONTRAST,
    Network,
    Standardise,
    build_model,
    load_weights,
    unet3plus,
)
from coroseg.segmentation.predictor import Predictor, to_network
from coroseg.simulation.run import draw_simulation

SIDES = tuple(f"core.heads.{k}" for k in range(1, 5))
"""What an exported file does not hold."""

SETTINGS: dict[str, Any] = {
    "seed": 5,
    "data": {"train": [{"manifest": "none.csv"}], "size": 64},
    "model": {
        "encoder": "tu-tf_efficientnet_lite0",
        "encoder_weights": "none",
        "width": 4,
        "upsample_first": False,
    },
}


@pytest.fixture(scope="module")
def network() -> Network:
    """A network whose batch norms have seen images, so that none is the identity."""
    torch.manual_seed(0)
    network = build_model("unet3plus", **SETTINGS["model"])
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 1, 64, 64))
    return network.eval()


@pytest.fixture
def checkpoint(network: Network, tmp_path: Path) -> Path:
    config = parse(Config, SETTINGS, "test").model_dump(mode="json")
    path = tmp_path / "best.ckpt"
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    facts = {"config": config, "git_commit": "abc", "version": "1", "data_sha256": {}}
    torch.save({"state_dict": state, "coroseg": facts}, path)
    return path


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 160), (32, 256)])
def test_the_file_computes_what_torch_computes(
    network: Network, checkpoint: Path, tmp_path: Path, rows: int, columns: int
) -> None:
    out = tmp_path / "model.onnx"
    difference = export(checkpoint, out)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(1).random((2, 1, rows, columns), dtype=np.float32)
    (found,) = session.run(["probability"], {"image": image})
    with torch.no_grad():
        expected = torch.sigmoid(network(torch.from_numpy(image))).numpy()
    assert expected.std() > 1e-3  # the comparison says something
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert difference <= 1e-4


def test_the_file_names_its_origin_and_fits_the_predictor(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.onnx"
    export(checkpoint, out, name="mine")
    predictor = Predictor(out)
    assert (predictor.info.name, predictor.info.input_size) == ("mine", 64)
    assert predictor.predict(np.zeros((1, 50, 70), np.float32)).shape == (1, 50, 70)
    metadata = onnxruntime.InferenceSession(
        str(out), providers=["CPUExecutionProvider"]
    ).get_modelmeta()
    assert metadata.custom_metadata_map["git_commit"] == "abc"
    assert metadata.custom_metadata_map["seed"] == "5"


def test_the_size_given_in_use_may_differ_from_training(checkpoint: Path, tmp_path: Path) -> None:
    export(checkpoint, tmp_path / "model.onnx", size=96)
    assert Predictor(tmp_path / "model.onnx").info.input_size == 96


def test_a_shift_of_the_logit_is_in_the_file_and_not_in_its_weights(
    checkpoint: Path, tmp_path: Path
) -> None:
    export(checkpoint, tmp_path / "as_it_is.onnx")
    export(checkpoint, tmp_path / "shifted.onnx", shift=-0.7)
    image = np.random.default_rng(3).random((1, 1, 64, 64), dtype=np.float32)
    plain, shifted = (
        Predictor(tmp_path / f"{name}.onnx").run(image) for name in ("as_it_is", "shifted")
    )
    odds = plain / (1 - plain) * np.exp(-0.7)
    np.testing.assert_allclose(shifted, odds / (1 + odds), atol=1e-5)
    weights = read_weights(tmp_path / "as_it_is.onnx")
    found = read_weights(tmp_path / "shifted.onnx")
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_a_file_that_differs_is_not_kept(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(model: nn.Module) -> nn.Module:
        model = copy.deepcopy(model)
        with torch.no_grad():
            next(p for n, p in model.named_parameters() if n.endswith("heads.0.bias")).add_(0.01)
        return model

    out = tmp_path / "model.onnx"
    out.write_bytes(b"earlier")
    monkeypatch.setattr(module, "quick", spoilt)
    with pytest.raises(ModelError, match="differ from torch's by"):
        export(checkpoint, out)
    assert out.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "model.onnx"]


@pytest.mark.parametrize("validated", [True, False])
def test_it_is_compared_on_images_of_its_own(
    checkpoint: Path,
    tmp_path: Path,
    make_data: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    validated: bool,
) -> None:
    own, other = make_data(7, name="own"), make_data(7, name="other", seed=50)
    data = {"train": [{"manifest": str(other if validated else own)}], "size": 64}
    if validated:
        data["validation"] = [{"manifest": str(own)}]
    content = torch.load(checkpoint, weights_only=True)
    content["coroseg"]["config"] |= {"data": data}
    torch.save(content, checkpoint)
    compared: list[np.ndarray] = []

    def largest_difference(_: nn.Module, __: Path, images: list[np.ndarray]) -> float:
        compared.extend(images)
        return 0.0

    monkeypatch.setattr(module, "largest_difference", largest_difference)
    export(checkpoint, tmp_path / "model.onnx")
    assert len(compared) == 5 + 3
    for sample, image in zip(read_manifest(own)[:5], compared[:5], strict=True):
        expected = np.asarray(Image.open(sample.image), np.float32) / 255
        np.testing.assert_allclose(image, expected, atol=1e-6)


def test_onnx_runtime_standardises_an_image_to_the_last_digits(tmp_path: Path) -> None:
    """Low contrast on a bright ground: a sum of all pixels in float32 was 1e-5 off."""
    rows, columns = np.mgrid[:384, :384] / np.float32(384)
    image = (0.8 + 0.1 * np.sin(9 * rows) * columns).astype(np.float32)
    file = tmp_path / "standardise.onnx"
    module._write(Standardise(), file, 384, {})
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image[None, None]})
    exact = image.astype(np.float64)
    expected = (exact - exact.mean()) / (exact.std() + MIN_CONTRAST)
    np.testing.assert_allclose(found[0, 0], expected, atol=3e-6)


def test_it_says_where_it_is_compared_on_noise_alone(
    checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    export(checkpoint, tmp_path / "model.onnx")
    (record,) = (r for r in caplog.records if r.levelname == "WARNING")
    assert re.match(r"compared with torch on noise alone: .*none\.csv", record.getMessage())


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ConfigError, match="no checkpoint of coroseg"):
        export(path, tmp_path / "model.onnx")
    path.write_text("text")
    with pytest.raises(ConfigError, match="cannot be read as a checkpoint"):
        export(path, tmp_path / "model.onnx")


def test_checkpoints_are_averaged_one_named_twice_counting_double(
    network: Network, checkpoint: Path, tmp_path: Path, make_data: Callable[..., Path]
) -> None:
    manifest = make_data(4, name="train")
    content = torch.load(checkpoint, weights_only=True)
    data = {"train": [{"manifest": str(manifest)}], "size": 64, "batch": 4}
    content["coroseg"]["config"] |= {"data": data}
    torch.save(content, checkpoint)
    random = torch.Generator().manual_seed(2)
    other = {
        name: value * (0.5 + torch.rand(value.shape, generator=random))
        if value.is_floating_point()
        else value + 3
        for name, value in content["state_dict"].items()
    }
    torch.save(content | {"state_dict": other}, tmp_path / "other.ckpt")
    out, paths = tmp_path / "model.onnx", [tmp_path / "other.ckpt"] * 2
    export(checkpoint, out, averaged_with=paths)
    expected = copy.deepcopy(network)
    for name, value in expected.state_dict().items():
        if value.is_floating_point():
            value.copy_(value / 3 + 2 / 3 * other[f"network.{name}"])
    # All images are one batch: with a momentum of 1 the batch norms keep just its statistics.
    for layer in expected.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    before = copy.deepcopy(expected).eval()
    images = VesselImages(read_sources(parse(Config, SETTINGS | {"data": data}, "").data.train), 64)
    with torch.no_grad():
        expected.train()(torch.stack([images[0, k][0] for k in range(4)]))
    expected.eval()
    image = torch.rand(1, 1, 64, 64, generator=random)
    with torch.no_grad():
        probability, old = torch.sigmoid(expected(image)), torch.sigmoid(before(image))
    assert (probability - old).abs().max() > 0.01  # the statistics matter
    np.testing.assert_allclose(Predictor(out).run(image.numpy()), probability.numpy(), atol=1e-4)


def test_statistics_are_measured_anew_behind_a_frozen_encoder(
    network: Network, make_data: Callable[..., Path]
) -> None:
    data = {"train": [{"manifest": str(make_data(4, name="train"))}], "size": 64, "batch": 4}
    config = parse(Config, SETTINGS | {"data": data, "training": {"frozen_encoder": True}}, "test")
    measured = copy.deepcopy(network)
    module.measure_statistics(measured, config)
    before, after = network.state_dict(), measured.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {
        name
        for name in before
        if name.startswith("core.decoders.")
        and name.endswith(("running_mean", "running_var", "batches_tracked"))
    }
    # The finest fusion's statistics, of all images in one batch.
    seen: list[torch.Tensor] = []
    handle = (
        unet3plus(measured)
        .decoders[0]
        .fuse[0]
        .register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    )
    module.measure_statistics(measured, config)
    handle.remove()
    mean = after["core.decoders.0.fuse.1.running_mean"]
    torch.testing.assert_close(mean, seen[0].mean(dim=(0, 2, 3)), atol=1e-5, rtol=1e-4)


def test_a_second_network_serves_the_images_that_look_like_its_own(
    checkpoint: Path, tmp_path: Path, make_data: Callable[..., Path]
) -> None:
    """Its images are wide, the first's tall: the drawn vessels then look otherwise."""
    tall = make_data(6, shape=(96, 40), name="tall")
    wide = make_data(6, shape=(40, 96), name="wide", seed=60)
    paths = [checkpoint, tmp_path / "second.ckpt"]
    random = torch.Generator().manual_seed(6)
    for path, manifest in zip(paths, (tall, wide), strict=True):
        content = torch.load(checkpoint, weights_only=True)
        data = {"train": [{"manifest": str(manifest)}], "size": 96, "batch": 6}
        content["coroseg"]["config"] |= {"data": data}
        for value in content["state_dict"].values():
            if path != checkpoint and value.ndim > 1:
                value.mul_(0.5 + torch.rand(value.shape, generator=random))
        torch.save(content, path)
    export(paths[0], tmp_path / "first.onnx")
    export(paths[1], tmp_path / "second.onnx", averaged_with=[paths[1]])
    export(paths[0], tmp_path / "both.onnx", second=paths[1])
    first, second, both = (Predictor(tmp_path / f"{n}.onnx") for n in ("first", "second", "both"))
    for manifest, own, other in ((tall, first, second), (wide, second, first)):
        images = np.stack([read_image(s.image) for s in read_manifest(manifest)])
        expected = own.predict(images)
        assert np.abs(expected - other.predict(images)).max() > 0.01
        np.testing.assert_allclose(both.predict(images), expected, atol=1e-5)
    weights, found = (read_weights(tmp_path / f"{n}.onnx") for n in ("first", "both"))
    assert set(found) == set(weights)
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_weights_in_16_bits_take_half_the_room(checkpoint: Path, tmp_path: Path) -> None:
    for half in (False, True):
        export(checkpoint, tmp_path / f"{half}.onnx", half=half)
    sizes = [(tmp_path / f"{half}.onnx").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.6 * sizes[0]
    weights, found = (read_weights(tmp_path / f"{half}.onnx") for half in (False, True))
    assert set(found) == set(weights)
    for name, value in weights.items():
        assert torch.equal(found[name], value.half().float() if value.ndim > 1 else value), name


def test_an_average_without_the_images_it_was_trained_on_is_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorosegError, match=r"none\.csv"):
        export(checkpoint, tmp_path / "model.onnx", averaged_with=[checkpoint])
    assert not (tmp_path / "model.onnx").exists()


def test_other_networks_are_not_averaged(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(ConfigError, match="checkpoints of different networks have no average"):
        export(checkpoint, tmp_path / "model.onnx", averaged_with=[tmp_path / "other.ckpt"])
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("name", ["unet3plus", "pspnet"])
def test_the_file_holds_the_weights_to_begin_with(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    settings = SETTINGS["model"] | {"name": name}
    network = build_model(**settings)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):  # so that no two are equal
            nn.init.normal_(layer.weight, 1, 0.1)
            nn.init.normal_(layer.running_mean, 0, 0.1)
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    config = parse(Config, SETTINGS | {"model": settings}, "test").model_dump(mode="json")
    facts = {"config": config, "git_commit": "abc", "version": "1", "data_sha256": {}}
    torch.save({"state_dict": state, "coroseg": facts}, tmp_path / "a.ckpt")
    export(tmp_path / "a.ckpt", tmp_path / "a.onnx")
    found = read_weights(tmp_path / "a.onnx")
    expected = {
        key: value
        for key, value in network.state_dict().items()
        if not key.startswith(SIDES) and not key.endswith("num_batches_tracked")
    }
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text", r"a\.onnx: cannot be read as an ONNX file"),
        (None, r"a\.onnx: cannot be read as an ONNX file \(FileNotFoundError\)"),
        (b"", r"a\.onnx: holds no weights to begin with"),
    ],
)
def test_a_file_without_weights_is_refused(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_weights(tmp_path / "a.onnx")


def test_merged_batch_norms_are_refused(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.ones((2, 3), np.float32), "network.core.a.weight")
    graph = onnx.helper.make_graph([], "merged", [], [], [weight])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match="its batch norms are merged into the convolutions"):
        read_weights(tmp_path / "a.onnx")


def test_the_packaged_model_is_one_to_begin_with() -> None:
    """Its weights in the network compute what its file computes, but for the logit's shift."""
    settings = read_config(Path(__file__).parents[2] / "configs" / "default.toml").model
    network = build_model(**settings.model_dump(), pretrained=False)
    file = Path(coroseg.__file__).parent / "weights" / "default.onnx"
    assert load_weights(network, read_weights(file)) == [*SIDES, "core.segment_head"]
    shift = float({p.key: p.value for p in onnx.load(file).metadata_props}["logit_shift"])
    frame = list(draw_simulation(SEED, frames=FRAMES).frames())[FRAMES // 2]
    predictor = Predictor("default")
    image = to_network((frame.pixels / np.float32(4095))[None], predictor.info.input_size)
    with torch.no_grad():
        expected = torch.sigmoid(network.eval()(torch.from_numpy(image)) + shift).numpy()
    assert expected.min() < 0.01  # it shows vessels, and more
    assert expected.max() > 0.99
    np.testing.assert_allclose(predictor.run(image), expected, atol=1e-4)


def test_padding_and_batch_norms_are_merged_when_the_file_is_loaded(
    checkpoint: Path, tmp_path: Path
) -> None:
    """Unmerged paddings alone cost a twentieth of the network's time."""
    export(checkpoint, tmp_path / "a.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(
        str(tmp_path / "a.onnx"), options, providers=["CPUExecutionProvider"]
    )
    kinds = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert kinds & {"Conv", "FusedConv"}
    assert not kinds & {"Pad", "BatchNormalization"}
