from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.datasets import xcad
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import DataError


@pytest.mark.parametrize("inside", [".", "XCAD"])
def test_the_annotated_test_set_is_taken_and_training_images_are_passed_over(
    inside: str, tmp_path: Path, save_image: Callable[..., None], save_mask: Callable[..., None]
) -> None:
    folder = tmp_path / inside
    for name in ("12241_33.png", "9001_5.png"):
        save_image(folder / "test" / "images" / name, 1)
        save_mask(folder / "test" / "masks" / name)
    for part in ("trainA", "trainB", "trainC"):
        save_image(folder / "train" / part / "1.png", 2)
    samples = xcad.build(tmp_path, tmp_path / "xcad.csv")
    assert [(s.image.name, s.dataset, s.split) for s in samples] == [
        ("9001_5.png", "xcad", "test"),
        ("12241_33.png", "xcad", "test"),
    ]
    assert [s.mask.parent.name for s in samples] == ["masks", "masks"]
    assert read_manifest(tmp_path / "xcad.csv") == samples


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not XCAD: no folder test/"):
        xcad.build(tmp_path, tmp_path / "xcad.csv")
