"""What a checkpoint holds beside Lightning's own: what it was made of, to repeat it."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import callbacks

from coroseg.datasets.manifest import read_manifest
from coroseg.errors import ConfigError
from coroseg.io.files import sha256_of
from coroseg.lab.config import Config
from coroseg.lab.exported import exported_weights


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


def read_weights(path: Path) -> dict[str, Any]:
    """Return the weights of the network in a checkpoint or an exported file.

    Raises `ConfigError` where it holds none.
    """
    if path.suffix == ".onnx":
        return dict(exported_weights(path))
    return network_weights(read_checkpoint(path))


def averaged_weights(networks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of the networks' weights (a "model soup", arXiv 2203.05482).

    Good where the networks share their beginning. What is counted in whole numbers is the first's.
    Raises `ConfigError` where the networks differ.
    """
    shapes = [{name: value.shape for name, value in network.items()} for network in networks]
    if any(shape != shapes[0] for shape in shapes):
        raise ConfigError("checkpoints of different networks have no average")
    return {
        name: torch.stack([network[name] for network in networks]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in networks[0].items()
    }


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


def data_sha256(manifest: Path) -> str:
    """Return the SHA-256 over a manifest and, in its order, every file that it names."""
    digest = hashlib.sha256(sha256_of(manifest).encode())
    for sample in read_manifest(manifest):
        files = [sample.image, sample.mask, *filter(None, [sample.segments, sample.probability])]
        digest.update(" ".join(map(sha256_of, files)).encode())
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
