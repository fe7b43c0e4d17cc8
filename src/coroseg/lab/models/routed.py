"""Two networks in one: an image gets that of the readers whose images it looks like."""

import torch
from torch import Tensor, nn

from coroseg.lab.models.network import Network
from coroseg.lab.models.unet3plus import UNet3Plus


class Routed(Network):
    """Logits of images (N, 1, H, W) in 0..1, each by one of two U-Net 3+.

    `router` takes the mean of each channel of the first encoder's coarsest map to a score: above 0
    the image is the second network's, else the first decoder goes on. Height and width must be
    multiples of the coarsest stride.
    """

    core: UNet3Plus

    def __init__(self, first: UNet3Plus, second: UNet3Plus, router: nn.Linear) -> None:
        super().__init__(first)
        self.second = second
        self.router = router

    def forward(self, image: Tensor) -> Tensor:
        standard = self.standardise(image)
        features = self.core.encoder(standard)
        is_second = self.router(coarsest_means(features))[:, 0] > 0
        # Each network takes its own images, perhaps none; their order is then restored.
        firsts, seconds = (~is_second).nonzero()[:, 0], is_second.nonzero()[:, 0]
        its_features = self.second.encoder(standard.index_select(0, seconds))
        logits = [
            self.core.decode([map_.index_select(0, firsts) for map_ in features]),
            self.second.decode(its_features),
        ]
        return torch.cat(logits).index_select(0, torch.cat([firsts, seconds]).argsort())


def coarsest_means(features: list[Tensor]) -> Tensor:
    """Return the mean of each channel of the encoder's coarsest map, (N, channels)."""
    return features[-1].mean(dim=(2, 3))
