from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from coroseg.datasets.check import check_manifest
from coroseg.datasets.manifest import Sample, write_manifest
from coroseg.errors import DataError
from coroseg.io.masks import read_mask

ROWS, COLUMNS = 34, 50  # of the images that save_image writes
BAR = 30 / (ROWS * COLUMNS)  # the vessel's part of the masks: 10 rows x 3 columns


@pytest.fixture
def samples(
    tmp_path: Path, save_image: Callable[..., None], save_mask: Callable[..., None]
) -> list[Sample]:
    """Return four sound samples, two of each of two patients."""
    rows = []
    for number in range(4):
        save_image(tmp_path / f"{number}.png", number)
        save_mask(tmp_path / f"{number}_mask.png")
        rows.append(
            Sample(
                tmp_path / f"{number}.png",
                tmp_path / f"{number}_mask.png",
                patient=str(number // 2),
                artery="LCA" if number else None,
                projection="RAO",
                dataset="ours",
                split="val" if number // 2 else "train",
            )
        )
    return rows


def problems(tmp_path: Path, samples: list[Sample]) -> tuple[str, ...]:
    write_manifest(tmp_path / "m.csv", samples)
    return check_manifest(tmp_path / "m.csv").problems


def test_a_sound_data_set(tmp_path: Path, samples: list[Sample]) -> None:
    write_manifest(tmp_path / "m.csv", samples)
    report = check_manifest(tmp_path / "m.csv")
    assert report.ok
    assert report.sound == report.samples == tuple(samples)
    assert report.counts == {
        "dataset": {"ours": 4},
        "split": {"train": 2, "val": 2},
        "artery": {"": 1, "LCA": 3},
        "projection": {"RAO": 4},
    }
    assert report.vessel_fractions == pytest.approx([BAR] * 4)


def test_a_missing_image_and_a_missing_mask(tmp_path: Path, samples: list[Sample]) -> None:
    samples[0].image.unlink()
    samples[2].mask.unlink()
    samples[3].image.unlink()
    samples[3].mask.unlink()
    found = problems(tmp_path, samples)
    missing = [samples[0].image, samples[2].mask, samples[3].image, samples[3].mask]
    assert len(found) == 4
    assert all(str(path) in line for path, line in zip(missing, found, strict=True))


def test_files_that_cannot_be_read(tmp_path: Path, samples: list[Sample]) -> None:
    samples[1].image.write_bytes(b"no image")
    samples[3].mask.write_bytes(b"no mask")
    found = problems(tmp_path, samples)
    assert [str(samples[1].image) in found[0], str(samples[3].mask) in found[1]] == [True, True]
    assert all("\n" not in line for line in found)


def test_a_mask_turned_on_its_side(
    tmp_path: Path, samples: list[Sample], save_mask: Callable[..., None]
) -> None:
    save_mask(samples[1].mask, shape=(COLUMNS, ROWS))
    write_manifest(tmp_path / "m.csv", samples)
    report = check_manifest(tmp_path / "m.csv")
    assert report.problems == (
        f"{samples[1].mask}: is 50 x 34, its image 34 x 50 (rows x columns)",
    )
    assert report.sound == (samples[0], *samples[2:])


def test_a_mask_with_shades_and_an_empty_one(
    tmp_path: Path, samples: list[Sample], save_mask: Callable[..., None]
) -> None:
    shades = np.zeros((ROWS, COLUMNS), np.uint8)
    shades[3:6, 4:20] = np.arange(16)
    Image.fromarray(shades).save(samples[0].mask)
    save_mask(samples[2].mask, width=0)
    found = problems(tmp_path, samples)
    assert len(found) == 2
    assert "not a binary mask" in found[0]
    assert found[1] == f"{samples[2].mask}: the mask is empty"


def test_one_image_in_two_files_of_two_formats(tmp_path: Path, samples: list[Sample]) -> None:
    with Image.open(samples[0].image) as image:
        image.save(tmp_path / "copy.pgm")
        image.save(tmp_path / "copy.bmp")
    copies = [
        replace(samples[0], image=tmp_path / "copy.pgm"),
        replace(samples[2], image=tmp_path / "copy.bmp"),
    ]
    assert problems(tmp_path, [*samples, *copies[:1]]) == (
        f"{samples[0].image}: the same image as {tmp_path / 'copy.pgm'}",
    )
    (line,) = problems(tmp_path, [*samples, *copies])
    others = ", ".join(str(copy.image) for copy in copies)
    assert line == f"{samples[0].image}: the same image as {others}, in the splits train and val"


def test_an_image_of_several_frames(tmp_path: Path, samples: list[Sample]) -> None:
    page = Image.fromarray(np.zeros((ROWS, COLUMNS), np.uint8))
    page.save(tmp_path / "run.tif", save_all=True, append_images=[page])
    (line,) = problems(tmp_path, [*samples, replace(samples[0], image=tmp_path / "run.tif")])
    assert line.startswith(f"{tmp_path / 'run.tif'}: holds 2 frames")


def test_segments_that_are_not_the_mask_divided(tmp_path: Path, samples: list[Sample]) -> None:
    mask = read_mask(samples[0].mask)
    divided = np.where(mask, 3, 0).astype(np.uint8)
    outside = divided.copy()
    outside[~mask] = np.arange((~mask).sum()) < 2
    drawn = {"right": divided, "outside": outside, "turned": divided.T, "unknown": divided + 252}
    for name, segments in drawn.items():
        Image.fromarray(segments).save(tmp_path / f"{name}.png")
    for name, said in {
        "outside": "is not its mask divided: 2 pixel(s) differ",
        "turned": f"is {COLUMNS} x {ROWS}, its mask {ROWS} x {COLUMNS} (rows x columns)",
        "unknown": "holds uint8 values up to 255: segments are 8-bit numbers",
        "absent": "cannot be read as segments",
    }.items():
        (line,) = problems(tmp_path, [replace(samples[0], segments=tmp_path / f"{name}.png")])
        assert line.startswith(f"{tmp_path / name}.png: {said}")
    assert problems(tmp_path, [replace(samples[0], segments=tmp_path / "right.png")]) == ()


def test_probabilities_of_another_image(tmp_path: Path, samples: list[Sample]) -> None:
    shades = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.uint8)
    Image.fromarray(shades).save(tmp_path / "right.png")
    Image.fromarray(shades.T).save(tmp_path / "turned.png")
    for name, said in {
        "turned": f"is {COLUMNS} x {ROWS}, its mask {ROWS} x {COLUMNS} (rows x columns)",
        "absent": "cannot be read as probabilities",
    }.items():
        (line,) = problems(tmp_path, [replace(samples[0], probability=tmp_path / f"{name}.png")])
        assert line.startswith(f"{tmp_path / name}.png: {said}")
    assert problems(tmp_path, [replace(samples[0], probability=tmp_path / "right.png")]) == ()


