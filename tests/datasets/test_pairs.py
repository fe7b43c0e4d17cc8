from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.datasets import pairs
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.errors import DataError


def test_images_and_masks_in_two_folders(
    tmp_path: Path, save_image: Callable[..., None], save_mask: Callable[..., None]
) -> None:
    folder = tmp_path / "ours"
    for name, suffix in [("10", ".png"), ("9", ".tif"), ("1.2.840.7", ".png")]:
        save_image(folder / "images" / f"{name}{suffix}", 1)
        save_mask(folder / "masks" / f"{name}.png")
    (folder / "images" / "1.2.840.7.png").rename(
        folder / "images" / "1.2.840.7"
    )  # as DICOM is named
    (folder / "images" / ".DS_Store").touch()
    (folder / "images" / "notes.txt").touch()
    samples = pairs.build(folder, folder / "manifest.csv")
    assert samples == [
        Sample(folder / "images" / image, folder / "masks" / mask, dataset="ours")
        for image, mask in [
            ("1.2.840.7", "1.2.840.7.png"),
            ("9.tif", "9.png"),
            ("10.png", "10.png"),
        ]
    ]
    assert read_manifest(folder / "manifest.csv") == samples


def test_masks_beside_their_images(
    tmp_path: Path, save_image: Callable[..., None], save_mask: Callable[..., None]
) -> None:
    folder = tmp_path / "ours"
    for name in ["b", "a"]:
        save_image(folder / f"{name}.tif", 1)
        save_mask(folder / f"{name}_mask.png")
    for _ in range(2):  # the manifest itself is no image
        samples = pairs.build(folder, folder / "manifest.csv")
        assert [(s.image.name, s.mask.name) for s in samples] == [
            ("a.tif", "a_mask.png"),
            ("b.tif", "b_mask.png"),
        ]


@pytest.mark.parametrize(("kind", "partner"), [("image", "mask"), ("mask", "image")])
def test_what_has_no_partner_is_listed(kind: str, partner: str, tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "paired.png").touch()
    for number in range(7, 15):
        (tmp_path / f"{kind}s" / f"{number}.png").touch()
    with pytest.raises(DataError) as caught:
        pairs.build(tmp_path, tmp_path / "m.csv")
    assert str(caught.value).endswith(f"8 {kind}(s) without a {partner}: 7, 8, 9, 10, 11, ...")
    assert not (tmp_path / "m.csv").exists()


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.dcm", "a_mask.png"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="has the same name"):
        pairs.build(tmp_path, tmp_path / "m.csv")


def test_a_folder_without_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pairs: images/ and masks/"):
        pairs.build(tmp_path, tmp_path / "m.csv")


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent: cannot be read as a folder"):
        pairs.build(tmp_path / "absent", tmp_path / "m.csv")
