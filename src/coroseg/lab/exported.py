"""The weights in an exported file, to begin another training run with."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from coroseg.errors import ConfigError
from coroseg.lab.quick import restored

_PREFIX = "network."
_OF_ANOTHER = ("network.second.", "network.router.")
"""What the names begin with of a second network's weights, and of those that choose it."""


def exported_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file that `coroseg export` wrote, by the names of `Network`.

    Side outputs and the head for segments are not among them: the file computes without. Of a file
    with two networks they are those of the first. Raises `ConfigError` for a file that cannot be
    read or in which the batch norms are no longer apart.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's errors have no base but this one
        raise ConfigError(
            f"{path}: cannot be read as an ONNX file ({type(error).__name__})"
        ) from error
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        # Of equal weights the file holds one, the others' names stand for it; some are in 16 bits.
        if node.op_type not in {"Identity", "Cast"} or node.input[0] not in values:
            continue
        value = values[node.input[0]]
        values[node.output[0]] = value.astype(np.float32) if node.op_type == "Cast" else value
    weights = {
        name.removeprefix(_PREFIX): torch.from_numpy(value.copy())
        for name, value in values.items()
        if name.startswith(_PREFIX) and not name.startswith(_OF_ANOTHER)
    }
    if not any(name.endswith("running_mean") for name in weights):
        raise ConfigError(
            f"{path}: holds no weights to begin with, its batch norms are merged into the "
            "convolutions: give a checkpoint, or a file exported by this version"
        )
    return restored(weights)
