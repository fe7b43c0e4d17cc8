"""Vessel models small enough to check by hand: dark is vessel."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

METADATA = {"name": "tiny", "version": "3", "input_size": "64"}
FREE = ("n", 1, "h", "w")
STEEPNESS, MIDDLE = 20.0, 0.4


def write_model(
    path: Path,
    *,
    metadata: Mapping[str, str] = METADATA,
    image: str = "image",
    probability: str = "probability",
    shape: Sequence[str | int] = FREE,
    dtype: int = TensorProto.FLOAT,
    sigmoid: bool = True,
    extra_output: bool = False,
) -> Path:
    """Write probability = sigmoid(20 * (0.4 - image)), or the same without the sigmoid."""
    final = "Sigmoid" if sigmoid else "Identity"
    nodes = [
        helper.make_node("Sub", ["middle", image], ["depth"]),
        helper.make_node("Mul", ["depth", "steepness"], ["logit"]),
        helper.make_node(final, ["logit"], [probability]),
    ]
    outputs = [helper.make_tensor_value_info(probability, dtype, shape)]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("logit", dtype, shape))
    constants = [
        helper.make_tensor("middle", dtype, [1], [MIDDLE]),
        helper.make_tensor("steepness", dtype, [1], [STEEPNESS]),
    ]
    inputs = [helper.make_tensor_value_info(image, dtype, shape)]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
    return path
