"""Whole training runs. Most use a network so small that an epoch takes a blink."""

import csv
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from torch import Tensor

import coroseg.lab.checkpoint
import coroseg.lab.module
import coroseg.lab.train
from coroseg.errors import ConfigError, ModelError, OutputError
from coroseg.lab.checkpoint import data_sha256, git_commit, network_weights, read_checkpoint
from coroseg.lab.config import Config
from coroseg.lab.export import export
from coroseg.lab.models.encoders import PlainEncoder
from coroseg.lab.models.network import Network, build_model
from coroseg.lab.models.unet3plus import UNet3Plus
from coroseg.lab.module import Training
from coroseg.lab.train import BEST, CURVES, LAST, train

MakeConfig = Callable[..., Config]


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(**_settings: object) -> Network:
        return Network(UNet3Plus(PlainEncoder(1, (4, 6, 8, 8, 8)), width=4))

    monkeypatch.setattr(coroseg.lab.train, "build_model", build)


def curves(out: Path) -> list[dict[str, str]]:
    """Return the rows of a run's curves, less what depends on the clock."""
    with (out / CURVES).open(newline="") as file:
        rows = list(csv.DictReader(file))
    clock = {"epoch_seconds", "waiting_fraction"}
    return [{k: v for k, v in row.items() if k not in clock} for row in rows]


def same(a: Any, b: Any) -> bool:
    """Return whether two nested states are the same to the last bit."""
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def assert_same_run(out: Path, other: Path) -> None:
    for name in (LAST, BEST):
        a, b = read_checkpoint(out / name), read_checkpoint(other / name)
        assert a["epoch"] == b["epoch"]
        for key in ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers"):
            assert same(a.get(key), b.get(key)), f"{name}: {key}"
    assert curves(out) == curves(other)


class _KilledError(Exception):
    pass


