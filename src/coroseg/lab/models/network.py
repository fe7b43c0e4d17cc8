"""A network as it is trained and used: normalisation inside, so that the two cannot drift apart."""

import torch
from torch import Tensor, nn

from coroseg.lab.config import Model
from coroseg.lab.models.encoders import build_encoder
from coroseg.lab.models.pretrained import load_encoder_weights
from coroseg.lab.models.unet3plus import UNet3Plus

MIN_CONTRAST = 1e-3
"""Added to an image's standard deviation, in grey levels 0..1: a constant image becomes zeros."""


class Standardise(nn.Module):
    """Images (N, 1, H, W) with the mean 0 and standard deviation 1, each by itself.

    A linear change of the grey scale, such as another bit depth or window, leaves no trace.
    """

    def forward(self, image: Tensor) -> Tensor:
        centred = image - image.mean(dim=(-2, -1), keepdim=True)
        deviation = (centred * centred).mean(dim=(-2, -1), keepdim=True).sqrt()
        return centred / (deviation + MIN_CONTRAST)


class Network(nn.Module):
    """Logits of images (N, 1, H, W) in 0..1; `core` is the segmentation network."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.standardise = Standardise()
        self.core = core

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.core(self.standardise(image))
        return logits


def build_model(settings: Model, *, pretrained: bool = True) -> Network:
    """Return the network of `settings`; without `pretrained` its weights are left random.

    Raises `ModelError` for an encoder that does not fit or weights that are missing.
    """
    encoder = build_encoder(settings.encoder, first_stride=settings.first_stride)
    if pretrained:
        load_encoder_weights(encoder, settings.encoder, settings.encoder_weights)
    core = UNet3Plus(
        encoder,
        width=settings.width,
        deep_supervision=settings.deep_supervision,
        upsample_first=settings.upsample_first,
    )
    return Network(core).to(memory_format=torch.channels_last)
