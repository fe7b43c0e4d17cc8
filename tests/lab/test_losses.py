import numpy as np
import pytest
import torch
from torch import Tensor

from coroseg.errors import ConfigError
from coroseg.io.masks import UNKNOWN_SEGMENT
from coroseg.lab.losses import (
    BACKGROUND,
    HybridLoss,
    binary_cross_entropy,
    dice_loss,
    segment_loss,
)

SHAPE = (2, 1, 5, 7)


@pytest.fixture
def logits() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, SHAPE))


@pytest.fixture
def truth() -> Tensor:
    return torch.from_numpy((np.random.default_rng(1).random(SHAPE) > 0.7).astype(np.float64))


def sigmoid(x: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-x.numpy()))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.7])
def test_cross_entropy_is_equation_5_with_the_focal_factor(
    logits: Tensor, truth: Tensor, gamma: float
) -> None:
    p, y = sigmoid(logits), truth.numpy()
    of_the_true_class = np.where(y == 1, p, 1 - p)
    expected = -np.mean((1 - of_the_true_class) ** gamma * np.log(of_the_true_class))
    assert binary_cross_entropy(logits, truth, gamma).item() == pytest.approx(expected, rel=1e-9)


def test_cross_entropy_of_partial_coverage_is_equation_5(logits: Tensor) -> None:
    y = np.random.default_rng(2).random(SHAPE)
    p = sigmoid(logits)
    expected = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert binary_cross_entropy(logits, torch.from_numpy(y)).item() == pytest.approx(expected)


def test_dice_loss_is_the_mean_over_images_of_equation_6(logits: Tensor, truth: Tensor) -> None:
    p, y = sigmoid(logits), truth.numpy()
    each = [
        1 - (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1) for a, b in zip(p, y, strict=True)
    ]
    assert dice_loss(logits, truth).item() == pytest.approx(np.mean(each), rel=1e-12)


def test_dice_loss_of_a_sure_prediction_is_that_of_the_masks() -> None:
    truth, predicted = torch.zeros(2, 1, 1, 200, 300)
    truth[..., :100, :] = predicted[..., 50:150, :] = 1  # 15000 of 30000 shared: DSC 0.5
    loss = dice_loss(200 * (predicted - 0.5), truth)
    assert loss.item() == pytest.approx(0.5, abs=1e-4)


def test_hybrid_loss_is_the_final_one_plus_the_weighted_side_outputs(truth: Tensor) -> None:
    logits = torch.from_numpy(np.random.default_rng(3).normal(0, 2, (2, 5, 5, 7)))
    weights = (0.5, 0.0, 2.0, 1.0)
    final = logits[:, :1]
    expected = binary_cross_entropy(final, truth, 2.0) + dice_loss(final, truth)
    for k, weight in enumerate(weights, start=1):
        side = logits[:, k : k + 1]  # the focal factor is Eq. 7's, not Eq. 8's
        expected += weight * (binary_cross_entropy(side, truth) + dice_loss(side, truth))
    loss = HybridLoss(2.0, weights)
    torch.testing.assert_close(loss(logits, truth), expected)


def test_the_dice_terms_weigh_as_asked(truth: Tensor) -> None:
    logits = torch.from_numpy(np.random.default_rng(3).normal(0, 2, (2, 2, 5, 7)))
    final, side = logits.split(1, dim=1)
    expected = binary_cross_entropy(final, truth) + 0.3 * dice_loss(final, truth)
    expected += 2.0 * (binary_cross_entropy(side, truth) + 0.3 * dice_loss(side, truth))
    torch.testing.assert_close(HybridLoss(0, (2.0,), dice_weight=0.3)(logits, truth), expected)


def test_one_output_needs_no_side_weights(logits: Tensor, truth: Tensor) -> None:
    expected = binary_cross_entropy(logits, truth) + dice_loss(logits, truth)
    torch.testing.assert_close(HybridLoss()(logits, truth), expected)


def test_a_side_output_without_a_weight_is_refused(truth: Tensor) -> None:
    with pytest.raises(ConfigError, match="side_weights: 2 weights for 4 side outputs"):
        HybridLoss(side_weights=(1.0, 1.0))(torch.zeros(2, 5, 5, 7), truth)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_are_those_of_finite_differences(truth: Tensor, gamma: float) -> None:
    logits = torch.from_numpy(np.random.default_rng(4).normal(0, 2, (2, 3, 2, 3)))
    loss = HybridLoss(gamma, (1.0, 0.5))
    assert torch.autograd.gradcheck(loss, (logits.requires_grad_(), truth[..., :2, 1:4]))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [-200.0, -20.0, 0.0, 20.0, 200.0])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_loss_and_gradient_are_finite_where_the_network_is_sure(
    gamma: float, logit: float, value: float
) -> None:
    """An empty truth, a full one, and probabilities that are 0 and 1 in single precision."""
    logits = torch.full((1, 5, 8, 9), logit, requires_grad=True)
    loss = HybridLoss(gamma)(logits, torch.full((1, 1, 8, 9), value))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_an_empty_truth_is_learnt_and_costs_nothing_once_learnt() -> None:
    empty = torch.zeros(1, 1, 64, 64)
    unsure = torch.zeros(1, 1, 64, 64, requires_grad=True)
    dice_loss(unsure, empty).backward()
    assert unsure.grad is not None
    assert (unsure.grad > 0).all()
    assert dice_loss(torch.full((1, 1, 64, 64), -20.0), empty).item() < 1e-4


def test_segment_loss_is_the_weighed_mean_of_the_known_pixels_entropies() -> None:
    random = np.random.default_rng(6)
    logits = random.normal(0, 2, (2, 4, 3, 5))
    labels = random.integers(0, 4, (2, 12, 20))
    labels[1, :, 8:] = UNKNOWN_SEGMENT
    weighed, weights = 0.0, 0.0
    for image, row, column in np.ndindex(2, 3, 5):
        label = labels[image, 4 * row + 2, 4 * column + 2]
        if label == UNKNOWN_SEGMENT:
            continue
        scores = logits[image, :, row, column]
        weight = BACKGROUND if label == 0 else 1.0
        weighed += weight * (np.log(np.exp(scores).sum()) - scores[label])
        weights += weight
    found = segment_loss(torch.from_numpy(logits), torch.from_numpy(labels.astype(np.uint8)))
    assert found.item() == pytest.approx(weighed / weights)


def test_where_no_segment_is_known_nothing_is_learnt() -> None:
    logits = torch.randn(1, 4, 3, 3, requires_grad=True)
    loss = segment_loss(logits, torch.full((1, 12, 12), UNKNOWN_SEGMENT, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
