"""The weights in an exported file, to begin another training run with."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from coroseg.errors import ConfigError
from coroseg.lab.quick import restored

_PREFIX = "network."


def exported_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights in a file that `coroseg export` wrote, by the names of `Network`.

    Side outputs and the head for segments are not among them: the file computes without. Raises
    `ConfigError` for a file that cannot be read or in which the batch norms are no longer apart.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf's errors have no base but this one
        raise ConfigError(
            f"{path}: cannot be read as an ONNX file ({type(error).__name__})"
        ) from error
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        # Of equal weights the file holds one; the others' names stand for it.
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    weights = {
        name.removeprefix(_PREFIX): torch.from_numpy(value.copy())
        for name, value in values.items()
        if name.startswith(_PREFIX)
    }
    if not any(name.endswith("running_mean") for name in weights):
        raise ConfigError(
            f"{path}: holds no weights to begin with, its batch norms are merged into the "
            "convolutions: give a checkpoint, or a file exported by this version"
        )
    return restored(weights)
