"""The hybrid loss of the paper (Eq. 5-9): cross entropy and Dice on every supervised output."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coroseg.errors import ConfigError
from coroseg.io.masks import UNKNOWN_SEGMENT

SMOOTHING = 1.0
"""Pixels added to both sides of the Dice fraction, so that an empty truth has a gradient."""

BACKGROUND = 0.1
"""Weight of a pixel of no segment in the segments' cross entropy: some nine tenths are."""


class HybridLoss(nn.Module):
    """The loss of the final output (Eq. 7) plus the weighted losses of the side outputs (Eq. 8, 9).

    Called with logits (N, S, H, W), channel 0 the final output, and the truth (N, 1, H, W) in 0..1.
    `dice_weight` weighs 1 - DSC in all of them. The L2 term of Eq. 7 is the optimiser's weight
    decay. Raises `ConfigError` where S - 1 outputs have no weight each.
    """

    def __init__(
        self,
        focal_gamma: float = 0.0,
        side_weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
        dice_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.focal_gamma = focal_gamma
        self.dice_weight = dice_weight
        self.side_weights = tuple(side_weights)

    def forward(self, logits: Tensor, truth: Tensor) -> Tensor:
        sides = logits.shape[1] - 1
        if sides > len(self.side_weights):
            raise ConfigError(
                f"loss.side_weights: {len(self.side_weights)} weights for {sides} side outputs"
            )
        loss = self._of(logits[:, :1], truth, self.focal_gamma)
        for k, weight in zip(range(sides), self.side_weights, strict=False):
            loss = loss + weight * self._of(logits[:, k + 1 : k + 2], truth)
        return loss

    def _of(self, output: Tensor, truth: Tensor, gamma: float = 0.0) -> Tensor:
        entropy = binary_cross_entropy(output, truth, gamma)
        return entropy + self.dice_weight * dice_loss(output, truth)


def binary_cross_entropy(logits: Tensor, truth: Tensor, gamma: float = 0.0) -> Tensor:
    """Return the mean cross entropy (Eq. 5), each pixel weighed by (1 - p_t) ** gamma.

    p_t is the probability given to the true class: easy pixels weigh less (focal factor).
    """
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if gamma > 0:
        probability = torch.sigmoid(logits)
        # The power of an exact 0 has no finite gradient where gamma is below 1.
        missed = (truth - probability).abs().clamp_min(torch.finfo(entropy.dtype).eps)
        entropy = entropy * missed**gamma
    return entropy.mean()


def segment_loss(logits: Tensor, segments: Tensor) -> Tensor:
    """Return the cross entropy of named segments: logits (N, 1 + K, h, w), labels (N, H, W).

    The labels, 0 where there is no segment, are taken where the logits' pixels have their centres;
    H and W are multiples of h and w. `UNKNOWN_SEGMENT` counts for nothing: where nothing is known
    the loss is 0. The background weighs `BACKGROUND` of a segment's pixel.
    """
    step = segments.shape[-1] // logits.shape[-1]
    truth = segments[:, step // 2 :: step, step // 2 :: step].long()
    weights = logits.new_ones(logits.shape[1])
    weights[0] = BACKGROUND
    known = truth != UNKNOWN_SEGMENT
    total = weights[torch.where(known, truth, 0)][known].sum().clamp_min(1)
    entropy = F.cross_entropy(logits, truth, weights, ignore_index=UNKNOWN_SEGMENT, reduction="sum")
    return entropy / total


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over the images of 1 - DSC (Eq. 6), with probabilities for the prediction."""
    probability = torch.sigmoid(logits)
    shared = (probability * truth).sum(dim=(1, 2, 3))
    total = probability.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))
    return (1 - (2 * shared + SMOOTHING) / (total + SMOOTHING)).mean()
