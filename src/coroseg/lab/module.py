"""The network in training: one step, the validation Dice, the optimiser."""

import math
from typing import Any

import cv2
import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer
from torchmetrics.aggregation import MeanMetric

from coroseg.datasets.manifest import Sample
from coroseg.io.masks import read_mask
from coroseg.lab.config import Config
from coroseg.lab.data import VesselImages
from coroseg.lab.losses import HybridLoss, segment_loss
from coroseg.lab.models.network import Network
from coroseg.metrics import dice
from coroseg.segmentation.binarize import binarize


class Training(lightning.LightningModule):
    """Trains `network` by the hybrid loss; logs the mean Dice of the validation images.

    The Dice is that of the product: probabilities brought back to the image's own size, Otsu.
    """

    def __init__(self, network: Network, config: Config, validation: list[Sample]) -> None:
        super().__init__()
        self.network = network
        self.loss = HybridLoss(
            config.loss.focal_gamma, config.loss.side_weights, config.loss.dice_weight
        )
        self.config = config
        self._validation = validation
        # Two empty masks have no Dice; such images count for nothing.
        self._dice = MeanMetric(nan_strategy="ignore")

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network(image)
        return logits

    def on_train_epoch_start(self) -> None:
        # Dropout draws from the global generator: a resumed epoch has to draw the same.
        torch.manual_seed(self.config.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: tuple[Tensor, ...], _index: int) -> Tensor:
        image, truth = (x.contiguous(memory_format=torch.channels_last) for x in batch[:2])
        loss = self._loss(image, truth, *batch[2:])
        self._log_mean("train_loss", loss, len(image))
        return loss

    def _loss(self, image: Tensor, truth: Tensor, segments: Tensor | None = None) -> Tensor:
        if segments is None:
            loss: Tensor = self.loss(self(image), truth)
            return loss
        logits, found = self.network.with_segments(image)
        entropy = segment_loss(found, segments[:, 0])
        self._log_mean("segment_loss", entropy, len(image))
        loss = self.loss(logits, truth)
        return loss + self.config.loss.segment_weight * entropy

    def _log_mean(self, name: str, value: Tensor, count: int) -> None:
        """Log the mean over the epoch's images."""
        self.log(name, value, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], _index: int) -> None:
        image, truth, indices = batch
        logits = self(image.contiguous(memory_format=torch.channels_last))
        loss = self.loss(logits, truth)
        probabilities = torch.sigmoid(logits)[:, 0].float().cpu().numpy()
        for probability, index in zip(probabilities, indices.tolist(), strict=True):
            mask = read_mask(self._validation[index].mask)
            self._dice.update(dice(binarize(resize_back(probability, mask.shape)).mask, mask))
        self.log("val_loss", loss, batch_size=len(image), sync_dist=True)
        self.log("val_dice", self._dice, on_epoch=True)

    def configure_optimizers(self) -> Any:
        settings = self.config.training
        weight_decay = settings.decay_rate if settings.decay == "weight" else 0.0
        kinds = {"rmsprop": torch.optim.RMSprop, "adamw": torch.optim.AdamW}
        optimizer = kinds[settings.optimizer](
            self.network.parameters(), lr=settings.learning_rate, weight_decay=weight_decay
        )
        if settings.schedule == "one_cycle":
            schedule: Any = torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                max_lr=settings.learning_rate,
                total_steps=math.ceil(self.trainer.estimated_stepping_batches),
                pct_start=settings.warm_up,
                cycle_momentum=False,
            )
        elif settings.decay == "inverse_time":
            schedule = _inverse_time(optimizer, settings.decay_rate)
        else:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class Indexed(torch.utils.data.Dataset[tuple[Tensor, Tensor, int]]):
    """The images of a data set with their index, not augmented."""

    def __init__(self, images: VesselImages) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        image, mask = self._images[0, index]
        return image, mask, index


def resize_back(probability: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a square's map on the (rows, columns) it was padded from: undoes `fit_square`."""
    rows, columns = shape
    side = max(rows, columns)
    square = cv2.resize(probability, (side, side), interpolation=cv2.INTER_LINEAR)
    top, left = (side - rows) // 2, (side - columns) // 2
    return np.ascontiguousarray(square[top : top + rows, left : left + columns])


def _inverse_time(optimizer: Optimizer, rate: float) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + rate * step))
