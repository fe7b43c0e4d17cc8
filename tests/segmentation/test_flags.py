import numpy as np
import pytest
from numpy.typing import NDArray

from coroseg.segmentation.flags import (
    LOW_CONTRAST,
    MIN_CONTRAST,
    TOUCHES_BORDER,
    contrast_to_noise,
    quality_flags,
)

ROWS, COLUMNS = 160, 240


def band(top: int = 70) -> NDArray[np.bool_]:
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask[top : top + 6, 30:200] = True
    return mask


def frame(mask: NDArray[np.bool_], depth: float, noise: float) -> NDArray[np.float32]:
    random = np.random.default_rng(3).normal(0, noise, mask.shape)
    return (0.6 - depth * mask + random).astype(np.float32)


@pytest.mark.parametrize("ratio", [0.5, 2.0, 8.0])
def test_contrast_is_the_depth_over_the_noise(ratio: float) -> None:
    measured = contrast_to_noise(frame(band(), ratio * 0.02, 0.02), band())
    assert measured == pytest.approx(ratio, rel=0.08, abs=0.05)


def test_a_slope_in_the_background_is_no_noise() -> None:
    slope = np.linspace(-0.2, 0.2, COLUMNS, dtype=np.float32)
    measured = contrast_to_noise(frame(band(), 0.1, 0.02) + slope, band())
    assert measured == pytest.approx(5, rel=0.1)


def test_a_bright_structure_has_negative_contrast() -> None:
    assert contrast_to_noise(frame(band(), -0.1, 0.02), band()) < -4


def test_contrast_does_not_change_with_the_gray_scale() -> None:
    image = frame(band(), 0.1, 0.02)
    assert contrast_to_noise(image * 0.1 + 0.5, band()) == pytest.approx(
        contrast_to_noise(image, band()), rel=1e-3
    )


def test_a_mask_without_surroundings_has_no_contrast() -> None:
    full = np.ones((ROWS, COLUMNS), dtype=bool)
    assert contrast_to_noise(frame(band(), 0.1, 0.01), full) == 0


@pytest.mark.parametrize(("ratio", "flags"), [(0.7, (LOW_CONTRAST,)), (1.3, ())])
def test_low_contrast(ratio: float, flags: tuple[str, ...]) -> None:
    assert MIN_CONTRAST == 1
    assert quality_flags(frame(band(), ratio * 0.03, 0.03), band()) == flags


def test_a_flat_frame_is_low_in_contrast_and_a_drawn_one_is_not() -> None:
    assert quality_flags(frame(band(), 0, 0), band()) == (LOW_CONTRAST,)
    assert quality_flags(frame(band(), 0.2, 0), band()) == ()


@pytest.mark.parametrize("edge", [np.s_[0, 50], np.s_[-1, 50], np.s_[50, 0], np.s_[50, -1]])
def test_one_pixel_on_the_outermost_line_touches_the_border(edge: tuple[int, int]) -> None:
    mask = band()
    mask[edge] = True
    assert quality_flags(frame(band(), 0.2, 0.01), mask) == (TOUCHES_BORDER,)


def test_the_line_within_does_not_touch_the_border() -> None:
    assert quality_flags(frame(band(1), 0.2, 0.01), band(1)) == ()


def test_an_empty_mask_has_no_further_flags() -> None:
    assert quality_flags(frame(band(), 0, 0.01), np.zeros((ROWS, COLUMNS), dtype=bool)) == ()
