"""The networks of segmentation_models_pytorch, as the library makes them, on gray images."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coroseg.errors import ModelError
from coroseg.lab.models.encoders import COARSEST, DEPTH, PROBE_SIDE, LibraryEncoder
from coroseg.lab.models.padding import padded
from coroseg.lab.models.pretrained import load_encoder_weights


@dataclass(frozen=True)
class Architecture:
    """A network of the library: its class, the encoder it needs, the smallest training batch.

    `depth` is the number of the encoder's maps, `output_stride` the coarsest; the encoder is
    dilated where five maps end at another stride than 32.
    """

    kind: str
    depth: int = DEPTH
    output_stride: int = COARSEST
    smallest_batch: int = 1

    @property
    def remark(self) -> str:
        """What a table has to say about the encoder."""
        if self.depth < DEPTH:
            return f", to stride {2**self.depth}"
        return f", dilated to stride {self.output_stride}" if self.output_stride < COARSEST else ""


ARCHITECTURES = {
    "unet": Architecture("Unet"),
    "unetplusplus": Architecture("UnetPlusPlus"),
    "deeplabv3": Architecture("DeepLabV3", output_stride=8, smallest_batch=2),
    "deeplabv3plus": Architecture("DeepLabV3Plus", output_stride=16, smallest_batch=2),
    "pspnet": Architecture("PSPNet", depth=3),
}


class LibraryNetwork(nn.Module):
    """Logits (N, 1, H, W) of images (N, 1, H, W), of any H and W, by the library's `model`."""

    def __init__(self, model: nn.Module, architecture: Architecture) -> None:
        super().__init__()
        self.model = model
        self._architecture = architecture

    def forward(self, image: Tensor) -> Tensor:
        smallest = self._architecture.smallest_batch
        if self.training and len(image) < smallest:
            raise ModelError(
                f"{self._architecture.kind}: has a batch norm over one number an image and cannot "
                f"be trained on {len(image)} at a time: set data.batch to {smallest} or more"
            )
        return padded(self.model, image, COARSEST)


def build_library_network(name: str, encoder_name: str, encoder_weights: str) -> LibraryNetwork:
    """Return the network `name` of `ARCHITECTURES`, its encoder filled with `encoder_weights`.

    Raises `ModelError` for an encoder that does not fit it or weights that are missing.
    """
    import segmentation_models_pytorch as smp

    architecture = ARCHITECTURES[name]
    if encoder_name == "plain":
        raise ModelError(
            f"encoder 'plain' is of U-Net 3+ only: choose one of the library for {name!r}, such as "
            "'inceptionresnetv2'"
        )
    encoder = LibraryEncoder(
        encoder_name, depth=architecture.depth, output_stride=architecture.output_stride
    )
    load_encoder_weights(encoder, encoder_name, encoder_weights)
    options = {"encoder_depth": architecture.depth}
    if architecture.output_stride < COARSEST:
        options["encoder_output_stride"] = architecture.output_stride
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(smp, architecture.kind)(
            encoder_name, encoder_weights=None, in_channels=encoder.in_channels, **options
        )
    if architecture.depth < DEPTH:
        drop_unused(encoder)
    model.encoder = encoder.body
    return LibraryNetwork(model, architecture)


def drop_unused(encoder: LibraryEncoder) -> None:
    """Take out of `encoder` the layers behind its last map, which the library leaves in.

    They would count as parameters, and some encoders compute them in vain.
    """
    encoder.eval()
    parameters = list(encoder.body.parameters())
    with torch.enable_grad():
        last = encoder(torch.rand(1, encoder.in_channels, PROBE_SIDE, PROBE_SIDE))[-1]
        gradients = torch.autograd.grad(last.sum(), parameters, allow_unused=True)
    unused = {id(p) for p, g in zip(parameters, gradients, strict=True) if g is None}
    _drop(encoder.body, unused)
    encoder.train()


def _drop(module: nn.Module, unused: set[int]) -> None:
    for name, child in list(module.named_children()):
        own = {id(p) for p in child.parameters()}
        if own and own <= unused:
            setattr(module, name, nn.Identity())
        else:
            _drop(child, unused)
