"""The contract that every network keeps, whoever wrote it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from coroseg.lab.config import Config, ModelName
from coroseg.lab.export import export
from coroseg.lab.losses import HybridLoss
from coroseg.lab.models.network import NAMES, Network, build_model

SETTINGS: dict[str, Any] = {
    "encoder": "tu-test_efficientnet",  # timm's own for tests: 80,000 parameters
    "encoder_weights": "none",
    "width": 4,
    "upsample_first": False,
}
LEARNING_STEPS = 30
SLOW_LEARNERS = ("cgnet", "unetplusplus")
SIZES = [(64, 96), (33, 70), (5, 41)]


def build(name: str, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_model(name, **SETTINGS)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> ModelName:
    return request.param


def with_statistics(network: Network) -> Network:
    """Return the network for use, its batch norms after some images: none is the identity."""
    with torch.no_grad():
        for _ in range(3):
            network(torch.rand(2, 1, 64, 96))
    return network.eval()


def test_shapes(name: ModelName) -> None:
    network = build(name)
    outputs = 5 if name == "unet3plus" else 1
    for rows, columns in SIZES:
        image = torch.rand(2, 1, rows, columns)
        with torch.no_grad():
            assert network.train()(image).shape == (2, outputs, rows, columns)
            assert network.eval()(image).shape == (2, 1, rows, columns)


def test_gradients_reach_every_parameter(name: ModelName) -> None:
    network = build(name)
    network(torch.rand(2, 1, 64, 96)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_in_use_an_image_has_one_result_whatever_comes_with_it(name: ModelName) -> None:
    network = with_statistics(build(name))
    images = torch.rand(3, 1, 64, 32)
    with torch.no_grad():
        together, again, alone = network(images), network(images), network(images[1:2])
    assert torch.equal(together, again)
    assert together.std() > 1e-3
    torch.testing.assert_close(alone, together[1:2], rtol=1e-3, atol=1e-5)


def test_saved_and_loaded_it_is_the_same(name: ModelName, tmp_path: Path) -> None:
    network = with_statistics(build(name))
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    other = build(name, seed=1).eval()
    image = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        expected = network(image)
        assert not torch.equal(other(image), expected)
        other.load_state_dict(torch.load(tmp_path / "weights.pt"))
        assert torch.equal(other(image), expected)


def test_its_onnx_file_computes_the_same(name: ModelName, tmp_path: Path) -> None:
    network = with_statistics(build(name))
    config = Config.model_validate(
        {"data": {"train": [{"manifest": "a.csv"}], "size": 64}, "model": SETTINGS | {"name": name}}
    )
    facts = {"config": config.model_dump(mode="json"), "git_commit": "abc"}
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state, "coroseg": facts}, tmp_path / "best.ckpt")
    assert export(tmp_path / "best.ckpt", tmp_path / "model.onnx") < 1e-5
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    for rows, columns in [(64, 64), (96, 160), (32, 256)]:
        image = torch.rand(2, 1, rows, columns)
        (found,) = session.run(["probability"], {"image": image.numpy()})
        with torch.no_grad():
            expected = torch.sigmoid(network(image)).numpy()
        assert expected.std() > 1e-4
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.long) if n in SLOW_LEARNERS else n for n in NAMES],
)
def test_it_learns_four_images_by_heart(name: ModelName) -> None:
    network = build(name)
    images, masks = four_vessels()
    loss = HybridLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(LEARNING_STEPS):
        optimizer.zero_grad()
        loss(network(images), masks).backward()
        optimizer.step()
    with torch.no_grad():
        found = network.eval()(images) > 0
    shared = (found & (masks > 0)).sum(dim=(1, 2, 3))
    dice = 2 * shared / (found.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3)))
    assert dice.min() > 0.8


def four_vessels(side: int = 64) -> tuple[Tensor, Tensor]:
    """Return noisy images with a dark vessel each, every one in another place, and their masks."""
    random = np.random.default_rng(0)
    masks = np.zeros((4, 1, side, side), np.float32)
    for mask in masks[:, 0]:
        ends = random.integers(0, side, (2, 2))
        cv2.line(mask, ends[0].tolist(), ends[1].tolist(), color=1, thickness=9)
    images = 0.7 - 0.3 * masks + random.normal(0, 0.05, masks.shape)
    return torch.from_numpy(images.astype(np.float32)), torch.from_numpy(masks)
