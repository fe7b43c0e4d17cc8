from pathlib import Path
from typing import Any

import pytest

import coroseg
from coroseg.errors import ConfigError
from coroseg.lab.benchmark.config import read_benchmark
from coroseg.lab.config import Config, parse, read_config, read_toml

PRESETS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
MINIMAL = """
[data]
train = [{manifest = "lists/a.csv"}]
[model]
encoder_weights = "none"
"""


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the minimal settings with the one at the dotted `path` set to `value`."""
    values: dict[str, Any] = {
        "data": {"train": [{"manifest": "a.csv"}], "validation": [{"manifest": "b.csv"}]},
        "model": {"encoder_weights": "none"},
    }
    *parents, key = path.split(".")
    here: Any = values
    for parent in parents:
        here = here[int(parent)] if parent.isdigit() else here.setdefault(parent, {})
    here[key] = value
    return values


@pytest.mark.parametrize(
    "path",
    [
        "epochs",
        "data.sise",
        "data.train.0.repeats",
        "data.validation.0.folder",
        "model.decoder_width",
        "loss.gamma",
        "augmentation.rotate",
        "training.lr",
    ],
)
def test_an_unknown_key_is_refused_by_its_name_at_every_level(path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Config, changed(path, 1), "run.toml")
    assert str(caught.value).startswith(f"run.toml: {path}: Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", "1"),
        ("seed", 1.5),
        ("seed", True),
        ("data.batch", "4"),
        ("data.train", "a.csv"),
        ("data.train.0.manifest", 3),
        ("data.train.0.split", 3),
        ("model.upsample_first", 1),
        ("model.upsample_first", "yes"),
        ("model.encoder", ["resnet18"]),
        ("model.first_stride", "2"),
        ("loss.focal_gamma", "2"),
        ("loss.side_weights", 1.0),
        ("augmentation.flip", True),
        ("augmentation.scale", [1.0, 1.1, 1.2]),
        ("training.learning_rate", "1e-4"),
        ("training", 3),
    ],
)
def test_a_wrong_type_is_refused(path: str, value: object) -> None:
    with pytest.raises(ConfigError, match=path.replace(".", r"\.")):
        parse(Config, changed(path, value), "run.toml")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("data.train", []),
        ("data.train.0.repeat", 0),
        ("data.size", 100),
        ("data.size", 0),
        ("data.batch", 0),
        ("data.workers", -1),
        ("model.name", "unet4"),
        ("model.first_stride", 4),
        ("model.width", 0),
        ("loss.focal_gamma", -0.1),
        ("loss.side_weights", [1.0, -1.0, 1.0, 1.0]),
        ("augmentation.flip", 1.1),
        ("augmentation.crop", 0.0),
        ("augmentation.gamma", 0.5),
        ("augmentation.scale", [0.0, 1.0]),
        ("training.epochs", 0),
        ("training.optimizer", "sgd"),
        ("training.learning_rate", 0.0),
        ("training.learning_rate", float("inf")),
        ("training.learning_rate", float("nan")),
        ("training.average_decay", 1.0),
        ("training.precision", "64"),
    ],
)
def test_a_value_out_of_range_is_refused(path: str, value: object) -> None:
    with pytest.raises(ConfigError, match=path.replace(".", r"\.")):
        parse(Config, changed(path, value), "run.toml")


def test_scales_in_the_wrong_order() -> None:
    with pytest.raises(ConfigError, match=r"augmentation: .*the smaller comes first"):
        parse(Config, changed("augmentation.scale", [1.2, 0.8]), "run.toml")


def test_two_schedules_at_once() -> None:
    values = changed("training", {"schedule": "one_cycle", "decay": "inverse_time"})
    with pytest.raises(ConfigError, match="both set the rate"):
        parse(Config, values, "run.toml")


@pytest.mark.parametrize("missing", ["data", "model"])
def test_a_missing_table_is_named(missing: str) -> None:
    values = changed("seed", 1)
    del values[missing]
    with pytest.raises(ConfigError, match=f"run.toml: {missing}: Field required"):
        parse(Config, values, "run.toml")


def test_a_random_start_has_to_be_said() -> None:
    values = changed("seed", 1) | {"model": {"encoder": "resnet18"}}
    with pytest.raises(ConfigError, match=r"model\.encoder_weights: Field required"):
        parse(Config, values, "run.toml")


def test_all_problems_are_named_in_one_line() -> None:
    values = changed("data.sise", 1) | {"seed": -1}
    with pytest.raises(ConfigError, match=r"data\.sise: .*seed: |seed: .*data\.sise: ") as caught:
        parse(Config, values, "run.toml")
    assert "\n" not in str(caught.value)


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    text = 'start = "../old/best.ckpt"\n' + MINIMAL.replace('"none"', '"weights/a.pth"')
    (folder / "run.toml").write_text(
        text.replace("[model]", 'validation = [{manifest = "/data/b.csv"}]\n[model]')
    )
    monkeypatch.chdir(tmp_path)
    config = read_config(Path("runs/run.toml"))
    assert config.data.train[0].manifest == folder / "lists" / "a.csv"
    assert config.data.validation[0].manifest == Path("/data/b.csv")
    assert config.model.encoder_weights == str(folder / "weights" / "a.pth")
    assert config.start == (folder / "../old/best.ckpt",)


def test_a_run_can_start_with_a_model_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('start = ["default", "other"]\n' + MINIMAL)
    packaged = Path(coroseg.__file__).parent / "weights" / "default.onnx"
    assert read_config(tmp_path / "run.toml").start == (packaged, tmp_path / "other")


@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_the_words_for_weights_are_no_paths(weights: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(MINIMAL.replace('"none"', f'"{weights}"'))
    config = read_config(tmp_path / "run.toml")
    assert config.model.encoder_weights == weights
    assert config.start == ()


@pytest.mark.parametrize("content", [None, b"seed = ", b"\xff\xfe", b"seed = 1\nseed = 2"])
def test_a_file_that_is_no_toml(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "run.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"run\.toml: cannot be read as TOML"):
        read_config(tmp_path / "run.toml")


def test_what_is_stored_in_a_checkpoint_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(MINIMAL)
    config = read_config(tmp_path / "run.toml")
    assert parse(Config, config.model_dump(mode="json"), "checkpoint") == config


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.name)
def test_presets_parse(path: Path) -> None:
    if "models" in read_toml(path):
        read_benchmark(path)
    else:
        read_config(path)


def test_the_paper_s_preset_is_the_paper_s() -> None:
    config = read_config(next(path for path in PRESETS if path.name == "paper.toml"))
    assert (config.model.encoder, config.model.encoder_weights) == ("inceptionresnetv2", "imagenet")
    assert config.model.upsample_first
    assert config.model.deep_supervision
    assert config.loss.side_weights == (1, 1, 1, 1)
    assert config.training.optimizer == "rmsprop"
    assert (config.training.learning_rate, config.training.decay_rate) == (1e-4, 1e-4)
    assert (config.augmentation.gamma, config.augmentation.collimate) == (1, 0)
    assert config.data.size == 512
