import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, TiffImagePlugin

from coroseg.errors import InputError
from coroseg.io import load
from coroseg.io.limits import MAX_PIXELS

in_folder = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
small = st.tuples(st.integers(32, 40), st.integers(41, 50))  # rows, columns: never square


def scene(rows: int = 40, columns: int = 56) -> np.ndarray:
    """A smooth 8-bit scene that uses 0 and 255."""
    y, x = np.mgrid[:rows, :columns]
    waves = np.sin(x / 7) + np.cos(y / 5 + x / 20)
    return np.round(255 * (waves - waves.min()) / np.ptp(waves)).astype(np.uint8)


def write(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


@in_folder
@given(shape=small, data=st.data(), suffix=st.sampled_from(["png", "bmp", "pgm", "tif"]))
def test_8_bit_gray_reads_back_as_value_by_255(
    tmp_path: Path, shape: tuple[int, int], data: st.DataObject, suffix: str
) -> None:
    pixels = data.draw(arrays(np.uint8, shape))
    opencv = load(write(tmp_path / f"cv.{suffix}", pixels))
    Image.fromarray(pixels).save(tmp_path / f"pil.{suffix}")
    pillow = load(tmp_path / f"pil.{suffix}")
    for run in (opencv, pillow):
        assert (run.rows, run.columns, len(run.frames)) == (*shape, 1)
        assert run.frames[0].dtype == np.float32
        np.testing.assert_allclose(run.frames[0], pixels / 255, rtol=1e-6)


@in_folder
@given(
    shape=small,
    data=st.data(),
    suffix=st.sampled_from(["png", "pgm", "tif"]),
    channels=st.sampled_from([1, 3]),
)
def test_16_bit_frames_span_0_to_1(
    tmp_path: Path, shape: tuple[int, int], data: st.DataObject, suffix: str, channels: int
) -> None:
    pixels = data.draw(arrays(np.uint16, shape))
    stored = pixels if channels == 1 or suffix == "pgm" else cv2.merge([pixels] * channels)
    frame = load(write(tmp_path / f"a.{suffix}", stored)).frames[0]
    low, high = int(pixels.min()), int(pixels.max())
    wanted = np.zeros(shape) if low == high else (pixels.astype(float) - low) / (high - low)
    np.testing.assert_allclose(frame, wanted, atol=1e-6)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_one_scene_in_8_and_16_bits_gives_one_frame(tmp_path: Path, suffix: str) -> None:
    fine = np.linspace(0, 65535, 40 * 56).reshape(40, 56).round().astype(np.uint16)
    coarse = np.round(fine / 257).astype(np.uint8)
    deep = load(write(tmp_path / f"deep.{suffix}", fine)).frames[0]
    shallow = load(write(tmp_path / f"shallow.{suffix}", coarse)).frames[0]
    np.testing.assert_allclose(deep, shallow, atol=1 / 255)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(s, m) for s in ("png", "tif") for m in ("RGB", "RGBA", "P", "LA")]
    + [("bmp", "RGB"), ("bmp", "RGBA"), ("bmp", "P"), ("jpg", "RGB"), ("jpg", "CMYK")],
)
def test_gray_in_other_modes_is_the_same_frame(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    image = Image.fromarray(scene()).convert("RGB" if mode == "CMYK" else "L").convert(mode)
    image.save(path)
    lossy = 0.05 if suffix == "jpg" else 1e-6
    np.testing.assert_allclose(load(path).frames[0], scene() / 255, atol=lossy)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_1_bit_is_black_and_white(tmp_path: Path, suffix: str) -> None:
    bits = scene() > 100
    Image.fromarray(bits).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(load(tmp_path / f"a.{suffix}").frames[0], bits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32])