@pytest.fixture
def kill_in_epoch_2(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    step = Training.training_step

    def dying_step(self: Training, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        if self.current_epoch == 2 and index == 1:
            raise _KilledError
        return step(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "training_step", dying_step)
        yield patch


AVERAGED = {"optimizer": "adamw", "schedule": "one_cycle", "average_decay": 0.7}


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize(
    ("workers", "training"),
    [(0, {"decay": "inverse_time", "decay_rate": 0.5}), (1, AVERAGED)],
    ids=["inverse time", "averaged, one cycle, a worker"],
)
def test_a_killed_run_resumed_ends_as_one_that_was_not(
    make_config: MakeConfig,
    tmp_path: Path,
    kill_in_epoch_2: pytest.MonkeyPatch,
    workers: int,
    training: Any,
) -> None:
    basis = {"epochs": 4, "learning_rate": 1e-2, "accelerator": "cpu"}
    config = make_config(training=basis | training, data={"workers": workers})
    with pytest.raises(_KilledError):
        train(config, tmp_path / "killed")
    assert read_checkpoint(tmp_path / "killed" / LAST)["epoch"] == 1
    kill_in_epoch_2.undo()
    resumed = train(config, tmp_path / "killed", resume=True)
    whole = train(config, tmp_path / "whole")
    assert_same_run(tmp_path / "killed", tmp_path / "whole")
    assert resumed.val_dice == whole.val_dice
    assert len(curves(tmp_path / "whole")) == 4
    assert read_checkpoint(whole.last)["global_step"] == 8


@pytest.mark.usefixtures("small_network")
def test_resuming_a_finished_run_changes_nothing(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(training={"epochs": 2, "accelerator": "cpu"})
    first = train(config, tmp_path / "out")
    before = read_checkpoint(first.last)["state_dict"], curves(tmp_path / "out")
    again = train(config, tmp_path / "out", resume=True)
    assert again == first
    assert same((read_checkpoint(again.last)["state_dict"], curves(tmp_path / "out")), before)


@pytest.mark.usefixtures("small_network")
def test_the_seed_decides_the_run(make_config: MakeConfig, tmp_path: Path) -> None:
    states = []
    for n, seed in enumerate((3, 3, 4)):
        torch.manual_seed(n)
        config = make_config(seed=seed, training={"epochs": 1, "accelerator": "cpu"})
        states.append(read_checkpoint(train(config, tmp_path / str(n)).last)["state_dict"])
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@pytest.fixture
def dice_of_epochs(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Return a function that makes the Dice of each epoch's three images what it is given."""

    def prescribe(epochs: list[float]) -> None:
        values = iter([value for value in epochs for _ in range(3)])
        monkeypatch.setattr(coroseg.lab.module, "dice", lambda *_: next(values))

    return prescribe


@pytest.mark.usefixtures("small_network")
def test_the_best_epoch_and_the_last_are_kept(
    make_config: MakeConfig, tmp_path: Path, dice_of_epochs: Callable[[list[float]], None]
) -> None:
    dice_of_epochs([0.2, 0.6, 0.4])
    result = train(make_config(training={"epochs": 3, "accelerator": "cpu"}), tmp_path)
    assert (result.best, result.last) == (tmp_path / BEST, tmp_path / LAST)
    assert result.val_dice == pytest.approx(0.6)
    assert read_checkpoint(result.best)["epoch"] == 1
    assert read_checkpoint(result.last)["epoch"] == 2
    assert [float(row["val_dice"]) for row in curves(tmp_path)] == pytest.approx([0.2, 0.6, 0.4])
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == [BEST, LAST]


@pytest.mark.usefixtures("small_network")
def test_early_stopping_waits_for_its_patience(
    make_config: MakeConfig, tmp_path: Path, dice_of_epochs: Callable[[list[float]], None]
) -> None:
    dice_of_epochs([0.2, 0.1, 0.3, 0.3, 0.2, 0.9])
    training = {"epochs": 6, "patience": 2, "accelerator": "cpu"}
    result = train(make_config(training=training), tmp_path)
    assert len(curves(tmp_path)) == 5
    assert result.val_dice == pytest.approx(0.3)


@pytest.mark.usefixtures("small_network")
def test_averaged_weights_are_the_mean_of_what_the_steps_left(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, seen = "core.heads.0.weight", []
    original = Training.on_train_batch_end

    def keep(self: Training, *given: Any) -> None:
        seen.append(self.network.state_dict()[name].clone())
        original(self, *given)

    monkeypatch.setattr(Training, "on_train_batch_end", keep)
    training = {"epochs": 2, "average_decay": 0.7, "learning_rate": 1e-2, "accelerator": "cpu"}
    result = train(make_config(training=training), tmp_path)
    expected = seen[0]
    for weights in seen[1:]:
        expected = 0.7 * expected + 0.3 * weights
    checkpoint = read_checkpoint(result.last)
    torch.testing.assert_close(network_weights(checkpoint)[name], expected)
    assert not torch.allclose(expected, seen[-1], atol=1e-6)


@pytest.mark.usefixtures("small_network")
def test_the_rate_falls_with_every_step(make_config: MakeConfig, tmp_path: Path) -> None:
    training = {"epochs": 2, "learning_rate": 1e-2, "accelerator": "cpu"}
    decay = {"decay": "inverse_time", "decay_rate": 0.5}
    result = train(make_config(training=training | decay), tmp_path)
    (state,) = read_checkpoint(result.last)["optimizer_states"]
    assert state["param_groups"][0]["lr"] == pytest.approx(1e-2 / (1 + 0.5 * 4))


@pytest.mark.usefixtures("small_network")
def test_without_validation_the_last_is_the_best(make_config: MakeConfig, tmp_path: Path) -> None:
    data = make_config().data.model_dump(mode="json") | {"validation": []}
    training = {"epochs": 2, "patience": 1, "accelerator": "cpu"}
    result = train(make_config(data=data, training=training), tmp_path)
    assert result.best == result.last == tmp_path / LAST
    assert result.val_dice is None
    assert read_checkpoint(result.last)["epoch"] == 1


@pytest.mark.usefixtures("small_network")
def test_a_run_is_neither_overwritten_nor_mixed_with_another(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    training = {"epochs": 1, "accelerator": "cpu"}
    train(make_config(training=training), tmp_path)
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(OutputError, match=r"holds a run already: pass --resume"):
        train(make_config(training=training), tmp_path)
    with pytest.raises(ConfigError, match=r"other settings \(seed, training\): restore"):
        train(make_config(seed=9, training=training | {"epochs": 2}), tmp_path, resume=True)
    assert (tmp_path / LAST).read_bytes() == before


@pytest.mark.usefixtures("small_network")
def test_a_checkpoint_says_what_it_was_made_of(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(training={"epochs": 1, "accelerator": "cpu"})
    facts = read_checkpoint(train(config, tmp_path / "out").best)["coroseg"]
    assert facts["config"] == config.model_dump(mode="json")
    assert facts["version"] == coroseg.lab.checkpoint.version("coroseg")
    assert facts["git_commit"] == git_commit()
    manifests = [config.data.train[0].manifest, config.data.validation[0].manifest]
    assert facts["data_sha256"] == {str(path): data_sha256(path) for path in manifests}


def test_the_data_s_hash_sees_a_changed_pixel(make_data: Callable[..., Path]) -> None:
    manifest = make_data(2)
    hashes = [data_sha256(manifest)]
    for name in ("1.png", "0_mask.png"):
        image = manifest.parent / name
        image.write_bytes(image.read_bytes() + b"\0")
        hashes.append(data_sha256(manifest))
    manifest.write_text("\n".join(reversed(manifest.read_text().splitlines())) + "\n")
    assert len(set(hashes)) == 3


@pytest.mark.parametrize("column", ["segments", "probability"])
def test_the_data_s_hash_sees_a_change_of_what_is_learnt_beside(
    make_data: Callable[..., Path], column: str
) -> None:
    manifest = make_data(1)
    beside = manifest.with_name("beside.png")
    manifest.write_text(f"image,mask,{column}\n0.png,0_mask.png,beside.png\n")
    hashes = set()
    for content in (b"a", b"b"):
        beside.write_bytes(content)
        hashes.add(data_sha256(manifest))
    assert len(hashes) == 2


def test_the_commit_is_that_of_the_tree_that_holds_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*command: str) -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *settings, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    here = tmp_path / "venv" / "train.py"
    here.parent.mkdir()
    here.touch()
    monkeypatch.setattr(coroseg.lab.checkpoint, "__file__", str(here))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_commit() is None  # no repository
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "of somebody else")
    assert git_commit() is None  # installed below another project's repository
    git("add", "venv/train.py")
    git("commit", "-q", "-m", "ours")
    assert git_commit() == git("rev-parse", "HEAD")


@pytest.mark.usefixtures("small_network")
def test_a_run_starts_with_the_weights_of_a_checkpoint(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"epochs": 1, "accelerator": "cpu", "learning_rate": 1e-30}
    first = train(make_config(training=training), tmp_path / "first")
    given = network_weights(read_checkpoint(first.best))
    config = make_config(seed=8, start=str(first.best), training=training)
    second = train(config, tmp_path / "second")
    found = network_weights(read_checkpoint(second.last))
    weights = [name for name in given if name.endswith("weight") and "heads" in name]
    assert len(weights) == 5
    for name in weights:
        torch.testing.assert_close(found[name], given[name])

    changed, content = tmp_path / "changed.ckpt", read_checkpoint(first.best)
    for name in weights:
        content["state_dict"][f"network.{name}"] += 3
    torch.save(content, changed)
    third = train(
        make_config(
            seed=9, start=[str(first.best), str(first.best), str(changed)], training=training
        ),
        tmp_path / "average",
    )
    average = network_weights(read_checkpoint(third.last))
    for name in weights:
        torch.testing.assert_close(average[name], given[name] + 1)

    other = UNet3Plus(PlainEncoder(1, (4, 6, 8, 8, 8)), width=2)
    monkeypatch.setattr(coroseg.lab.train, "build_model", lambda *_, **__: Network(other))
    with pytest.raises(ModelError, match=r"best\.ckpt: holds the weights of another network"):
        train(config, tmp_path / "third")


def test_a_run_starts_with_an_exported_file_and_says_what_it_lacks(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = {"epochs": 1, "accelerator": "cpu", "learning_rate": 1e-30, "decay_rate": 0.0}
    first = train(make_config(training=training), tmp_path / "first")
    exported = tmp_path / "a.onnx"
    export(first.last, exported)
    config = make_config(seed=8, start=str(exported), training=training, model={"segments": 3})
    with caplog.at_level(logging.INFO):
        second = train(config, tmp_path / "second")
    assert (
        f"{exported}: has no core.heads.1, core.heads.2, core.heads.3, core.heads.4, "
        "core.segment_head: random at first"
    ) in caplog.messages
    given, found = (network_weights(read_checkpoint(run.last)) for run in (first, second))
    same = [name for name in given if torch.allclose(found[name], given[name], atol=1e-6)]
    heads = [f"core.heads.{k}.weight" for k in range(1, 5)]
    assert set(same) >= {
        name
        for name, parameter in build_model(**config.model.model_dump()).named_parameters()
        if name in given and "heads" not in name
    } | {"core.heads.0.weight"}
    assert not set(same) & set(heads)


def test_named_segments_are_learnt_beside_the_vessels(
    make_config: MakeConfig, make_data: Callable[..., Path], tmp_path: Path
) -> None:
    """With the vessels' own labels for segments, the head learns them as the network does."""
    manifest = make_data(4, name="numbered")
    lines = ["image,mask,segments"]
    for k in range(4):
        mask = cv2.imread(str(manifest.with_name(f"{k}_mask.png")), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(manifest.with_name(f"{k}_segments.png")), mask // 255 * 2)
        lines.append(f"{k}.png,{k}_mask.png,{k}_segments.png")
    manifest.write_text("\n".join(lines) + "\n")
    training = {"epochs": 6, "accelerator": "cpu", "learning_rate": 1e-2, "optimizer": "adamw"}
    config = make_config(
        data={"train": [{"manifest": str(manifest)}]}, training=training, model={"segments": 2}
    )
    train(config, tmp_path / "out")
    losses = [float(row["segment_loss"]) for row in curves(tmp_path / "out")]
    assert losses[-1] < 0.8 * losses[0]
    config = make_config(training=training | {"epochs": 1}, model={"segments": 2})
    train(config, tmp_path / "unknown")
    assert [float(row["segment_loss"]) for row in curves(tmp_path / "unknown")] == [0]


@pytest.mark.parametrize("content", [None, b"", b"text", {"state_dict": {}}])
def test_a_file_that_is_no_checkpoint(content: object, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ConfigError, match=r"a\.ckpt: (cannot be read as|is no) "):
        read_checkpoint(path)


@pytest.mark.long
@pytest.mark.usefixtures("small_network")
def test_four_images_are_learnt_by_heart(make_config: MakeConfig, tmp_path: Path) -> None:
    data = make_config().data.model_dump(mode="json")
    data |= {"validation": data["train"], "batch": 4}
    off = dict.fromkeys(
        ["flip", "affine", "crop_probability", "noise_probability", "blur_probability"], 0
    )
    training = {"epochs": 40, "optimizer": "adamw", "learning_rate": 2e-2, "accelerator": "cpu"}
    config = make_config(data=data, augmentation=off, training=training | {"schedule": "one_cycle"})
    result = train(config, tmp_path)
    assert result.val_dice is not None
    assert result.val_dice > 0.9


PROGRAM = """
import sys
from pathlib import Path
from coroseg.lab.config import read_config
from coroseg.lab.train import train
train(read_config(Path(sys.argv[1])), Path(sys.argv[2]), resume=True)
"""


@pytest.mark.long
def test_a_run_killed_by_the_system_is_resumed_exactly(
    make_data: Callable[..., Path], tmp_path: Path
) -> None:
    """With a real encoder, augmentation in a worker process, and SIGKILL in some step."""
    make_data(6, name="a")
    make_data(3, name="b", seed=20)
    (tmp_path / "run.toml").write_text("""
        [data]
        train = [{manifest = "a/manifest.csv"}]
        validation = [{manifest = "b/manifest.csv"}]
        size = 64
        batch = 2
        workers = 1
        [model]
        encoder = "tu-tf_efficientnet_lite0"
        encoder_weights = "imagenet"
        width = 4
        upsample_first = false
        [training]
        epochs = 6
        optimizer = "adamw"
        learning_rate = 1e-3
        schedule = "one_cycle"
        average_decay = 0.9
        accelerator = "cpu"
        threads = 1
    """)

    def start(out: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, "run.toml", out]
        return subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)

    killed = start("killed")
    while not (tmp_path / "killed" / LAST).exists():
        assert killed.poll() is None
        time.sleep(0.05)
    time.sleep(0.7)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    for out in ("killed", "whole"):
        assert start(out).wait() == 0
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


def test_a_frozen_encoder_stays_to_the_last_bit(make_config: MakeConfig, tmp_path: Path) -> None:
    training = {"epochs": 1, "accelerator": "cpu", "learning_rate": 1e-2, "average_decay": 0.5}
    first = train(make_config(training=training), tmp_path / "first")
    changes = {"seed": 4, "start": str(first.last)}
    frozen = make_config(**changes, training=training | {"frozen_encoder": True})
    runs = [
        train(frozen, tmp_path / "frozen"),
        train(make_config(**changes, training=training), tmp_path / "free"),
    ]
    given, *found = (network_weights(read_checkpoint(run.last)) for run in (first, *runs))
    kept, changed = ({n for n in given if torch.equal(given[n], f[n])} for f in found)
    encoder = {name for name in given if name.startswith("core.encoder.")}
    assert any(name.endswith("running_var") for name in encoder)
    assert encoder <= kept
    assert not [n for n in kept if n.startswith("core.decoders.") and n.endswith(".0.weight")]
    assert not [n for n in changed & encoder if n.endswith(("conv_pw.weight", "running_var"))]


def test_another_network_has_no_encoder_to_freeze(make_config: MakeConfig, tmp_path: Path) -> None:
    model = {"name": "pspnet", "encoder": "resnet18"}
    config = make_config(model=model, training={"frozen_encoder": True})
    with pytest.raises(ModelError, match="no encoder to freeze"):
        train(config, tmp_path / "run")
