"""The cells of a benchmark: prepared in its folder, begun or finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from coroseg.datasets.manifest import Sample, read_manifest, write_manifest
from coroseg.datasets.splits import PARTS, Split, make_split, read_split, write_split
from coroseg.errors import ConfigError, DataError
from coroseg.io.files import write_whole
from coroseg.lab.benchmark.config import Benchmark, SplitSettings
from coroseg.lab.config import Config, parse
from coroseg.report.stored import CELLS, CURVES, IMAGES, cell_folder

SPLIT, SETTINGS, LOG, TRAINING = "split.json", "cell.json", "log.txt", "training"


@dataclass(frozen=True)
class Cell:
    """One model trained on one fold, in `folder`, which holds all that it needs and leaves.

    `spacing_mm` is the size of a pixel where the manifest's is not used; `in_mm` says whether
    distances are in mm.
    """

    folder: Path
    model: str
    fold: int
    config: Config
    split: SplitSettings
    in_mm: bool
    spacing_mm: float | None

    @property
    def name(self) -> str:
        """The cell's name for people."""
        return f"{self.model} fold {self.fold}"

    @property
    def finished(self) -> bool:
        """Whether all its results are stored; the row of the cell is written last."""
        return (self.folder / CELLS).exists()

    @property
    def manifest(self) -> Path:
        """The manifest with the parts of its fold: train, validation and test."""
        return self.config.data.train[0].manifest

    @property
    def images_csv(self) -> Path:
        """Its rows of images."""
        return self.folder / IMAGES

    @property
    def curves_csv(self) -> Path:
        """Its rows of epochs."""
        return self.folder / CURVES

    def settings(self) -> dict[str, Any]:
        """Return what makes the cell what it is, as JSON."""
        return {
            "model": self.model,
            "fold": self.fold,
            "split": self.split.model_dump(mode="json"),
            "in_mm": self.in_mm,
            "spacing_mm": self.spacing_mm,
            "config": self.config.model_dump(mode="json"),
        }

    def write(self) -> None:
        """Write the cell into its folder. Raises `ConfigError` where another one is there."""
        path = self.folder / SETTINGS
        settings = self.settings()
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            differing = _differing(before, settings)
            if differing:
                raise ConfigError(
                    f"{self.folder}: was begun with other settings ({', '.join(differing)}): "
                    "restore them, or choose another --out"
                )
            return
        with write_whole(path) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the cell in `folder`. Raises `ConfigError` where there is none."""
        path = folder / SETTINGS
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            config = parse(Config, values.pop("config"), path)
            split = parse(SplitSettings, values.pop("split"), path)
            return cls(folder=folder, config=config, split=split, **values)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: cannot be read as a cell: {error}") from error


@dataclass(frozen=True)
class Grid:
    """A benchmark in the folder `out`: its split and all its cells, model by model."""

    benchmark: Benchmark
    out: Path
    split: Split
    cells: tuple[Cell, ...]

    @cached_property
    def samples(self) -> Mapping[str, Sample]:
        """All images by name."""
        return self.split.names

    @property
    def unfinished(self) -> tuple[Cell, ...]:
        """The cells that are not finished, fold by fold: all models can soon be compared."""
        left = (cell for cell in self.cells if not cell.finished)
        return tuple(sorted(left, key=lambda cell: cell.fold))

    @property
    def spacing_source(self) -> str | None:
        """Where the size of a pixel comes from: `manifest`, `config`, or None."""
        return spacing_source(self.benchmark, list(self.samples.values()))


def prepare(benchmark: Benchmark, out: Path) -> Grid:
    """Return the grid of `benchmark`; its split and its cells' settings are then in `out`.

    Raises `DataError` for a manifest or a split file that does not fit, `ConfigError` where `out`
    holds cells with other settings.
    """
    samples = read_manifests(benchmark)
    split = _split(benchmark, samples, out / SPLIT)
    source = spacing_source(benchmark, samples)
    manifests = [(out / "splits" / f"fold{k + 1}.csv").resolve() for k in range(len(split.folds))]
    for manifest, fold in zip(manifests, split.folds, strict=True):
        marked = [replace(s, split=part) for part in PARTS for s in getattr(fold, part)]
        write_manifest(manifest, marked)
    cells = [
        Cell(
            folder=cell_folder(out, name, number).resolve(),
            model=name,
            fold=number,
            config=benchmark.cell_config(name, number, manifest),
            split=benchmark.split,
            in_mm=source is not None,
            spacing_mm=benchmark.data.spacing_mm if source == "config" else None,
        )
        for name in benchmark.models
        for number, manifest in enumerate(manifests, start=1)
    ]
    for cell in cells:
        cell.write()
    return Grid(benchmark, out, split, tuple(cells))


def new_split(benchmark: Benchmark, samples: list[Sample]) -> Split:
    """Return the folds of the samples as the config asks for them."""
    return make_split(samples, **benchmark.split.model_dump(), seed=benchmark.seed)


def read_manifests(benchmark: Benchmark) -> list[Sample]:
    """Return the samples of all manifests. Raises `DataError` for an image that is in two."""
    samples: list[Sample] = []
    seen: dict[Path, Path] = {}
    for manifest in benchmark.data.manifests:
        for sample in read_manifest(manifest):
            first = seen.setdefault(sample.image, manifest)
            if first != manifest:
                raise DataError(
                    f"{sample.image}: is in {first} and in {manifest}: keep one of them"
                )
            samples.append(sample)
    return samples


def spacing_source(benchmark: Benchmark, samples: list[Sample]) -> str | None:
    """Return `manifest` where every image has a spacing, else `config` or None.

    Distances of one table have one unit. Raises `DataError` where only some images have a spacing
    and the config gives none for the others.
    """
    known = sum(sample.spacing_row_mm is not None for sample in samples)
    if known == len(samples):
        return "manifest"
    if benchmark.data.spacing_mm is not None:
        return "config"
    if known:
        raise DataError(
            f"{known} of {len(samples)} images have a spacing: distances of one table have one "
            "unit: complete the manifests, or give all of them data.spacing_mm in the config"
        )
    return None


def _split(benchmark: Benchmark, samples: list[Sample], path: Path) -> Split:
    wanted = benchmark.split
    if path.exists():
        split = read_split(path, samples)
        stored = (split.scheme, len(split.folds), split.seed)
        if stored != (wanted.scheme, wanted.folds, benchmark.seed):
            raise ConfigError(
                f"{path}: holds {stored[1]} folds of the scheme {stored[0]}, seed {stored[2]}, and "
                f"the config asks for {wanted.folds}, {wanted.scheme}, {benchmark.seed}: "
                "restore the config, or choose another --out"
            )
        return split
    split = new_split(benchmark, samples)
    write_split(path, split)
    return split


def _differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the names of the settings that differ, those of the config by their table."""
    keys = [key for key in now if key != "config" and before.get(key) != now[key]]
    config = before.get("config", {})
    return keys + [key for key in now["config"] if config.get(key) != now["config"][key]]
