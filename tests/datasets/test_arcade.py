import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroseg.datasets import arcade
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import DataError, MissingPackageError
from coroseg.io.masks import read_mask, read_segments

ROWS, COLUMNS = 36, 50

Segment = tuple[int, list[list[float]]]  # category, polygons


def box(top: int, left: int, bottom: int, right: int) -> list[float]:
    """Return the polygon that covers rows top to bottom - 1 and columns left to right - 1."""
    return [left, top, right, top, right, bottom, left, bottom]


def write_split(syntax: Path, split: str, images: dict[str, list[Segment]]) -> None:
    """Write a COCO file with the annotated images of a split; ids do not follow the names."""
    entries = [
        {"id": 100 - i, "file_name": name, "height": ROWS, "width": COLUMNS}
        for i, name in enumerate(images)
    ]
    annotations: list[dict[str, Any]] = [
        {"image_id": entry["id"], "category_id": category, "segmentation": polygons, "iscrowd": 0}
        for entry, segments in zip(entries, images.values(), strict=True)
        for category, polygons in segments
    ]
    for number, annotation in enumerate(annotations):
        annotation["id"] = number
    path = syntax / split / "annotations" / f"{split}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"images": entries, "annotations": annotations, "categories": []}))


@pytest.fixture
def syntax(tmp_path: Path, save_image: Callable[..., None]) -> Path:
    """Return a copy of ARCADE's layout: train 2 = 10 and train 3 = val 1 are equal images."""
    folder = tmp_path / "arcade" / "syntax"
    one = [(5, [box(2, 3, 12, 9)])]
    write_split(
        folder,
        "train",
        {
            "10.png": [(6, [box(1, 1, 5, 5)])],
            "2.png": [
                (5, [box(2, 3, 12, 9)]),
                (6, [box(10, 5, 20, 45)]),
                (26, [box(0, 0, 30, 50)]),
            ],
            "3.png": one,
            "4.png": [(1, [box(0, 0, 4, 50), box(6, 20, 30, 22)]), (23, [box(20, 0, 25, 10)])],
            "5.png": [(26, [box(0, 0, 30, 50)])],
            "6.png": [(1, [box(0, 0, 4, 50)]), (5, [box(6, 20, 30, 22)])],
        },
    )
    write_split(folder, "val", {"1.png": one})
    for seed, name in enumerate(["train/2", "train/3", "train/4", "train/5", "train/6"]):
        split, number = name.split("/")
        save_image(folder / split / "images" / f"{number}.png", seed, (ROWS, COLUMNS))
    save_image(folder / "train" / "images" / "10.png", 0, (ROWS, COLUMNS))
    save_image(folder / "val" / "images" / "1.png", 1, (ROWS, COLUMNS))
    return folder


@pytest.mark.parametrize("parent", [False, True])
def test_one_of_equal_images_is_kept_and_the_others_are_named(
    parent: bool, syntax: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "lists" / "arcade.csv"
    with caplog.at_level(logging.WARNING):
        samples = arcade.build(syntax.parent if parent else syntax, out)
    assert [(s.split, s.image.name) for s in samples] == [
        *[("train", f"{number}.png") for number in (2, 4, 5, 6)],
        ("val", "1.png"),
    ]
    assert caplog.messages == [
        "train/3.png left out: the same image as val/1.png",
        "train/10.png left out: the same image as train/2.png",
    ]
    assert [s.image for s in samples[:1]] == [syntax / "train" / "images" / "2.png"]
    assert read_manifest(out) == samples
    assert {s.dataset for s in samples} == {"arcade"}


def test_a_mask_is_the_union_of_the_vessels_without_the_stenoses(
    syntax: Path, tmp_path: Path
) -> None:
    samples = {s.name: s for s in arcade.build(syntax, tmp_path / "arcade.csv")}
    expected = np.zeros((ROWS, COLUMNS), dtype=bool)
    expected[2:12, 3:9] = expected[10:20, 5:45] = True
    two = samples["arcade/train/2.png"]
    assert two.mask == tmp_path / "masks" / "arcade" / "train" / "2.png"
    np.testing.assert_array_equal(read_mask(two.mask), expected)
    areas = {name: int(read_mask(s.mask).sum()) for name, s in samples.items()}
    assert areas["arcade/train/4.png"] == 4 * 50 + 24 * 2 + 5 * 10
    assert areas["arcade/train/5.png"] == 0


def test_segments_divide_the_mask_by_their_categories(syntax: Path, tmp_path: Path) -> None:
    samples = arcade.build(syntax, tmp_path / "arcade.csv")
    expected = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    expected[2:12, 3:9] = 5
    expected[10:20, 5:45] = 6  # over the 5 of the annotation before
    assert samples[0].segments == tmp_path / "segments" / "arcade" / "train" / "2.png"
    np.testing.assert_array_equal(read_segments(samples[0].segments), expected)
    for sample in samples:
        assert sample.segments is not None
        divided = read_segments(sample.segments)
        np.testing.assert_array_equal(divided > 0, read_mask(sample.mask))


def test_the_artery_follows_from_the_segments(syntax: Path, tmp_path: Path) -> None:
    samples = arcade.build(syntax, tmp_path / "arcade.csv")
    assert [s.artery for s in samples] == ["LCA", "RCA", None, None, "LCA"]


def test_a_second_build_gives_the_same_files(syntax: Path, tmp_path: Path) -> None:
    def contents() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in out.parent.rglob("*") if file.is_file()}

    out = tmp_path / "lists" / "arcade.csv"
    arcade.build(syntax, out)
    first = contents()
    some = out.parent / "masks" / "arcade" / "train" / "2.png"
    some.unlink()
    arcade.build(syntax, out)
    assert contents() == first
    assert some in first
    assert len(first) == 1 + 5 + 5


