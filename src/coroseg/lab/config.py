"""The settings of a training run: a TOML file, every key checked."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from coroseg.errors import ConfigError
from coroseg.io.masks import UNKNOWN_SEGMENT
from coroseg.segmentation.predictor import packaged_model

Probability = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Settings = TypeVar("Settings", bound=BaseModel)


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(Section):
    """Images of one manifest: those of `split`, or all; each `repeat` times an epoch.

    A `repeat` below 1 shows that fraction an epoch, the next one in the next epoch. `flip` stands
    for `augmentation.flip` where it is given. `taught` is the part that the manifest's
    probabilities, those of other models, have in what is learnt; the mask has the rest.
    """

    manifest: Path
    split: str | None = None
    repeat: Positive = 1.0
    flip: Probability | None = None
    taught: Probability = 0.0


class Data(Section):
    """What is trained and validated on. Images become squares of `size` pixels."""

    train: Annotated[tuple[Source, ...], Field(min_length=1)]
    validation: tuple[Source, ...] = ()
    size: Annotated[int, Field(ge=32, multiple_of=32)] = 512
    batch: Count = 4
    workers: Annotated[int, Field(ge=0)] = 1


ModelName = Literal[
    "cgnet",
    "pspnet",
    "deeplabv3",
    "deeplabv3plus",
    "unet",
    "unetplusplus",
    "unet3plus_no_ds_tl",
    "unet3plus_no_ds",
    "unet3plus",
]
"""The networks, in the order of the paper's Table 2."""


class Model(Section):
    """The network. `encoder_weights` is `imagenet`, `none` or a file, and has to be said.

    From `first_stride` on the settings are U-Net 3+'s own: other networks ignore them, so that one
    table can serve all. CGNet, which has no encoder, ignores `encoder` and its weights too. With
    `segments` it also learns to tell so many named vessel segments apart (ARCADE: 25), where the
    manifest has them; it then knows better which vessels are labelled.
    """

    name: ModelName = "unet3plus"
    encoder: str = "inceptionresnetv2"
    encoder_weights: str
    first_stride: Literal[1, 2] = 2
    width: Count = 64
    finest_width: Count | None = None
    segments: Annotated[int, Field(ge=0, lt=UNKNOWN_SEGMENT)] = 0
    upsample_first: bool = True
    deep_supervision: bool = True


class Loss(Section):
    """The hybrid loss (Eq. 7-9). `side_weights` weigh the side outputs, finest first.

    `dice_weight` weighs 1 - DSC against the cross entropy: the paper's is 1. Below, a network takes
    less for vessel where it is unsure. `segment_weight` weighs the cross entropy of the segments,
    where the model has them.
    """

    focal_gamma: NonNegative = 0.0
    dice_weight: NonNegative = 1.0
    side_weights: tuple[NonNegative, ...] = (1.0, 1.0, 1.0, 1.0)
    segment_weight: NonNegative = 0.3


