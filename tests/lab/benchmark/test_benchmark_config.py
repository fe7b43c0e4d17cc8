from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.errors import ConfigError
from coroseg.lab.benchmark.config import read_benchmark


@pytest.mark.parametrize(
    ("models", "more", "said"),
    [
        (("unet4",), "", r"models\.0: Input should be 'cgnet'"),
        ((), "", "models: .* at least 1 item"),
        (("unet", "unet"), "", "unet: each model once"),
        (("unet",), "[override.pspnet]\nencoder = 'resnet18'", "override of pspnet: not among"),
        (("unet",), "[override.unet]\nwitdh = 3", "unet: witdh: Extra inputs"),
        (("unet",), "[override.unet]\nfirst_stride = 3", "unet: first_stride: Input should be 1"),
        (("unet",), "[loss]\nfocal = 1", r"loss\.focal: Extra inputs"),
    ],
)
def test_a_bad_config_is_one_line_that_names_the_key(
    write_benchmark: Callable[..., Path], models: tuple[str, ...], more: str, said: str
) -> None:
    path = write_benchmark(models=models, more=more)
    with pytest.raises(ConfigError, match=said) as caught:
        read_benchmark(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_override_is_for_its_model_alone(write_benchmark: Callable[..., Path]) -> None:
    more = "[override.deeplabv3]\nencoder = 'resnet18'"
    benchmark = read_benchmark(write_benchmark(models=("unet", "deeplabv3"), more=more))
    assert benchmark.settings_of("deeplabv3").encoder == "resnet18"
    assert benchmark.settings_of("deeplabv3").width == 2
    assert benchmark.settings_of("unet").encoder == "tu-tf_efficientnet_lite0"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.toml"
    path.parent.mkdir()
    path.write_text(
        'models = ["unet", "pspnet"]\n[data]\nmanifests = ["../a.csv"]\n'
        '[model]\nencoder_weights = "w.pt"\n[override.pspnet]\nencoder_weights = "none"\n'
    )
    benchmark = read_benchmark(path)
    assert [m.resolve() for m in benchmark.data.manifests] == [tmp_path.resolve() / "a.csv"]
    assert benchmark.settings_of("unet").encoder_weights == str(path.parent.resolve() / "w.pt")
    assert benchmark.settings_of("pspnet").encoder_weights == "none"


def test_cells_of_one_fold_share_seed_and_budget(write_benchmark: Callable[..., Path]) -> None:
    benchmark = read_benchmark(write_benchmark(models=("unet", "cgnet"), epochs=7))
    one, other = (benchmark.cell_config(name, 2, Path("fold2.csv")) for name in ("unet", "cgnet"))
    assert one.model_copy(update={"model": other.model}) == other
    assert one.training.epochs == 7
    assert one.seed != benchmark.cell_config("unet", 1, Path("fold2.csv")).seed