POINTS = st.lists(st.floats(-2, 40, width=32), min_size=6, max_size=16).map(
    lambda numbers: numbers[: len(numbers) // 2 * 2]
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pycocotools on NumPy 2
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(POINTS, min_size=1, max_size=3), min_size=1, max_size=4))
def test_masks_equal_those_of_coco(segments: list[list[list[float]]]) -> None:
    from pycocotools.coco import COCO

    annotations = [
        {"id": i, "image_id": 1, "category_id": 1 + i, "segmentation": polygons, "iscrowd": 0}
        for i, polygons in enumerate(segments)
    ]
    coco = COCO()
    coco.dataset = {
        "images": [{"id": 1, "height": 25, "width": 38}],
        "annotations": annotations,
        "categories": [],
    }
    coco.createIndex()
    expected = np.any([coco.annToMask(annotation) for annotation in annotations], axis=0)
    np.testing.assert_array_equal(arcade.draw_mask(annotations, 25, 38), expected)


def test_a_polygon_of_two_points_is_no_area() -> None:
    annotations = [{"category_id": 1, "segmentation": [[1.0, 1.0, 20.0, 20.0]]}]
    assert not arcade.draw_mask(annotations, 25, 38).any()


def test_a_folder_that_is_not_arcade(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not ARCADE's folder syntax"):
        arcade.build(tmp_path, tmp_path / "arcade.csv")


def test_a_missing_image_is_named(syntax: Path, tmp_path: Path) -> None:
    (syntax / "train" / "images" / "4.png").unlink()
    with pytest.raises(DataError, match=r"1 image\(s\) of train.json missing: 4.png"):
        arcade.build(syntax, tmp_path / "arcade.csv")
    assert not (tmp_path / "arcade.csv").exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"images": [{"id": 1}], "annotations": []}'),
        '{"images": [], "annotations": [{"image_id": 1, "category_id": 1, "segmentation": []}]}',
        '{"images": [], "annotations": [{"category_id": 1, "segmentation": {"counts": "a"}}]}',
    ],
)
def test_a_broken_json_is_named(text: str, syntax: Path, tmp_path: Path) -> None:
    (syntax / "train" / "annotations" / "train.json").write_text(text)
    with pytest.raises(DataError, match=r"train\.json: cannot be read as COCO"):
        arcade.build(syntax, tmp_path / "arcade.csv")


def test_an_image_of_another_size_than_annotated_is_named(
    syntax: Path, tmp_path: Path, save_image: Callable[..., None]
) -> None:
    save_image(syntax / "train" / "images" / "4.png", 9, (COLUMNS, ROWS))
    with pytest.raises(DataError, match=r"4\.png: is 50 x 36 .* its annotation says 36 x 50"):
        arcade.build(syntax, tmp_path / "arcade.csv")


def test_without_pycocotools_the_error_gives_the_command(
    syntax: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(MissingPackageError, match=r'pip install "coroseg\[lab\]"'):
        arcade.build(syntax, tmp_path / "arcade.csv")


@pytest.mark.real
@pytest.mark.long
def test_the_real_data_set(
    real_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = arcade.build(real_data / "arcade" / "syntax", tmp_path / "arcade.csv")
    splits = [sample.split for sample in samples]
    assert (splits.count("train"), splits.count("val"), len(splits)) == (995, 200, 1195)
    dropped = {message.split(" ")[0] for message in caplog.messages}
    assert dropped == {f"train/{number}.png" for number in (214, 793, 972, 887, 612)}
    assert None not in {sample.artery for sample in samples}