class Augmentation(Section):
    """How far each of the seven transforms goes, and how often; 0 switches one off.

    Shifts and crops are fractions of the side, `crop` the smallest area kept; `noise` is a standard
    deviation in grey levels 0..1, `blur` one in pixels. Five additions of ours are off in the
    paper's preset: `bend` shifts the points of a coarse grid, and what lies between them, by this
    standard deviation (a fraction of the side), `collimate` covers the image border as a collimator
    or a round field does, `gamma` bends the grey scale by up to this factor, `erase` fills the
    vessels with background, `fade` takes a part of their contrast away and keeps the mask.
    """

    flip: Probability = 0.5
    rotate_deg: NonNegative = 20.0
    scale: tuple[Positive, Positive] = (0.85, 1.2)
    shift: Probability = 0.08
    affine: Probability = 0.8
    crop: Annotated[float, Field(gt=0, le=1)] = 0.7
    crop_probability: Probability = 0.3
    noise: NonNegative = 0.04
    noise_probability: Probability = 0.3
    blur: NonNegative = 1.0
    blur_probability: Probability = 0.2
    bend: NonNegative = 0.0
    bend_probability: Probability = 0.5
    gamma: Annotated[float, Field(ge=1)] = 1.0
    collimate: Probability = 0.0
    erase: Probability = 0.0
    fade: Probability = 0.0

    @model_validator(mode="after")
    def _smallest_scale_first(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale = {list(self.scale)}: the smaller comes first")
        return self


class Training(Section):
    """Optimiser, schedule and length.

    `decay` reads the paper's "decay": `weight` is an L2 weight decay, `inverse_time` divides the
    learning rate by 1 + decay x step. Either takes its rate from `decay_rate`. With
    `frozen_encoder` the encoder stays as the run began, its batch norms too (U-Net 3+ alone).
    """

    epochs: Count = 100
    optimizer: Literal["rmsprop", "adamw"] = "rmsprop"
    learning_rate: Positive = 1e-4
    decay: Literal["weight", "inverse_time"] = "weight"
    decay_rate: NonNegative = 1e-4
    schedule: Literal["constant", "one_cycle"] = "constant"
    warm_up: Probability = 0.1
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_clip: NonNegative = 0.0
    patience: Annotated[int, Field(ge=0)] = 0
    frozen_encoder: bool = False
    accelerator: str = "auto"
    devices: Count = 1
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    threads: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.schedule == "one_cycle" and self.decay == "inverse_time":
            raise ValueError("schedule = 'one_cycle' and decay = 'inverse_time' both set the rate")
        return self


class Config(Section):
    """One training run. It begins with the weights of `start`: a checkpoint or an exported file.

    The name of a model in the package is one too: "default". Of several, with their average: one
    named twice counts double. Without any, as `model` says.
    """

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    start: tuple[Path, ...] = ()
    data: Data
    model: Model
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()

    @field_validator("start", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return (value,) if value else ()
        return tuple(value) if isinstance(value, list) else value


def read_config(path: Path) -> Config:
    """Return the settings of `path`; the paths in it are relative to it.

    Raises `ConfigError` with every key that is unknown, missing or out of range.
    """
    return _with_absolute_paths(parse(Config, read_toml(path), path), path.parent.resolve())


def read_toml(path: Path) -> dict[str, Any]:
    """Return the values of a TOML file. Raises `ConfigError` where it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}") from error


def parse(kind: type[Settings], values: dict[str, Any], place: Path | str) -> Settings:
    """Return the settings in `values`. Raises `ConfigError`, naming `place`."""
    try:
        # JSON, because it is strict about numbers and still takes a list and a path's text.
        return kind.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise ConfigError(f"{place}: {problems(error)}") from error


def problems(error: ValidationError) -> str:
    """Return what is wrong with the settings, in one line."""
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
        for problem in error.errors()
    )


def _with_absolute_paths(config: Config, folder: Path) -> Config:
    def sources(given: tuple[Source, ...]) -> tuple[Source, ...]:
        return tuple(s.model_copy(update={"manifest": folder / s.manifest}) for s in given)

    data = config.data.model_copy(
        update={"train": sources(config.data.train), "validation": sources(config.data.validation)}
    )
    weights = absolute_weights(config.model.encoder_weights, folder)
    model = config.model.model_copy(update={"encoder_weights": weights})
    start = tuple(_packaged(path) or folder / path for path in config.start)
    return config.model_copy(update={"data": data, "model": model, "start": start})


def _packaged(name: Path) -> Path | None:
    """Return the file of the model of this name in the package."""
    file = packaged_model(str(name))
    return file if name.name == str(name) and file.is_file() else None


def absolute_weights(weights: str, folder: Path) -> str:
    """Return `encoder_weights` with a file's path relative to `folder` made absolute."""
    return weights if weights in {"imagenet", "none"} else str(folder / weights)
