import time
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from coroseg.lab.benchmark.grid import TRAINING, Cell, Grid
from coroseg.lab.benchmark.run import Progress
from coroseg.lab.benchmark.view import remaining_seconds, table
from coroseg.report.stored import CELLS, CellRow, read_rows, write_rows


def _finish(cell: Cell, seconds: float) -> None:
    row = CellRow(cell.model, cell.fold, 3, 1, 4, 10, 9, 0.75, seconds - 2, 2, 300, 1)
    write_rows(cell.folder / CELLS, [row], CellRow)


def _epochs(cell: Cell, *seconds: float) -> None:
    curves = cell.folder / TRAINING / "curves"
    curves.mkdir(parents=True)
    lines = [f"{k},{s}" for k, s in enumerate(seconds)]
    (curves / "metrics.csv").write_text("\n".join(["epoch,epoch_seconds", *lines]) + "\n")


def _left(grid: Grid, progress: Progress) -> float | None:
    finished = {
        cell: read_rows(cell.folder / CELLS, CellRow)[0] for cell in grid.cells if cell.finished
    }
    return remaining_seconds(grid, progress, finished)


def test_the_time_left_is_unknown_before_the_first_epoch(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid()
    assert _left(grid, Progress(running={grid.cells[0]: 0.0})) is None


def test_the_remaining_time_is_what_like_cells_took(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(models=("cgnet", "unet", "pspnet"), folds=2, epochs=10)
    cgnet, cgnet_2, unet, _, _, _ = grid.cells
    _finish(cgnet, 100)
    _finish(cgnet_2, 140)
    _epochs(unet, 30, 34)  # 10 epochs of 32 s, of which 64 s are spent
    left = _left(grid, Progress(running={unet: 0.0}))
    typical = (120 + 320) / 2  # of the model that nothing is known of
    assert left == pytest.approx((320 - 64) + 320 + 2 * typical)


def test_the_table_shows_what_every_cell_is_doing(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(models=("cgnet", "unet"), folds=2)
    done, failed, running, _ = grid.cells
    _finish(done, 10)
    _epochs(running, 5)
    console = Console(file=StringIO(), width=120)
    console.print(
        table(grid, Progress(running={running: time.monotonic() - 130}, failed={failed: "lost"}))
    )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0.7500" in text
    assert "failed" in text
    assert "epoch 2 (2 min)" in text
    assert "waiting" in text
    assert "1 of 4 cells done" in text
