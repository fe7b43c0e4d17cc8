import csv
from pathlib import Path

from coroseg.lab.curves import Curves


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_epoch_and_a_run_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "curves" / "metrics.csv"
    curves = Curves(path)
    for epoch in (0, 1, 2):
        curves.log_metrics({"val_dice": 0.1 * epoch, "epoch": epoch}, 10 * epoch + 9)
        curves.log_metrics({"train_loss": 3.0 - epoch, "epoch": epoch}, 10 * epoch + 9)
        curves.save()
    resumed = Curves(path)  # after epoch 1: epoch 2 is trained again
    resumed.log_metrics({"train_loss": 0.5, "epoch": 2}, 29)
    resumed.log_metrics({"new": 1.0, "epoch": 3}, 39)
    resumed.save()
    assert rows(path) == [
        {"epoch": "0", "step": "9", "val_dice": "0.0", "train_loss": "3.0", "new": ""},
        {"epoch": "1", "step": "19", "val_dice": "0.1", "train_loss": "2.0", "new": ""},
        {"epoch": "2", "step": "29", "val_dice": "0.2", "train_loss": "0.5", "new": ""},
        {"epoch": "3", "step": "39", "val_dice": "", "train_loss": "", "new": "1.0"},
    ]
