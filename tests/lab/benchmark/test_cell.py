from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from coroseg.datasets.content import read_image
from coroseg.io.masks import read_mask
from coroseg.lab.benchmark import cell as cell_module
from coroseg.lab.benchmark.cell import run_cell
from coroseg.lab.benchmark.grid import TRAINING, Grid
from coroseg.lab.checkpoint import network_weights, read_checkpoint
from coroseg.lab.data import fit_square
from coroseg.lab.models.network import build_model
from coroseg.lab.module import resize_back
from coroseg.lab.train import BEST
from coroseg.metrics import evaluate
from coroseg.report.stored import (
    CELLS,
    CellRow,
    CurveRow,
    ImageRow,
    mask_path,
    read_rows,
)
from coroseg.segmentation.binarize import otsu_threshold


def test_a_cell_stores_the_scores_of_its_masks(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(epochs=2)
    cell = grid.cells[1]
    run_cell(cell.folder)
    rows = read_rows(cell.images_csv, ImageRow)
    assert {row.image for row in rows} == {
        grid.split.name_of(sample) for sample in grid.split.folds[1].test
    }
    for row in rows:
        sample = grid.samples[row.image]
        mask = read_mask(mask_path(cell.folder, row.image))
        scores = evaluate(mask, read_mask(sample.mask))
        assert mask.shape == read_image(sample.image).shape
        for name, value in scores.to_dict().items():
            stored = row.distance_unit if name == "unit" else getattr(row, name)
            assert stored == value or (np.isnan(stored) and np.isnan(value))
        assert row.diagonal == pytest.approx(np.hypot(*mask.shape))
        assert (row.model, row.fold, row.unit_kind, row.unit) == ("cgnet", 2, "image", row.image)
    sample = grid.samples[rows[0].image]
    network = build_model(**cell.config.model.model_dump(), pretrained=False).eval()
    network.load_state_dict(network_weights(read_checkpoint(cell.folder / TRAINING / BEST)))
    with torch.no_grad():
        square = torch.from_numpy(fit_square(read_image(sample.image), 32))[None, None]
        map_ = torch.sigmoid(network(square))[0, 0].numpy()
    probability = resize_back(map_, read_mask(sample.mask).shape)
    mask = read_mask(mask_path(cell.folder, rows[0].image))
    assert np.array_equal(mask, probability > otsu_threshold(probability))
    [done] = read_rows(cell.folder / CELLS, CellRow)
    curves = read_rows(cell.curves_csv, CurveRow)
    assert [curve.epoch for curve in curves] == [1, 2]
    assert done.val_dice == max(curve.val_dice for curve in curves)
    assert curves[done.best_epoch - 1].val_dice == done.val_dice
    fold = grid.split.folds[1]
    assert done.train_images == len(fold.train)
    assert done.validation_images == len(fold.validation)
    assert done.test_images == len(fold.test)


def test_a_finished_cell_is_left_as_it_is(make_grid: Callable[..., Grid]) -> None:
    cell = make_grid().cells[0]
    run_cell(cell.folder)
    before = {path: path.stat().st_mtime_ns for path in cell.folder.rglob("*.*")}
    run_cell(cell.folder)
    assert {path: path.stat().st_mtime_ns for path in cell.folder.rglob("*.*")} == before


def test_a_cell_stopped_in_its_test_is_not_trained_again(
    make_grid: Callable[..., Grid], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = make_grid().cells[0]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "_test", stop)
        with pytest.raises(KeyboardInterrupt):
            run_cell(cell.folder)
    assert not cell.finished
    monkeypatch.setattr(cell_module, "train", stop)
    run_cell(cell.folder)
    assert cell.finished


def test_distances_are_in_mm_where_the_config_has_a_spacing(
    write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    from coroseg.lab.benchmark.config import read_benchmark
    from coroseg.lab.benchmark.grid import prepare

    path = write_benchmark()
    path.write_text(path.read_text().replace("size = 32", "size = 32\nspacing_mm = 0.25"))
    cell = prepare(read_benchmark(path), tmp_path / "run").cells[0]
    run_cell(cell.folder)
    for row in read_rows(cell.images_csv, ImageRow):
        mask = read_mask(mask_path(cell.folder, row.image))
        assert row.distance_unit == "mm"
        assert row.diagonal == pytest.approx(0.25 * np.hypot(*mask.shape))
        assert row.area == pytest.approx(mask.sum() * 0.0625)