def test_float_and_signed_tiff(tmp_path: Path, dtype: type) -> None:
    pixels = scene().astype(dtype) * 100 - 7000
    frame = load(write(tmp_path / "a.tif", pixels)).frames[0]
    np.testing.assert_allclose(frame, scene() / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_tiff_is_turned_to_black_is_zero(tmp_path: Path, dtype: type) -> None:
    pixels = scene().astype(dtype)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[262] = 0  # PhotometricInterpretation: WhiteIsZero
    path = tmp_path / "a.tif"
    Image.fromarray(pixels).save(path, tiffinfo=tags)
    with Image.open(path) as image:
        assert image.tag_v2[262] == 0
    # Pillow writes 8 bits inverted under this tag and 16 bits as they are.
    wanted = scene() / 255 if dtype == np.uint8 else 1 - scene() / 255
    np.testing.assert_allclose(load(path).frames[0], wanted, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(tmp_path: Path, value: float) -> None:
    pixels = scene().astype(np.float32)
    pixels[3, 5] = value
    run = load(write(tmp_path / "a.tif", pixels))
    with pytest.raises(InputError, match=r"a\.tif: 1 pixels are NaN"):
        run.frames[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_stack_is_a_run_whose_frames_are_read_in_any_order(tmp_path: Path, dtype: type) -> None:
    pages = [np.roll(scene(), 9 * shift, axis=1).astype(dtype) for shift in range(5)]
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    run = load(tmp_path / "a.tif")
    assert (len(run.frames), run.rows, run.columns) == (5, 40, 56)
    for page, frame in zip(pages, run.frames, strict=True):
        np.testing.assert_allclose(frame, page / 255, atol=1e-6)
    np.testing.assert_array_equal(run.frames[3], list(run.frames)[3])
    np.testing.assert_array_equal(run.frames[-1], run.frame(5))
    with pytest.raises(IndexError):
        run.frames[5]


def test_a_stack_is_decoded_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cv2.imwritemulti(str(tmp_path / "a.tif"), [scene()] * 4)
    run = load(tmp_path / "a.tif")
    loads: list[int] = []
    original = TiffImagePlugin.TiffImageFile.load

    def counting(image: TiffImagePlugin.TiffImageFile) -> object:
        loads.append(image.tell())
        return original(image)

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", counting)
    frames = iter(run.frames)
    next(frames)
    next(frames)
    assert set(loads) == {0, 1}
    run.frames[3]
    assert set(loads) == {0, 1, 3}


def test_pages_of_different_sizes_are_refused(tmp_path: Path) -> None:
    first, second = Image.fromarray(scene()), Image.fromarray(scene(48, 40))
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    with pytest.raises(InputError, match="page 2 is 40 x 48 pixels and the first 56 x 40"):
        load(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(s, np.uint8) for s in ("png", "jpg", "tif", "bmp")]
    + [(s, np.uint16) for s in ("png", "tif")],
)
def test_a_colour_photograph_is_refused(tmp_path: Path, suffix: str, dtype: type) -> None:
    photograph = cv2.merge([scene(), scene()[::-1], scene()[:, ::-1]]).astype(dtype)
    photograph *= np.iinfo(dtype).max // 255
    run = load(write(tmp_path / f"a.{suffix}", photograph))
    with pytest.raises(InputError, match=r"a colour picture \(\d+% of the pixels"):
        run.frames[0]


def test_a_small_coloured_label_is_read_as_its_luminance(tmp_path: Path) -> None:
    picture = cv2.merge([scene()] * 3)
    picture[2:4, 5:15] = (0, 255, 255)  # yellow: 20 of 2240 pixels
    frame = load(write(tmp_path / "a.png", picture)).frames[0]
    wanted = scene() / 255
    wanted[2:4, 5:15] = 0.299 + 0.587
    np.testing.assert_allclose(frame, wanted, atol=1 / 255)
    picture[4:8, 5:15] = (0, 255, 255)  # 60 pixels: more than 1 %
    with pytest.raises(InputError, match="a colour picture"):
        load(write(tmp_path / "a.png", picture)).frames[0]


@pytest.mark.parametrize(
    ("suffix", "depth"),
    [(s, 8) for s in ("png", "jpg", "tif", "bmp", "pgm")]
    + [(s, 16) for s in ("png", "tif", "pgm")],
)
def test_a_file_cut_in_the_middle_is_refused(tmp_path: Path, suffix: str, depth: int) -> None:
    pixels = scene() if depth == 8 else scene().astype(np.uint16) * 257
    path = write(tmp_path / f"a.{suffix}", pixels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.\w+: cannot be decoded .*damaged"):
        load(path).frames[0]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "pgm"])
def test_damaged_bytes_give_a_frame_or_one_line(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"a.{suffix}", scene()).read_bytes()
    random = np.random.default_rng(3)
    path = tmp_path / f"b.{suffix}"
    refused = []
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, min(len(whole), random.choice([60, 600])), size=3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with warnings.catch_warnings(action="ignore"):
            try:
                assert np.isfinite(load(path).frames[0]).all()
            except InputError as error:
                refused.append(str(error))
    assert refused
    assert all(line.startswith(str(path)) and "\n" not in line for line in refused)


@pytest.mark.parametrize("size", [(1, 1), (31, 400), (400, 31)])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_too_few_pixels(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    Image.new("L", size).save(tmp_path / f"a.{suffix}")
    with pytest.raises(InputError, match=f"{size[0]} x {size[1]} pixels are too few"):
        load(tmp_path / f"a.{suffix}")


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 20000 20000 255\n" + bytes(100))
    with pytest.raises(InputError, match="20000 x 20000 pixels are too many: reduce"):
        load(path)
    Image.new("1", (20000, 20000)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="20000 x 20000 pixels are too many: reduce"):
        load(tmp_path / "a.png")


def test_a_large_image_within_the_limit_is_opened(tmp_path: Path) -> None:
    columns = 18000
    rows = MAX_PIXELS // columns
    Image.new("1", (columns, rows)).save(tmp_path / "a.png")
    assert load(tmp_path / "a.png").rows == rows


def test_the_resolution_on_paper_is_no_spacing(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.jpg"):
        Image.fromarray(scene()).save(tmp_path / name, dpi=(254, 254))
        assert load(tmp_path / name).spacing is None


def test_what_opencv_refuses_to_decode_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2000000 40 65535\n" + bytes(100))
    with pytest.raises(InputError, match=r"a\.pgm: cannot be decoded \(.*\): damaged"):
        load(tmp_path / "a.pgm").frames[0]


def test_a_png_shorter_than_its_pixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (18000, 8000)).save(tmp_path / "black.png")  # as short as one can be
    assert load(tmp_path / "black.png").rows == 8000
    content = bytearray((tmp_path / "black.png").read_bytes())
    content[20:24] = (14000).to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="the file is too short for its pixels"):
        load(tmp_path / "a.png")
