from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coroseg.errors import DataError
from coroseg.io.masks import read_mask, read_probability, read_segments

TRUTH = np.random.default_rng(0).random((7, 11)) > 0.6


@pytest.mark.parametrize("vessel", [1, 255])
@pytest.mark.parametrize("suffix", [".png", ".pgm", ".bmp", ".tif"])
def test_gray_masks_of_both_conventions(vessel: int, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"mask{suffix}"
    Image.fromarray(TRUTH.astype(np.uint8) * vessel).save(path)
    np.testing.assert_array_equal(read_mask(path), TRUTH)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"])
def test_other_ways_to_store_it(mode: str, tmp_path: Path) -> None:
    gray = Image.fromarray(TRUTH.astype(np.uint8) * 255)
    stored = (
        Image.fromarray(TRUTH.astype(np.uint16) * 65535) if mode == "I;16" else gray.convert(mode)
    )
    stored.save(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as written:
        assert written.mode == mode
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), TRUTH)


def test_a_palette_is_read_by_its_colours(tmp_path: Path) -> None:
    stored = Image.fromarray((~TRUTH).astype(np.uint8), mode=None).convert("P")
    stored.putpalette([255, 255, 255, 0, 0, 0])  # 0 is white: vessel
    stored.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), TRUTH)


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_one_value_is_empty_or_full(value: int, tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 5), value, np.uint8)).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").mean() == (value > 0)


@pytest.mark.parametrize("values", [(0, 128), (0, 1, 255), (0, 254, 255), (3, 3)])
def test_other_values_are_refused(values: tuple[int, ...], tmp_path: Path) -> None:
    Image.fromarray(np.resize(np.array(values, np.uint8), (4, 6))).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"mask\.png: is not a binary mask: it holds \d values"):
        read_mask(tmp_path / "mask.png")


def test_a_jpeg_of_a_mask_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.kron(TRUTH, np.ones((5, 5))).astype(np.uint8) * 255).save(
        tmp_path / "mask.jpg", quality=80
    )
    with pytest.raises(DataError, match="not a binary mask"):
        read_mask(tmp_path / "mask.jpg")


def test_colour_is_refused(tmp_path: Path) -> None:
    red = np.zeros((4, 6, 3), np.uint8)
    red[1, 2, 0] = 255
    Image.fromarray(red).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match="gray and opaque"):
        read_mask(tmp_path / "mask.png")


def test_a_stack_is_refused(tmp_path: Path) -> None:
    page = Image.fromarray(TRUTH.astype(np.uint8))
    page.save(tmp_path / "mask.tif", save_all=True, append_images=[page, page])
    with pytest.raises(DataError, match="holds 3"):
        read_mask(tmp_path / "mask.tif")


@pytest.mark.parametrize("damage", ["absent", "empty", "text", "cut"])
def test_what_cannot_be_read_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    noise = np.random.default_rng(1).random((64, 64)) > 0.5
    Image.fromarray(noise.astype(np.uint8) * 255).save(path)
    whole = path.read_bytes()
    content = {"empty": b"", "text": b"no image", "cut": whole[: len(whole) // 2]}
    path.unlink()
    if damage != "absent":
        path.write_bytes(content[damage])
    with pytest.raises(DataError, match=r"mask\.png: cannot be read as a mask \(.+\): pass"):
        read_mask(path)


def test_a_cut_tiff_is_refused_without_a_word_of_the_library(tmp_path: Path) -> None:
    Image.new("L", (56, 40)).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    for length in (8, 9, 40, 100):
        (tmp_path / "a.tif").write_bytes(content[:length])
        with pytest.raises(DataError, match="cannot be read as a mask"):
            read_mask(tmp_path / "a.tif")


def test_a_mask_of_nan_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 56), np.nan, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"it holds 1 values \(nan\)"):
        read_mask(tmp_path / "a.tif")


def test_segments_are_the_numbers_in_the_file(tmp_path: Path) -> None:
    numbers = np.random.default_rng(2).integers(0, 255, (7, 11)).astype(np.uint8)
    Image.fromarray(numbers).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_segments(tmp_path / "a.png"), numbers)


@pytest.mark.parametrize("numbers", [np.full((4, 6), 255, np.uint8), np.ones((4, 6), np.uint16)])
def test_what_numbers_no_segment_is_refused(numbers: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(numbers).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: holds u?int\d+ values up to \d+: segments are"):
        read_segments(tmp_path / "a.png")


def test_probabilities_are_the_shades_of_the_file(tmp_path: Path) -> None:
    shades = np.arange(256, dtype=np.uint8).reshape(8, 32)
    Image.fromarray(shades).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_probability(tmp_path / "a.png"), shades / 255, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.bool_])
def test_what_is_no_8_bit_probability_is_refused(kind: type, tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 6), kind)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: holds \w+ values: probabilities are 8 bits"):
        read_probability(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (read_mask, "a mask .*: pass an image file of 0 and 255"),
        (read_segments, "segments .*: pass an image file of their numbers"),
        (read_probability, "probabilities .*: pass an image file of 0 to 255"),
    ],
)
def test_an_unreadable_file_is_called_what_it_should_be(
    read: Callable[[Path], object], kind: str, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"a\.png: cannot be read as {kind}"):
        read(tmp_path / "a.png")
