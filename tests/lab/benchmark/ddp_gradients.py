"""One epoch of training, its gradients kept: `python ddp_gradients.py CONFIG.json OUT`.

A script of its own, because Lightning's DDP starts it again for every further device. Process k
writes what it saw first to OUT/gradients{k}.pt. Batch norm is frozen.
"""

import sys
from pathlib import Path

import torch
from torch import nn

import coroseg.lab.train
from coroseg.lab.config import Config
from coroseg.lab.module import Training


class Frozen(Training):
    """The real training, its batch norm in evaluation mode."""

    out: Path

    def on_train_batch_start(self, *_: object) -> None:
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    def on_after_backward(self) -> None:
        path = self.out / f"gradients{self.global_rank}.pt"
        if not path.exists():
            torch.save({name: p.grad for name, p in self.network.named_parameters()}, path)


if __name__ == "__main__":
    config = Config.model_validate_json(Path(sys.argv[1]).read_text())
    Frozen.out = Path(sys.argv[2])
    coroseg.lab.train.Training = Frozen  # type: ignore[misc]
    coroseg.lab.train.train(config, Frozen.out)
