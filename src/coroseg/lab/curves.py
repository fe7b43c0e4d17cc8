"""The learning curves of a run as one CSV file, which a resumed run goes on writing."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from coroseg.io.files import write_whole


class Curves(Logger):
    """Writes a row an epoch (counted from 0); an epoch trained again replaces its row.

    Lightning's own CSV logger deletes the file of an interrupted run.
    """

    name = "curves"
    version = ""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._rows: dict[int, dict[str, Any]] = {}
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                self._rows = {int(row["epoch"]): dict(row) for row in csv.DictReader(file)}

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        epoch = int(metrics["epoch"])
        row = self._rows.setdefault(epoch, {})
        row.update(metrics, epoch=epoch, step=step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Do nothing: the settings are in the checkpoints."""

    @rank_zero_only
    def save(self) -> None:
        columns = dict.fromkeys(["epoch", "step"])  # keeps the order in which they appeared
        for row in self._rows.values():
            columns |= dict.fromkeys(row)
        with (
            write_whole(self._path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(self._rows[epoch] for epoch in sorted(self._rows))
