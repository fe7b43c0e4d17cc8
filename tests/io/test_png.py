"""PNG files as OpenCV and Pillow read them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from coroseg.io.png import write_png

GRAY = array_shapes(min_dims=2, max_dims=2, max_side=40)
RGB = GRAY.map(lambda shape: (*shape, 3))


@given(
    arrays(np.uint8, GRAY) | arrays(np.uint16, GRAY) | arrays(np.uint8, RGB),
    st.sampled_from([np.ascontiguousarray, np.asfortranarray]),
)
def test_any_pixels_come_back(
    tmp_path_factory: pytest.TempPathFactory, pixels: NDArray[np.uint8], order: type
) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(path, order(pixels))
    seen = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert seen is not None
    assert seen.dtype == pixels.dtype
    np.testing.assert_array_equal(seen if pixels.ndim == 2 else seen[..., ::-1], pixels)
    with Image.open(path) as image:
        image.verify()  # the checks of all chunks
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_large_picture_is_small(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((4000, 3000), dtype=np.uint8))
    assert (tmp_path / "a.png").stat().st_size < 100_000
