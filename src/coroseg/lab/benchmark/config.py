"""The settings of a benchmark: a TOML file, every key checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from coroseg.datasets.splits import PAPER_TEST_FRACTION, Scheme
from coroseg.lab.config import (
    Augmentation,
    Config,
    Count,
    Loss,
    Model,
    ModelName,
    Positive,
    Section,
    Source,
    Training,
    absolute_weights,
    parse,
    problems,
    read_toml,
)
from coroseg.lab.config import Data as CellData

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Data(Section):
    """The images of all manifests together, as squares of `size` pixels.

    `spacing_mm` is the size of a pixel where the manifests give none; without either, distances
    are in pixels.
    """

    manifests: Annotated[tuple[Path, ...], Field(min_length=1)]
    size: Annotated[int, Field(ge=32, multiple_of=32)] = 512
    batch: Count = 4
    workers: Annotated[int, Field(ge=0)] = 1
    spacing_mm: Positive | None = None


class SplitSettings(Section):
    """How the images are parted; see `coroseg.datasets.splits.make_split`."""

    scheme: Scheme = "paper"
    folds: Annotated[int, Field(ge=2)] = 10
    test_fraction: Fraction = PAPER_TEST_FRACTION
    validation_fraction: Fraction = 0.1


class Benchmark(Section):
    """A grid of models x folds. `model` is for all of them, `override` for one by its name."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    models: Annotated[tuple[ModelName, ...], Field(min_length=1)]
    data: Data
    split: SplitSettings = SplitSettings()
    model: dict[str, Any]
    override: dict[ModelName, dict[str, Any]] = Field(default_factory=dict)
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()

    @field_validator("models")
    @classmethod
    def _once_each(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in models if models.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)}: each model once")
        return models

    @model_validator(mode="after")
    def _sound_models(self) -> Self:
        if unused := sorted(self.override.keys() - set(self.models)):
            raise ValueError(f"override of {', '.join(unused)}: not among the models")
        for name in self.models:
            try:
                self.settings_of(name)
            except ValidationError as error:
                raise ValueError(f"{name}: {problems(error)}") from error
        return self

    def settings_of(self, name: ModelName) -> Model:
        """Return the settings of one model of the grid."""
        return Model.model_validate(self.model | self.override.get(name, {}) | {"name": name})

    def cell_config(self, name: ModelName, fold: int, manifest: Path) -> Config:
        """Return the training run of one cell, on the parts of `manifest`."""
        data = CellData(
            train=(Source(manifest=manifest, split="train"),),
            validation=(Source(manifest=manifest, split="validation"),),
            size=self.data.size,
            batch=self.data.batch,
            workers=self.data.workers,
        )
        return Config(
            seed=self.seed + fold,
            data=data,
            model=self.settings_of(name),
            loss=self.loss,
            augmentation=self.augmentation,
            training=self.training,
        )


def read_benchmark(path: Path) -> Benchmark:
    """Return the settings of `path`; the paths in it are relative to it.

    Raises `ConfigError` with every key that is unknown, missing or out of range.
    """
    benchmark = parse(Benchmark, read_toml(path), str(path))
    folder = path.parent.resolve()
    manifests = tuple(folder / manifest for manifest in benchmark.data.manifests)
    return benchmark.model_copy(
        update={
            "data": benchmark.data.model_copy(update={"manifests": manifests}),
            "model": _absolute(benchmark.model, folder),
            "override": {k: _absolute(v, folder) for k, v in benchmark.override.items()},
        }
    )


def _absolute(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    weights = settings.get("encoder_weights")
    return (
        settings
        if weights is None
        else settings | {"encoder_weights": absolute_weights(weights, folder)}
    )
