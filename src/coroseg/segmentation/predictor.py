"""The vessel network, run by ONNX Runtime: frames in, probabilities out."""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from coroseg.angiogram import Frame
from coroseg.errors import ModelError

Probability = NDArray[np.float32]
"""(rows, columns), 0 to 1: how likely each pixel is to be vessel."""

STRIDE = 32
"""The network halves its input five times: height and width are multiples of this."""

BATCH = 2
"""Frames a batch: more are not faster on a CPU, and each takes some 100 MB at 512 x 512."""

_LOADING_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@dataclass(frozen=True)
class ModelInfo:
    """Which model made a result.

    `input_size` is the side, in pixels, of the square whose area the network is given.
    """

    name: str
    version: str
    sha256: str
    input_size: int


class Predictor:
    """A vessel model, ready to run on CUDA where ONNX Runtime offers it, else on the CPU.

    `model` is the name of a model in the package or the path of an ONNX file with one input
    `image` (N, 1, H, W), one output `probability` (N, 1, H, W), H and W free multiples of 32, and
    the metadata `name`, `version` and `input_size`. Raises `ModelError` where it is not. `model`
    and `threads` make another like it.
    """

    info: ModelInfo
    model: str | Path
    threads: int

    def __init__(self, model: str | Path = "default", *, threads: int | None = None) -> None:
        place, content = _read(model)
        self.model, self.threads = model, threads or os.cpu_count() or 1
        self._session = _session(place, content, self.threads)
        _check_graph(place, self._session)
        self.info = _info(place, self._session, hashlib.sha256(content).hexdigest())

    def predict(
        self, frames: NDArray[np.float32], *, input_size: int | None = None
    ) -> NDArray[np.float32]:
        """Return the vessel probabilities, (N, rows, columns), of frames of the same shape.

        The frames are resampled to the area `input_size` ** 2 (the model's own unless given), and
        the probabilities back to the frames' size.
        """
        rows, columns = frames.shape[1:]
        output = self.run(to_network(frames, input_size or self.info.input_size))[:, 0]
        if output.shape[1:] != (rows, columns):
            output = np.stack([cv2.resize(map_, (columns, rows)) for map_ in output])
        return np.asarray(np.clip(output, 0, 1))

    def run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's output for images (N, 1, H, W), H and W multiples of `STRIDE`."""
        (output,) = self._session.run(["probability"], {"image": images})
        return np.asarray(output)

    def predict_each(
        self, frames: Iterable[Frame], *, input_size: int | None = None
    ) -> Iterator[tuple[Frame, Probability]]:
        """Yield every frame with its probability, in order; only one small batch is in memory."""
        remaining = iter(frames)
        while batch := list(islice(remaining, BATCH)):
            yield from zip(batch, self.predict(np.stack(batch), input_size=input_size), strict=True)


def to_network(frames: NDArray[np.float32], input_size: int) -> NDArray[np.float32]:
    """Return frames (N, rows, columns) resampled for the network: (N, 1, H, W)."""
    rows, columns = frames.shape[1:]
    height, width = network_size(rows, columns, input_size)
    interpolation = cv2.INTER_AREA if height * width < rows * columns else cv2.INTER_LINEAR
    resized = [cv2.resize(frame, (width, height), interpolation=interpolation) for frame in frames]
    return np.stack(resized)[:, np.newaxis]


def network_size(rows: int, columns: int, input_size: int) -> tuple[int, int]:
    """Return the (height, width) that the network is given: the frame's aspect, the size's area."""
    scale = input_size / math.sqrt(rows * columns)
    height, width = (max(1, round(side * scale / STRIDE)) * STRIDE for side in (rows, columns))
    return height, width


def packaged_model(name: str) -> Path:
    """Return the place of the package's model of this name; there may be none."""
    return Path(str(resources.files("coroseg"))) / "weights" / f"{name}.onnx"


def _read(model: str | Path) -> tuple[str, bytes]:
    """Return what to call the model in messages, and the content of its file."""
    named = isinstance(model, str) and Path(model).name == model and not model.endswith(".onnx")
    if named:
        file = packaged_model(str(model))
        if not file.is_file():
            known = sorted(f.stem for f in file.parent.iterdir() if f.suffix == ".onnx")
            raise ModelError(
                f"there is no model named {model!r} in the package: pass a path to an ONNX file "
                f"or one of: {', '.join(known) or '(the package holds none)'}"
            )
        return str(model), file.read_bytes()
    try:
        return str(model), Path(model).read_bytes()
    except OSError as error:
        raise ModelError(
            f"{model}: cannot read the model: {error.strerror}. Pass the path of an ONNX file"
        ) from error


def _session(place: str, content: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Waiting threads that spin take the processor from those that decode and write beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what it cannot do it raises too, and that is said in a line
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    available = onnxruntime.get_available_providers()
    providers = [provider for provider in wanted if provider in available]
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except _LOADING_ERRORS as error:
        raise ModelError(
            f"{place}: ONNX Runtime cannot load the model ({' '.join(str(error).split())}): "
            "pass an ONNX file made by `coroseg export`"
        ) from error


def _check_graph(place: str, session: onnxruntime.InferenceSession) -> None:
    """Raise `ModelError` unless the graph takes one `image` and gives one `probability`."""
    for kind, nodes, name in (
        ("input", session.get_inputs(), "image"),
        ("output", session.get_outputs(), "probability"),
    ):
        found = ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)
        fits = [node.name for node in nodes] == [name] and _is_free_map(nodes[0])
        if not fits:
            raise ModelError(
                f"{place}: the model's {kind} is [{found}], not one {name} tensor(float) "
                "(N, 1, H, W) with N, H and W free: pass an ONNX file made by `coroseg export`"
            )


def _is_free_map(node: onnxruntime.NodeArg) -> bool:
    batch_channel_height_width = 4
    if node.type != "tensor(float)" or len(node.shape) != batch_channel_height_width:
        return False
    batch, channels, height, width = node.shape
    # A free size is None or a name; exporters often lose the output's channel on the way.
    fixed = [size for size in (batch, height, width) if isinstance(size, int)]
    return not fixed and channels in (1, None)


def _info(place: str, session: onnxruntime.InferenceSession, sha256: str) -> ModelInfo:
    metadata = session.get_modelmeta().custom_metadata_map
    missing = [key for key in ("name", "version", "input_size") if not metadata.get(key)]
    if missing:
        raise ModelError(
            f"{place}: the model's metadata lacks {', '.join(missing)}: "
            "pass an ONNX file made by `coroseg export`"
        )
    size = metadata["input_size"]
    if not size.isdecimal() or int(size) < STRIDE:
        raise ModelError(
            f"{place}: the model's input_size {size!r} is no whole number of at least {STRIDE}: "
            "pass an ONNX file made by `coroseg export`"
        )
    return ModelInfo(metadata["name"], metadata["version"], sha256, int(size))
