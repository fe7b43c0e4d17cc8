"""An angiogram without its vessels, or most of them, as before the contrast has filled them."""

import cv2
import numpy as np
import torch
from torch import Tensor

PART = (0.1, 0.35)
"""Radius of what `random_part` keeps, as a fraction of the side."""

FAINT = 0.02
"""Below this a pixel is no vessel: a mask that other models taught has traces all over."""

REACH = 1 / 48
"""Scale of the surroundings that a vessel is filled from, as a fraction of the side."""


def erase_vessels(image: Tensor, mask: Tensor) -> Tensor:
    """Return the image (1, H, W) with its vessels filled by what surrounds them.

    The grain of the image is taken from a random other place of it, so that the fill is no
    smoother than its surroundings. Vessels that the mask leaves out stay.
    """
    grey, vessel = image[0].numpy(), mask[0].numpy()
    sigma = max(grey.shape) * REACH
    edge = round(sigma / 2) * 2 + 1
    covered = cv2.dilate(vessel, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge)))
    cover = np.clip(cv2.GaussianBlur(covered, (0, 0), sigma / 4) * 1.5, 0, 1)
    seen = 1 - (covered > FAINT).astype(np.float32)
    weight = cv2.GaussianBlur(seen, (0, 0), sigma)
    level = cv2.GaussianBlur(grey * seen, (0, 0), sigma) / np.maximum(weight, 1e-4)
    grain = (grey - cv2.GaussianBlur(grey, (0, 0), sigma / 3)) * seen
    # Edges of other things are no grain: they would be drawn anew where they are not.
    largest = 3 * float(np.median(np.abs(grain[seen > 0]))) if seen.any() else 0.0
    grain = np.clip(grain, -largest, largest)
    rows, columns = (int(torch.randint(side, (1,))) for side in grey.shape)
    filled = np.clip(level + np.roll(grain, (rows, columns), axis=(0, 1)), 0, 1)
    return torch.from_numpy(grey * (1 - cover) + filled * cover)[None]


def random_part(mask: Tensor) -> Tensor:
    """Return the mask (1, H, W) inside a disc around a random pixel of it, and 0 outside."""
    rows, columns = mask.shape[-2:]
    inside = (mask[0] > FAINT).nonzero()
    if not len(inside):
        return mask
    y, x = inside[int(torch.randint(len(inside), (1,)))].tolist()
    radius = max(rows, columns) * torch.empty(1).uniform_(*PART)
    distance = torch.hypot(
        torch.arange(rows)[:, None].float() - y, torch.arange(columns)[None, :].float() - x
    )
    return mask * (distance <= radius)
