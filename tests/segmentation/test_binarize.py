import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage

from coroseg.segmentation import binarize as module
from coroseg.segmentation.binarize import NO_VESSEL, binarize, otsu_threshold

ROWS, COLUMNS = 200, 300
EIGHT = np.ones((3, 3))


def between_class_variance(values: NDArray[np.float64], upper: NDArray[np.bool_]) -> float:
    if upper.all() or not upper.any():
        return 0.0
    share = upper.mean()
    return float(share * (1 - share) * (values[upper].mean() - values[~upper].mean()) ** 2)


maps = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.integers(0, 65535).map(lambda level: np.float32(level / 65535)),
)


@given(maps)
def test_otsu_parts_no_worse_than_any_other_threshold(probability: NDArray[np.float32]) -> None:
    values = np.rint(probability.astype(np.float64) * 65535) / 65535
    threshold = otsu_threshold(probability)
    best = max(between_class_variance(values, values > cut) for cut in np.unique(values))
    got = between_class_variance(values, probability > threshold)
    assert got == pytest.approx(best, rel=1e-6, abs=1e-12)


def test_otsu_lies_midway_between_the_classes() -> None:
    probability = np.array([[0.1, 0.2, 0.15], [0.8, 0.9, 0.8]], np.float32)
    assert otsu_threshold(probability) == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_map_of_one_value_has_nothing_above_its_threshold(value: float) -> None:
    probability = np.full((5, 7), value, np.float32)
    assert otsu_threshold(probability) == np.float32(value)
    assert not (probability > otsu_threshold(probability)).any()


def vessel_map() -> NDArray[np.float32]:
    """A band of 40 x 100 pixels of 0.9 on 0.05."""
    probability = np.full((ROWS, COLUMNS), 0.05, np.float32)
    probability[50:90, 100:200] = 0.9
    return probability


def test_a_vessel_is_kept_whole() -> None:
    result = binarize(vessel_map())
    np.testing.assert_array_equal(result.mask, vessel_map() > 0.5)
    assert result.mask.dtype == bool
    assert result.flags == ()
    assert result.threshold == pytest.approx(0.475, abs=1e-4)


@pytest.mark.parametrize("highest", [0.02, 0.3, 0.49])
def test_noise_becomes_no_vessel(highest: float) -> None:
    noise = np.random.default_rng(1).random((ROWS, COLUMNS)) * highest
    result = binarize(noise.astype(np.float32))
    assert result.flags == (NO_VESSEL,)
    assert not result.mask.any()


def test_sure_pixels_that_do_not_hang_together_are_no_vessel() -> None:
    probability = np.zeros((ROWS, COLUMNS), np.float32)
    probability[::5, ::5] = 0.9
    assert (probability > 0.5).mean() > 2 * module.MIN_SURE_AREA
    assert binarize(probability).flags == (NO_VESSEL,)


@pytest.mark.parametrize(("fraction", "shows"), [(0.9, False), (1.1, True)])
def test_the_guard_acts_at_the_stated_area(fraction: float, shows: bool) -> None:
    probability = np.full(ROWS * COLUMNS, 0.01, np.float32)
    probability[: round(fraction * module.MIN_SURE_AREA * probability.size)] = 0.9
    result = binarize(probability.reshape(ROWS, COLUMNS))
    assert (result.flags == ()) is shows
    assert result.mask.any() == shows


def brute_force(probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """The stated rule, piece by piece."""
    mask = probability > threshold
    labels, count = ndimage.label(mask, EIGHT)
    for label in range(1, count + 1):
        if (labels == label).sum() < module.MIN_PIECE * mask.size:
            mask[labels == label] = False
    holes = ndimage.binary_fill_holes(mask) & ~mask
    labels, count = ndimage.label(holes)
    for label in range(1, count + 1):
        if (labels == label).sum() < module.MIN_HOLE * mask.size:
            mask[labels == label] = True
    return mask


@pytest.mark.parametrize("seed", range(8))
def test_debris_and_small_holes_go_by_the_stated_rule(seed: int) -> None:
    noise = np.random.default_rng(seed).random((ROWS, COLUMNS))
    rough = ndimage.gaussian_filter(noise, 1.0 + 0.2 * seed)
    probability = (0.5 + 1.5 * (rough - 0.53)).clip(0, 1).astype(np.float32)
    result = binarize(probability)
    assert result.flags == ()
    assert (result.mask != (probability > result.threshold)).any()  # the rule has something to do
    np.testing.assert_array_equal(result.mask, brute_force(probability, result.threshold))


def test_a_corner_that_a_vessel_cuts_off_is_no_hole() -> None:
    probability = vessel_map()
    corner = np.add.outer(np.arange(ROWS), np.arange(COLUMNS))
    probability[(corner > 1) & (corner < 30)] = 0.9
    assert module.MIN_HOLE * probability.size > 1.5
    assert not binarize(probability).mask[0, 0]
