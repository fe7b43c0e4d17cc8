from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.datasets.manifest import read_manifest
from coroseg.errors import ConfigError, DataError
from coroseg.lab.benchmark.config import read_benchmark
from coroseg.lab.benchmark.grid import Cell, Grid, prepare


def test_every_image_is_tested_once_and_apart_from_training(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(models=("cgnet", "unet"), folds=2)
    assert [(cell.model, cell.fold) for cell in grid.cells] == [
        ("cgnet", 1),
        ("cgnet", 2),
        ("unet", 1),
        ("unet", 2),
    ]
    tested = []
    for cell in grid.cells[:2]:
        parts = {
            part: {s.image for s in read_manifest(cell.manifest) if s.split == part}
            for part in ("train", "validation", "test")
        }
        assert all(parts.values())
        assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 8
        tested += parts["test"]
    assert len(tested) == len(set(tested)) == 8


def test_a_cell_reads_back_as_it_was_written(make_grid: Callable[..., Grid]) -> None:
    cell = make_grid().cells[0]
    assert Cell.read(cell.folder) == cell


def test_preparing_again_keeps_the_split_and_the_cells(make_grid: Callable[..., Grid]) -> None:
    first = make_grid()
    files = sorted(path for path in first.out.rglob("*") if path.is_file())
    before = [path.read_bytes() for path in files]
    assert make_grid() == first
    assert [path.read_bytes() for path in files] == before


def test_a_model_can_be_added_to_a_benchmark(make_grid: Callable[..., Grid]) -> None:
    make_grid(models=("cgnet",))
    assert len(make_grid(models=("cgnet", "unet")).cells) == 4


def test_what_is_left_is_done_fold_by_fold(make_grid: Callable[..., Grid]) -> None:
    left = [(cell.fold, cell.model) for cell in make_grid(models=("unet", "cgnet")).unfinished]
    assert left == [(1, "unet"), (1, "cgnet"), (2, "unet"), (2, "cgnet")]


def test_other_settings_are_refused_by_name(make_grid: Callable[..., Grid]) -> None:
    make_grid(epochs=1)
    with pytest.raises(ConfigError, match=r"other settings \(training\): restore them"):
        make_grid(epochs=2)


def test_other_fractions_of_the_parts_are_refused(
    write_benchmark: Callable[..., Path], make_grid: Callable[..., Grid], tmp_path: Path
) -> None:
    make_grid()
    path = write_benchmark()
    path.write_text(path.read_text().replace("validation_fraction = 0.3", ""))
    with pytest.raises(ConfigError, match=r"other settings \(split\)"):
        prepare(read_benchmark(path), tmp_path / "run")


def test_another_number_of_folds_is_refused(make_grid: Callable[..., Grid]) -> None:
    make_grid(folds=2)
    with pytest.raises(ConfigError, match="holds 2 folds of the scheme rotate, seed 4"):
        make_grid(folds=3)


def test_more_folds_than_groups_are_refused(make_grid: Callable[..., Grid]) -> None:
    with pytest.raises(DataError, match="folds is 20: there are 8 images"):
        make_grid(folds=20)


def test_an_image_of_two_manifests_is_refused(
    write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_benchmark()
    first = tmp_path / "images" / "manifest.csv"
    second = first.with_name("second.csv")
    second.write_text(first.read_text())
    path.write_text(path.read_text().replace(f'["{first}"]', f'["{first}", "{second}"]'))
    with pytest.raises(DataError, match=r"0\.png: is in .*manifest\.csv and in .*second\.csv"):
        prepare(read_benchmark(path), tmp_path / "run")


@pytest.mark.parametrize(
    ("spacings", "given", "source"),
    [
        (("0.3,0.2",) * 8, None, "manifest"),
        (("0.3,0.2",) * 8, 0.5, "manifest"),
        ((",",) * 8, 0.5, "config"),
        ((",",) * 8, None, None),
        (("0.3,0.2", *(",",) * 7), 0.5, "config"),
    ],
)
def test_all_distances_have_one_unit(
    write_benchmark: Callable[..., Path],
    tmp_path: Path,
    spacings: tuple[str, ...],
    given: float | None,
    source: str | None,
) -> None:
    path = write_benchmark()
    _give_spacings(tmp_path / "images" / "manifest.csv", spacings)
    if given:
        path.write_text(path.read_text().replace("size = 32", f"size = 32\nspacing_mm = {given}"))
    grid = prepare(read_benchmark(path), tmp_path / "run")
    assert grid.spacing_source == source
    assert {cell.in_mm for cell in grid.cells} == {source is not None}
    assert {cell.spacing_mm for cell in grid.cells} == {given if source == "config" else None}


def test_a_spacing_of_some_images_only_is_refused(
    write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_benchmark()
    _give_spacings(tmp_path / "images" / "manifest.csv", ("0.3,0.2", *(",",) * 7))
    with pytest.raises(DataError, match="1 of 8 images have a spacing"):
        prepare(read_benchmark(path), tmp_path / "run")


def _give_spacings(manifest: Path, spacings: tuple[str, ...]) -> None:
    header, *lines = manifest.read_text().splitlines()
    lines = [f"{line},{spacing}" for line, spacing in zip(lines, spacings, strict=True)]
    header += ",spacing_row_mm,spacing_column_mm"
    manifest.write_text("\n".join([header, *lines]) + "\n")
