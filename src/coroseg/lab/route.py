"""Which images look like those of another set: fitted on what the encoder sees in them."""

import sys
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample
from coroseg.errors import ModelError
from coroseg.lab.models.network import Network, unet3plus
from coroseg.lab.models.routed import coarsest_means
from coroseg.segmentation.predictor import to_network

PENALTY = 0.01
"""Of the squared weights, so that many channels decide and not a few: images are far fewer."""

MOST_IMAGES = 400
"""Of the first set, drawn at random: the second is small, and each takes a tenth of a second."""

MOST_STEPS = 500
"""Of the fit, which ends by itself far earlier."""


def fit_router(
    network: Network, first: Sequence[Sample], second: Sequence[Sample], size: int
) -> nn.Linear:
    """Return what scores an image by the means of its coarsest map: above 0 it is as in `second`.

    Logistic regression in which both sets weigh the same; a sample in both is of the second. The
    images are given to the network as in use, at the area `size` ** 2, and are not augmented.
    Raises `DataError` for an image that cannot be read, `ModelError` where the first has none of
    its own.
    """
    of_second = {sample.image: sample for sample in second}
    of_first = [s for s in dict.fromkeys(first) if s.image not in of_second]
    if not of_first:
        raise ModelError(
            f"all {len(of_second)} images of the first network are the second's too: nothing tells "
            "which of the two an image should get; give a second network trained on fewer"
        )
    drawn = np.random.default_rng(0).permutation(len(of_first))[:MOST_IMAGES]
    shown = [*(of_first[k] for k in drawn), *of_second.values()]
    seen = track(shown, "looking at the images", disable=not sys.stderr.isatty())
    means = torch.cat([_means(network, s, size) for s in seen]).double()
    truth = torch.zeros(len(shown), dtype=torch.float64)
    truth[len(drawn) :] = 1
    share = truth.mean()
    balance = torch.where(truth > 0, 0.5 / share, 0.5 / (1 - share))
    centre, spread = means.mean(dim=0), means.std(dim=0).clamp_min(1e-3)
    scaled = (means - centre) / spread
    weights = torch.zeros(means.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    fit = torch.optim.LBFGS([weights, bias], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        fit.zero_grad()
        scores = scaled @ weights + bias
        entropy = F.binary_cross_entropy_with_logits(scores, truth, balance)
        total = entropy + PENALTY * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    fit.step(loss)  # type: ignore[no-untyped-call]
    router = nn.Linear(len(weights), 1)
    with torch.no_grad():
        router.weight.copy_((weights / spread)[None])
        router.bias.copy_(bias - (weights * centre / spread).sum())
    return router


@torch.no_grad()
def _means(network: Network, sample: Sample, size: int) -> Tensor:
    image = torch.from_numpy(to_network(read_image(sample.image)[None], size))
    return coarsest_means(unet3plus(network).encoder(network.standardise(image)))
