"""A network as it is trained and used: normalisation inside, so that the two cannot drift apart."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from coroseg.errors import ModelError
from coroseg.lab.config import Model, ModelName, problems
from coroseg.lab.models.cgnet import CGNet
from coroseg.lab.models.encoders import build_encoder
from coroseg.lab.models.library import ARCHITECTURES, build_library_network
from coroseg.lab.models.pretrained import load_encoder_weights
from coroseg.lab.models.unet3plus import UNet3Plus

NAMES: tuple[ModelName, ...] = get_args(ModelName)
ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "unet3plus_no_ds": ("unet3plus", {"deep_supervision": False}),
    "unet3plus_no_ds_tl": ("unet3plus", {"deep_supervision": False, "encoder_weights": "none"}),
}
"""Networks that are another one with these settings."""

_SPOKEN = {
    "inceptionresnetv2": "InceptionResNetV2",
    "tu-tf_efficientnet_lite0": "EfficientNet-Lite0",
    "tu-tf_efficientnet_lite2": "EfficientNet-Lite2",
}

_REPLACEABLE = re.compile(r"core\.(heads\.\d+|segment_head|decoders\.0\.fuse)\.")
"""What the names of U-Net 3+'s weights behind the shared ones begin with: heads, finest fusion."""

MIN_CONTRAST = 1e-3
"""Added to an image's standard deviation, in grey levels 0..1: a constant image becomes zeros."""


class Standardise(nn.Module):
    """Images (N, 1, H, W) with the mean 0 and standard deviation 1, each by itself.

    A linear change of the grey scale, such as another bit depth or window, leaves no trace.
    """

    def forward(self, image: Tensor) -> Tensor:
        centred = image - _mean(image)
        deviation = _mean(centred * centred).sqrt()
        return centred / (deviation + MIN_CONTRAST)


def _mean(image: Tensor) -> Tensor:
    """Return the mean of each image: of the rows' means, as a long sum in float32 loses digits."""
    return image.mean(dim=-1, keepdim=True).mean(dim=-2, keepdim=True)


class Network(nn.Module):
    """Logits of images (N, 1, H, W) in 0..1; `core` is the segmentation network."""

    def __init__(self, core: nn.Module) -> None:
        super().__init__()
        self.standardise = Standardise()
        self.core = core

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.core(self.standardise(image))
        return logits

    @property
    def segments(self) -> int:
        """How many named segments it learns to tell apart."""
        return self.core.segments if isinstance(self.core, UNet3Plus) else 0

    def with_segments(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of a training step and those of the segments: see `UNet3Plus`."""
        return unet3plus(self).with_segments(self.standardise(image))


def unet3plus(network: Network) -> UNet3Plus:
    """Return the U-Net 3+ that the network is. Raises `ModelError` where it is another."""
    if not isinstance(network.core, UNet3Plus):
        raise ModelError(
            f"{type(network.core).__name__} has no segments, and no encoder to freeze or to share: "
            "U-Net 3+ alone has"
        )
    return network.core


@torch.inference_mode(mode=False)  # its parameters can then be trained, whoever asks for it
def build_model(name: str, *, pretrained: bool = True, **settings: Any) -> Network:
    """Return the network `name`; the `settings` and their defaults are those of `config.Model`.

    Without `pretrained` all its weights are random, as where a checkpoint's follow. Raises
    `ModelError` for an unknown name or setting, an encoder that does not fit, missing weights.
    """
    chosen = _settings(name, settings)
    weights = chosen.encoder_weights if pretrained else "none"
    core: nn.Module
    if chosen.name == "cgnet":
        core = CGNet()
    elif chosen.name in ARCHITECTURES:
        core = build_library_network(chosen.name, chosen.encoder, weights)
    else:
        encoder = build_encoder(chosen.encoder, first_stride=chosen.first_stride)
        load_encoder_weights(encoder, chosen.encoder, weights)
        core = UNet3Plus(
            encoder,
            width=chosen.width,
            finest_width=chosen.finest_width,
            segments=chosen.segments,
            deep_supervision=chosen.deep_supervision,
            upsample_first=chosen.upsample_first,
        )
    return Network(core).to(memory_format=torch.channels_last)


def load_weights(network: Network, weights: Mapping[str, Tensor]) -> list[str]:
    """Give the network these weights; return the names of the parts of it that keep their own.

    Those are heads, and the fusion of the finest level, of which the weights have none or one of
    another shape; heads that the network has not are left out. Raises `RuntimeError` where any
    other weight is missing, left over or of another shape. The counters of batch norms may miss.
    """

    def part(name: str) -> str | None:
        found = _REPLACEABLE.match(name)
        return found.group().rstrip(".") if found else None

    def lacking(name: str) -> bool:
        return name not in weights or weights[name].shape != own[name].shape

    own = network.state_dict()
    counters = {name for name in own if name.endswith(".num_batches_tracked")}
    anew = {part(name) for name in own.keys() - counters if lacking(name)} - {None}
    kept = {name: value for name, value in own.items() if part(name) in anew or name in counters}
    parts = {part(name) for name in own}
    taken = {name: value for name, value in weights.items() if part(name) in parts - anew}
    network.load_state_dict(kept | taken)
    return sorted(filter(None, anew))


def describe(name: str, **settings: Any) -> tuple[str, str]:
    """Return the backbone that `build_model` gives the network, and where its weights are from.

    The weights are `ImageNet`, `none` (random) or the name of a file.
    """
    chosen = _settings(name, settings)
    if chosen.name == "cgnet":
        return "CGNet's own", "none"
    backbone = _SPOKEN.get(chosen.encoder, chosen.encoder)
    if chosen.name in ARCHITECTURES:
        backbone += ARCHITECTURES[chosen.name].remark
    elif chosen.first_stride == 1:
        backbone += ", first stride 1"
    weights = {"imagenet": "ImageNet", "none": "none"}
    return backbone, weights.get(chosen.encoder_weights, Path(chosen.encoder_weights).name)


def _settings(name: str, given: dict[str, Any]) -> Model:
    """Return the settings of the network `name`, an ablation's as those of what it is one of."""
    if name not in NAMES:
        raise ModelError(f"model {name!r}: unknown: choose one of {', '.join(NAMES)}")
    base, fixed = ABLATIONS.get(name, (name, {}))
    try:
        return Model.model_validate(given | fixed | {"name": base})
    except ValidationError as error:
        raise ModelError(f"model {name!r}: {problems(error)}") from error
