import subprocess
import sys

import numpy as np
import pytest
from torch import Tensor, nn

from coroseg.errors import ModelError
from coroseg.lab import measure as module
from coroseg.lab.config import Model
from coroseg.lab.measure import count_gflops, measure, peak_memory_mb
from coroseg.lab.models.network import build_model


@pytest.mark.parametrize("name", ["cgnet", "unet3plus", "deeplabv3plus"])
def test_operations_are_those_of_all_convolutions_and_products(name: str) -> None:
    network = build_model(
        name, encoder="tu-test_efficientnet", encoder_weights="none", width=3
    ).eval()
    counted: list[int] = []

    def count(layer: nn.Module, _given: tuple[Tensor, ...], result: Tensor) -> None:
        sums = layer.weight[0].numel()  # a multiplication and an addition each
        counted.append(2 * sums * result[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    found = count_gflops(network, 64)
    assert found == pytest.approx(sum(counted) / 1e9)


def test_a_network_is_measured() -> None:
    settings = Model(name="cgnet", encoder_weights="none")
    held = np.ones(2**27)  # 1 GB of our own process
    assert peak_memory_mb() > held.nbytes / 2**20
    cost = measure(settings, size=64, batch=2, threads=1)
    del held
    network = build_model(**settings.model_dump())
    assert cost.parameters == sum(p.numel() for p in network.parameters())
    assert cost.gflops == count_gflops(network.eval(), 64)
    assert 0 < cost.forward_seconds < cost.step_seconds
    assert 100 < cost.forward_peak_mb < cost.step_peak_mb < 1000


def test_what_cannot_be_built_is_said_in_one_line() -> None:
    settings = Model(name="deeplabv3", encoder="inceptionresnetv2", encoder_weights="none")
    with pytest.raises(ModelError, match=r"'deeplabv3', a forward at 64 pixels: encoder") as caught:
        measure(settings, size=64, batch=2)
    assert "\n" not in str(caught.value)


def test_a_process_that_is_killed_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.CompletedProcess([sys.executable], returncode=-9, stdout="", stderr="")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(ModelError, match=r"'cgnet'.* 2048 pixels: .* signal 9, .*memory"):
        measure(Model(name="cgnet", encoder_weights="none"), size=2048, batch=2)
