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
from coroseg.lab.models.network import Network, build_model, describe
from coroseg.lab.quick import quick
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
    name: str | None = None,
    size: int | None = None,
    shift: float = 0.0,
) -> float:
    """Write the network of `checkpoint` to the ONNX file `out`; return its largest difference.

    Its weights are averaged with those of the other checkpoints, if any; one named twice counts
    double. An average's batch norms then measure their statistics anew, on images that
    `checkpoint` was trained on (the manifests in its config).
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
    model = Probabilities(network, shift).eval()
    size = size or config.data.size
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
        _write(quick(model), temporary, size, metadata)
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
    Raises `ConfigError` where a manifest that the network was trained on cannot be read.
    """
    images = VesselImages(read_sources(config.data.train), config.data.size)
    keys = list(EpochSampler(images, 1, 0, seed=config.seed))[:STATISTICS_IMAGES]
    update_bn(DataLoader(images, batch_size=config.data.batch, sampler=keys), network)


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


def _write(model: nn.Module, path: Path, size: int, metadata: dict[str, Any]) -> None:
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
    onnx.helper.set_model_props(content, metadata)
    onnx.checker.check_model(content)
    onnx.save(content, path)


def _noise(size: int) -> list[Frame]:
    random = np.random.default_rng(0)
    shapes = [(size, size), (size, 2 * size), (size + 32, size - 32)]
    return [random.random(shape, dtype=np.float32) for shape in shapes]
