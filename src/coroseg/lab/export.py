"""From a checkpoint to the ONNX file that the clinic uses, kept only if both say the same."""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from coroseg.angiogram import Frame
from coroseg.datasets.content import read_image
from coroseg.errors import CorosegError, ModelError
from coroseg.io.files import write_whole
from coroseg.lab.checkpoint import (
    averaged_weights,
    network_weights,
    read_checkpoint,
    read_weights,
)
from coroseg.lab.config import Config, parse
from coroseg.lab.data import EpochSampler, VesselImages, read_sources
from coroseg.lab.models.network import Network, build_model, describe, unet3plus
from coroseg.lab.models.routed import Routed
from coroseg.lab.quick import quick
from coroseg.lab.route import fit_router
from coroseg.segmentation.predictor import Predictor, to_network

TOLERANCE = 1e-4
"""How far a probability of ONNX Runtime may lie from torch's."""

OPSET = 17
COMPARED_IMAGES = 5
"""On how many real images, beside noise."""

STATISTICS_IMAGES = 320
"""How many images the batch norms of averaged weights see."""

_log = logging.getLogger(__name__)


class Probabilities(nn.Module):
    """What the file computes: images in, the probabilities of the final output out.

    `shift` is added to the logit.
    """

    def __init__(self, network: Network, shift: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.shift = shift

    def forward(self, image: Tensor) -> Tensor:
        logit: Tensor = self.network(image)
        return torch.sigmoid(logit + self.shift if self.shift else logit)


def export(
    checkpoint: Path,
    out: Path,
    *,
    averaged_with: Sequence[Path] = (),
    second: Path | None = None,
    half: bool = False,
    name: str | None = None,
    size: int | None = None,
    shift: float = 0.0,
) -> float:
    """Write the network of `checkpoint` to the ONNX file `out`; return its largest difference.

    Its weights are averaged with those of the other checkpoints, if any; one named twice counts
    double. An average's batch norms then measure their statistics anew, on images that
    `checkpoint` was trained on (the manifests in its config).
    `second` is the checkpoint of a run on images of other readers: the file then holds its network
    too, for images that look like those (`Routed`). Its batch norms measure their statistics anew.
    With `half` the weights are rounded to 16 bits, which halves the file.
    `size` is the side of the square whose area the network is given: the training's unless given.
    `shift` is added to the logit: below 0 less is taken for vessel. A training that begins with the
    file begins without it.
    The file is compared with torch on images that the network was validated on (else trained on),
    as far as they can be read, and on three of noise.
    Raises `ModelError`, and leaves `out` as it was, where a probability differs by more than
    `TOLERANCE`.
    """
    content = read_checkpoint(checkpoint)
    config = parse(Config, content["coroseg"]["config"], str(checkpoint))
    network = build_model(**config.model.model_dump(), pretrained=False)
    weights = [network_weights(content), *map(read_weights, averaged_with)]
    network.load_state_dict(averaged_weights(weights))
    if averaged_with:
        measure_statistics(network, config)
    size = size or config.data.size
    if second:
        network = _routed(network, config, second, size)
    if half:
        _round(network)
    model = Probabilities(network, shift).eval()
    metadata = {
        "name": name or out.stem,
        "version": version("coroseg"),
        "input_size": str(size),
        "logit_shift": str(shift),
        "network": config.model.name,
        "encoder": describe(**config.model.model_dump())[0],
        "seed": str(config.seed),
        "git_commit": str(content["coroseg"]["git_commit"]),
    }
    with write_whole(out) as temporary:
        _write(quick(model), temporary, size, metadata, half=half)
        difference = largest_difference(model, temporary, [*_own_images(config), *_noise(size)])
        if not difference <= TOLERANCE:
            raise ModelError(
                f"{checkpoint}: ONNX Runtime's probabilities differ from torch's by "
                f"{difference:.2g}, more than {TOLERANCE}: the file is not kept"
            )
    _log.info("%s: differs from torch by at most %.2g", out, difference)
    return difference


def measure_statistics(network: Network, config: Config) -> None:
    """Measure the mean and variance in each batch norm anew, on training images as they are.

    On augmented ones, as they once were, the masks of DCA1 came out wider (docs/train.md).
    Those of an average of networks are not the average of theirs (arXiv 1803.05407, section 3.3).
    Those of a frozen encoder stay. Raises `ConfigError` where a manifest that the network was
    trained on cannot be read.
    """
    measured: nn.Module = network
    if config.training.frozen_encoder:
        measured = _Decoders(network.eval())
    images = VesselImages(read_sources(config.data.train), config.data.size)
    keys = list(EpochSampler(images, 1, 0, seed=config.seed))[:STATISTICS_IMAGES]
    update_bn(DataLoader(images, batch_size=config.data.batch, sampler=keys), measured)


def _routed(network: Network, config: Config, second: Path, size: int) -> Routed:
    """Return the network with that of the checkpoint `second` beside it."""
    content = read_checkpoint(second)
    its_config = parse(Config, content["coroseg"]["config"], str(second))
    other = build_model(**its_config.model.model_dump(), pretrained=False)
    other.load_state_dict(network_weights(content))
    measure_statistics(other, its_config)
    own, its = (
        [sample for portion in read_sources(c.data.train) for sample in portion.samples]
        for c in (config, its_config)
    )
    router = fit_router(network.eval(), own, its, size)
    return Routed(unet3plus(network), unet3plus(other), router)


class _Decoders(nn.Module):
    """The whole network, of which the decoders alone are seen by who looks for its parts."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.decoders = unet3plus(network).decoders
        self._run = network.forward

    def forward(self, image: Tensor) -> Tensor:
        return self._run(image)


def _own_images(config: Config) -> list[Frame]:
    """Return images that the network was validated on, else trained on; none if unreadable."""
    try:
        portion = read_sources(config.data.validation or config.data.train)[0]
        return [read_image(sample.image) for sample in portion.samples[:COMPARED_IMAGES]]
    except CorosegError as error:
        _log.warning("compared with torch on noise alone: %s", error)
        return []


def largest_difference(model: nn.Module, file: Path, images: Sequence[Frame]) -> float:
    """Return the largest difference of a probability between torch and the ONNX `file`."""
    predictor = Predictor(file)
    differences = []
    for image in images:
        batch = to_network(image[None], predictor.info.input_size)
        with torch.no_grad():
            expected = model(torch.from_numpy(batch)).numpy()
        differences.append(np.abs(predictor.run(batch) - expected).max())
    return float(max(differences))


def _write(
    model: nn.Module, path: Path, size: int, metadata: dict[str, Any], *, half: bool = False
) -> None:
    free = {0: "frames", 2: "rows", 3: "columns"}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # The newer exporter reasons about free sizes for minutes; the older one takes seconds.
        warnings.simplefilter("ignore")
        traced = Path(folder) / "traced.onnx"
        torch.onnx.export(
            model,
            (torch.rand(1, 1, size, size),),
            str(traced),
            dynamo=False,
            opset_version=OPSET,
            # Batch norms stay what they are, and every weight has its name: `exported_weights`.
            # ONNX Runtime merges them into the convolutions when it loads the file.
            training=torch.onnx.TrainingMode.PRESERVE,
            input_names=["image"],
            output_names=["probability"],
            dynamic_axes={"image": free, "probability": free},
        )
        content = onnx.load(traced)
    output = content.graph.output[0].type.tensor_type.shape.dim[1]
    output.ClearField("dim_param")
    output.dim_value = 1
    if half:
        _store_in_16_bits(content.graph)
    onnx.helper.set_model_props(content, metadata)
    onnx.checker.check_model(content)
    onnx.save(content, path)


def _round(network: nn.Module) -> None:
    """Round the weights to 16 bits, but for vectors, which are few."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.copy_(weight.half())


def _store_in_16_bits(graph: onnx.GraphProto) -> None:
    """Keep the weights that 16 bits hold exactly in as many; ONNX Runtime widens them once."""
    casts = []
    for tensor in graph.initializer:
        value = numpy_helper.to_array(tensor)
        rounded = value.astype(np.float16)
        if value.dtype == np.float32 and value.ndim > 1 and np.array_equal(rounded, value):
            stored = f"half.{tensor.name}"
            casts.append(
                onnx.helper.make_node("Cast", [stored], [tensor.name], to=tensor.data_type)
            )
            tensor.CopyFrom(numpy_helper.from_array(rounded, stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _noise(size: int) -> list[Frame]:
    random = np.random.default_rng(0)
    shapes = [(size, size), (size, 2 * size), (size + 32, size - 32)]
    return [random.random(shape, dtype=np.float32) for shape in shapes]
