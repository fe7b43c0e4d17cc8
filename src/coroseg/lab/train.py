"""One training run: a config in, checkpoints and learning curves out."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from coroseg.datasets.manifest import read_manifest
from coroseg.errors import ConfigError, ModelError, OutputError
from coroseg.io.files import sha256_of
from coroseg.lab.augment import Augment
from coroseg.lab.config import Config
from coroseg.lab.curves import Curves
from coroseg.lab.data import EpochSampler, VesselImages, read_sources
from coroseg.lab.models.network import Network, build_model
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
    if checkpoint:
        _check_same_run(checkpoint, config)
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    train_samples = read_sources(config.data.train)
    validation_samples = read_sources(config.data.validation)
    size = config.data.size
    augment = Augment(config.augmentation, size)
    images = VesselImages(train_samples, size, augment=augment, seed=config.seed)
    validation = Indexed(VesselImages(validation_samples, size))
    module = Training(_start(config, pretrained=not checkpoint), config, validation_samples)
    keep_best = _keeper(out, BEST, monitor="val_dice") if validation_samples else None
    trainer = _trainer(config, out, keep_best)
    data = _Loaders(images, validation, config)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    if keep_best is None:
        return TrainingResult(last, last, None)
    score = keep_best.best_model_score
    return TrainingResult(out / BEST, last, None if score is None else float(score))


class _Loaders(lightning.LightningDataModule):
    """The batches of each epoch, in an order that seed and epoch decide."""

    def __init__(self, images: VesselImages, validation: Indexed, config: Config) -> None:
        super().__init__()
        self._images, self._validation, self._config = images, validation, config

    def train_dataloader(self) -> DataLoader[Any]:
        data, trainer = self._config.data, self.trainer
        if trainer is None:
            raise RuntimeError("batches are asked for outside a training run")
        sampler = EpochSampler(
            self._images, trainer.world_size, trainer.global_rank, seed=self._config.seed
        )
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
    """Return the network a run begins with: ImageNet weights, or those of `start`."""
    network = build_model(config.model, pretrained=pretrained and config.start is None)
    if pretrained and config.start:
        try:
            network.load_state_dict(network_weights(read_checkpoint(config.start)))
        except RuntimeError as error:
            raise ModelError(
                f"{config.start}: holds the weights of another network: "
                "give [model] the settings it was trained with"
            ) from error
    return network


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint of ours. Raises `ConfigError` where it is none."""
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a file that is no checkpoint
        raise ConfigError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__})"
        ) from error
    if "coroseg" not in checkpoint:
        raise ConfigError(f"{path}: is no checkpoint of coroseg: it holds no config")
    return checkpoint


def network_weights(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return the weights of the network in a checkpoint: averaged ones where it averaged them."""
    prefix = "network."
    state = checkpoint["state_dict"]
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _check_same_run(path: Path, config: Config) -> None:
    stored = read_checkpoint(path)["coroseg"]["config"]
    now = config.model_dump(mode="json")
    differing = [key for key in now if now[key] != stored.get(key)]
    if differing:
        raise ConfigError(
            f"{path}: was trained with other settings ({', '.join(differing)}): "
            "restore them, or choose another --out"
        )


class Provenance(callbacks.Callback):
    """Writes into every checkpoint what it was made of: config, version, commit, data hashes."""

    def __init__(self, config: Config) -> None:
        manifests = {source.manifest for source in (*config.data.train, *config.data.validation)}
        hashes = {str(path): data_sha256(path) for path in sorted(manifests)}
        self._facts = {
            "config": config.model_dump(mode="json"),
            "version": version("coroseg"),
            "git_commit": git_commit(),
            "data_sha256": hashes,
        }

    def on_save_checkpoint(
        self,
        _trainer: lightning.Trainer,
        _module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        checkpoint["coroseg"] = self._facts


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
        module.log("epoch_seconds", seconds)
        module.log("waiting_fraction", self._waited / seconds)
        shown = ("train_loss", "val_loss", "val_dice")
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k in shown}
        values |= {"seconds": seconds, "waiting": self._waited / seconds}
        line = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        _log.info("epoch %d of %d: %s", trainer.current_epoch + 1, trainer.max_epochs, line)


def data_sha256(manifest: Path) -> str:
    """Return the SHA-256 over a manifest and, in its order, every image and mask it names."""
    digest = hashlib.sha256(sha256_of(manifest).encode())
    for sample in read_manifest(manifest):
        digest.update(f"{sha256_of(sample.image)} {sha256_of(sample.mask)}".encode())
    return digest.hexdigest()


def git_commit() -> str | None:
    """Return the commit of the source tree that this package runs from; None outside one."""
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    try:
        # A package installed below somebody else's repository is not of its commit.
        _run([*git, "ls-files", "--error-unmatch", here.name])
        return _run([*git, "rev-parse", "HEAD"])
    except (OSError, subprocess.CalledProcessError):
        return None


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
