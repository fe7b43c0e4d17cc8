from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import ModelError
from coroseg.lab import route
from coroseg.lab.models.encoders import PlainEncoder
from coroseg.lab.models.network import Network
from coroseg.lab.models.routed import coarsest_means
from coroseg.lab.models.unet3plus import UNet3Plus
from coroseg.lab.route import PENALTY, fit_router
from coroseg.segmentation.predictor import to_network

SIZE = 64


@pytest.fixture
def network() -> Network:
    """A network whose batch norms have seen images, so that its maps differ."""
    torch.manual_seed(4)
    network = Network(UNet3Plus(PlainEncoder(1, (2, 3, 4, 4, 6)), width=2))
    with torch.no_grad():
        for _ in range(40):
            network(torch.rand(4, 1, SIZE, SIZE))
    return network.eval()


def means_of(network: Network, manifest: Path) -> NDArray[np.float64]:
    samples = read_manifest(manifest)
    images = [to_network(read_image(s.image)[None], SIZE)[0] for s in samples]
    with torch.no_grad():
        standard = network.standardise(torch.from_numpy(np.stack(images)))
        return coarsest_means(network.core.encoder(standard)).double().numpy()


def test_the_fit_is_the_minimum_that_another_optimiser_finds(
    network: Network, make_data: Callable[..., Path]
) -> None:
    first, second = make_data(9, name="first"), make_data(4, name="second", seed=30)
    router = fit_router(network, read_manifest(first), read_manifest(second), SIZE)
    means = np.concatenate([means_of(network, first), means_of(network, second)])
    truth = np.repeat([-1.0, 1.0], [9, 4])
    weight = np.repeat([0.5 / 9, 0.5 / 4], [9, 4])
    scaled = (means - means.mean(axis=0)) / np.maximum(means.std(axis=0, ddof=1), 1e-3)

    def objective(x: NDArray[np.float64]) -> float:
        losses = np.logaddexp(0, -truth * (scaled @ x[:-1] + x[-1]))
        return float((weight * losses).sum() + PENALTY * (x[:-1] ** 2).sum())

    best = minimize(objective, np.zeros(means.shape[1] + 1), tol=1e-10).x
    with torch.no_grad():
        scores = router(torch.from_numpy(means).float())[:, 0].numpy()
    assert np.ptp(scores) > 0.1
    np.testing.assert_allclose(scores, scaled @ best[:-1] + best[-1], atol=2e-3)


def test_a_sample_of_both_is_of_the_second_and_the_first_are_drawn(
    network: Network, make_data: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_manifest(make_data(12, name="first"))
    second = read_manifest(make_data(3, name="second", seed=40))
    plain = fit_router(network, first, second, SIZE)
    both = fit_router(network, [*first, *second, *first], second, SIZE)
    assert torch.equal(plain.weight, both.weight)
    with pytest.raises(ModelError, match="all 3 images of the first network are the second's"):
        fit_router(network, second, second, SIZE)
    monkeypatch.setattr(route, "MOST_IMAGES", 5)
    fewer, again = (fit_router(network, first, second, SIZE) for _ in range(2))
    assert not torch.equal(fewer.weight, plain.weight)
    assert torch.equal(fewer.weight, again.weight)
