"""One training run: a config in, checkpoints and learning curves out."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from coroseg.errors import ConfigError, ModelError, OutputError
from coroseg.lab.augment import Augment
from coroseg.lab.checkpoint import Provenance, averaged_weights, read_checkpoint, read_weights
from coroseg.lab.config import Config, parse
from coroseg.lab.curves import Curves
from coroseg.lab.data import EpochSampler, Portion, VesselImages, read_sources
from coroseg.lab.models.network import Network, build_model, load_weights, unet3plus
from coroseg.lab.module import Indexed, Training

LAST = "last.ckpt"
BEST = "best.ckpt"
CURVES = "curves/metrics.csv"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """What a run left behind: the checkpoints of its best and its last epoch.

    `val_dice` is that of the best; without validation it is None, and the best is the last.
    """

    best: Path
    last: Path
    val_dice: float | None


def train(config: Config, out: Path, *, resume: bool = False) -> TrainingResult:
    """Train as `config` says and return the checkpoints, all of them in the folder `out`.

    With `resume`, the run in `out` goes on after its last whole epoch and ends with the weights
    that an uninterrupted run would have. Raises `OutputError` where `out` holds a run and `resume`
    was not asked for, `ConfigError` where the run in it had other settings.
    """
    last = out / LAST
    if last.exists() and not resume:
        raise OutputError(f"{out}: holds a run already: pass --resume to go on, or another --out")
    checkpoint = last if last.exists() else None
    first_epoch = _next_epoch(checkpoint, config) if checkpoint else 0
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    portions = read_sources(config.data.train)
    validation_samples = [s for p in read_sources(config.data.validation) for s in p.samples]
    size = config.data.size
    augment = Augment(config.augmentation, size)
    network = _start(config, pretrained=not checkpoint)
    images = VesselImages(
        portions, size, augment=augment, seed=config.seed, segments=network.segments
    )
    validation = Indexed(VesselImages([Portion(validation_samples)], size))
    module = Training(network, config, validation_samples)
    keep_best = _keeper(out, BEST, monitor="val_dice") if validation_samples else None
    trainer = _trainer(config, out, keep_best)
    data = _Loaders(images, validation, config, first_epoch)
    with warnings.catch_warnings():
        if config.training.frozen_encoder:  # its batch norms are meant to be in inference
            warnings.filterwarnings("ignore", "Found .* in eval mode")
        trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    if keep_best is None:
        return TrainingResult(last, last, None)
    score = keep_best.best_model_score
    return TrainingResult(out / BEST, last, None if score is None else float(score))


def is_helper() -> bool:
    """Return whether this process only helps another: Lightning starts one a further device."""
    return int(os.environ.get("LOCAL_RANK", "0")) > 0


class _Loaders(lightning.LightningDataModule):
    """The batches of each epoch, in an order that seed and epoch decide."""

    def __init__(
        self, images: VesselImages, validation: Indexed, config: Config, first_epoch: int
    ) -> None:
        super().__init__()
        self._images, self._validation, self._config = images, validation, config
        self._first_epoch = first_epoch

    def train_dataloader(self) -> DataLoader[Any]:
        data, trainer = self._config.data, self.trainer
        if trainer is None:
            raise RuntimeError("batches are asked for outside a training run")
        sampler = EpochSampler(
            self._images, trainer.world_size, trainer.global_rank, seed=self._config.seed
        )
        # Workers fetch ahead before Lightning tells a resumed run's epoch to the sampler.
        sampler.set_epoch(self._first_epoch)
        return DataLoader(
            self._images,
            batch_size=data.batch,
            sampler=sampler,
            num_workers=data.workers,
            persistent_workers=data.workers > 0,
            drop_last=len(sampler) >= data.batch,
            pin_memory=torch.cuda.is_available(),
        )

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self._validation, batch_size=self._config.data.batch)


def _trainer(
    config: Config, out: Path, keep_best: callbacks.ModelCheckpoint | None
) -> lightning.Trainer:
    settings = config.training
    used: list[callbacks.Callback] = [Provenance(config), EpochReport()]
    if settings.average_decay:
        used.append(callbacks.EMAWeightAveraging(decay=settings.average_decay))
    if settings.patience and keep_best:
        used.append(callbacks.EarlyStopping("val_dice", mode="max", patience=settings.patience))
    # The last is written last: killed between the two, a run repeats the epoch. (`save_last` of
    # one callback writes the last epoch only where it is the best.)
    used += [keep_best] if keep_best else []
    used.append(_keeper(out, LAST))
    if sys.stderr.isatty():
        used.append(callbacks.RichProgressBar())
    return lightning.Trainer(
        default_root_dir=out,
        max_epochs=settings.epochs,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy="ddp" if settings.devices > 1 else "auto",
        sync_batchnorm=settings.devices > 1 and torch.cuda.is_available(),
        precision=settings.precision,
        gradient_clip_val=settings.gradient_clip or None,
        callbacks=used,
        logger=[
            Curves(out / CURVES),
            TensorBoardLogger(out, name="", version="tensorboard"),
        ],
        use_distributed_sampler=False,
        limit_val_batches=None if keep_best else 0,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=sys.stderr.isatty(),
        enable_model_summary=False,
    )


def _keeper(out: Path, name: str, monitor: str | None = None) -> callbacks.ModelCheckpoint:
    return callbacks.ModelCheckpoint(
        out,
        filename=Path(name).stem,
        monitor=monitor,
        mode="max",
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )


def _start(config: Config, *, pretrained: bool) -> Network:
    """Return the network a run begins with: ImageNet weights, or those of `start`.

    The parts that `load_weights` cannot take from there begin at random; the log names them.
    """
    from_weights = pretrained and not config.start
    network = build_model(**config.model.model_dump(), pretrained=from_weights)
    if pretrained and config.start:
        try:
            anew = load_weights(network, averaged_weights([*map(read_weights, config.start)]))
        except RuntimeError as error:
            raise ModelError(
                f"{config.start[0]}: holds the weights of another network: "
                "give [model] the settings it was trained with"
            ) from error
        if anew:
            _log.info("%s: has no %s: random at first", config.start[0], ", ".join(anew))
    if config.training.frozen_encoder:
        unet3plus(network).freeze_encoder()
    return network


def _next_epoch(path: Path, config: Config) -> int:
    """Return the epoch after that of the checkpoint `path`, if its run had these settings."""
    checkpoint = read_checkpoint(path)
    stored = parse(Config, checkpoint["coroseg"]["config"], path).model_dump(mode="json")
    now = config.model_dump(mode="json")
    differing = [key for key in now if now[key] != stored[key]]
    if differing:
        raise ConfigError(
            f"{path}: was trained with other settings ({', '.join(differing)}): "
            "restore them, or choose another --out"
        )
    return int(checkpoint["epoch"]) + 1


class EpochReport(callbacks.Callback):
    """Logs a line an epoch, with the fraction of the time that the network waited for data."""

    def on_train_epoch_start(self, _trainer: lightning.Trainer, _module: Any) -> None:
        self._start = self._ready = time.perf_counter()
        self._waited = 0.0

    def on_train_batch_start(self, *_: Any) -> None:
        self._waited += time.perf_counter() - self._ready

    def on_train_batch_end(self, *_: Any) -> None:
        self._ready = time.perf_counter()

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        seconds = time.perf_counter() - self._start
        module.log("epoch_seconds", seconds, sync_dist=True)
        module.log("waiting_fraction", self._waited / seconds, sync_dist=True)
        shown = ("train_loss", "val_loss", "val_dice")
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k in shown}
        values |= {"seconds": seconds, "waiting": self._waited / seconds}
        if is_helper():
            return
        line = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        _log.info("epoch %d of %d: %s", trainer.current_epoch + 1, trainer.max_epochs, line)