def test_a_patient_or_group_in_two_splits(tmp_path: Path, samples: list[Sample]) -> None:
    leaking = [
        replace(samples[0], patient="7", group="a"),
        replace(samples[1], patient=None, group="b", split="test"),
        replace(samples[2], patient="7", group="c"),
        replace(samples[3], patient=None, group="b"),
    ]
    assert problems(tmp_path, leaking) == (
        "ours patient 7 is in the splits train and val",
        "ours group b is in the splits test and val",
    )


def test_what_does_not_straddle_splits(tmp_path: Path, samples: list[Sample]) -> None:
    kept = [
        replace(samples[0], patient="7", dataset="ours"),
        replace(samples[2], patient="7", dataset="theirs"),  # another patient of that number
        replace(samples[1], patient="8"),
        replace(samples[3], patient="8", split=None),  # not yet split
    ]
    assert problems(tmp_path, kept) == ()


def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent"):
        check_manifest(tmp_path / "absent.csv")


def test_the_table_shows_the_counts(tmp_path: Path, samples: list[Sample]) -> None:
    samples[0].image.unlink()
    write_manifest(tmp_path / "m.csv", samples)
    console = Console(width=200, record=True, file=StringIO())
    console.print(check_manifest(tmp_path / "m.csv").table())
    cells = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in console.export_text().splitlines()
    ]
    assert ["split", "train", "2"] in cells
    assert ["artery", "not known", "1"] in cells
    assert ["vessel", "1.8% to 1.8% of an image", "median 1.8%"] in cells
    assert ["problems", "", "1"] in cells
