import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import grid_points_in_poly

from coroseg.segmentation.contours import Contour, Polygon, find_contours

shapes = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
masks = arrays(bool, shapes)


def inside(shape: tuple[int, ...], polygon: Polygon) -> NDArray[np.bool_]:
    """Which pixel centres lie in a polygon, by crossing counts."""
    return np.asarray(grid_points_in_poly(shape, polygon[:, ::-1]))


def rasterise(shape: tuple[int, ...], contours: list[Contour]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    for contour in contours:
        piece = inside(shape, contour.outer)
        for hole in contour.holes:
            piece &= ~inside(shape, hole)
        mask |= piece
    return mask


def rounded(contours: list[Contour]) -> list[Contour]:
    return [Contour(c.outer.round(2), [hole.round(2) for hole in c.holes]) for c in contours]


def assert_exact(mask: NDArray[np.bool_], contours: list[Contour]) -> None:
    np.testing.assert_array_equal(rasterise(mask.shape, contours), mask)
    np.testing.assert_array_equal(rasterise(mask.shape, rounded(contours)), mask)


@given(masks)
def test_any_mask_comes_back_exactly(mask: NDArray[np.bool_]) -> None:
    contours = find_contours(mask, mask.astype(np.float32), 0.5)
    assert_exact(mask, contours)
    _, pieces = ndimage.label(mask, np.ones((3, 3)))
    assert len(contours) == pieces
    filled = sum(ndimage.label(np.pad(~mask, 1, constant_values=True))[1:], 0) - 1
    assert sum(len(contour.holes) for contour in contours) == filled


@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(2, 40),
    columns=st.integers(2, 40),
    sigma=st.floats(0.3, 3),
    threshold=st.floats(0.05, 0.95),
)
def test_any_smooth_probability_comes_back_exactly(
    seed: int, rows: int, columns: int, sigma: float, threshold: float
) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((rows, columns)), sigma)
    probability = ((noise - noise.min()) / (np.ptp(noise) or 1)).astype(np.float32)
    mask = probability > threshold
    assert_exact(mask, find_contours(mask, probability, threshold))


@given(masks, st.integers(0, 10**6), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_mask_is_kept_where_the_probability_says_otherwise(
    mask: NDArray[np.bool_], seed: int, threshold: float
) -> None:
    probability = np.random.default_rng(seed).random(mask.shape, dtype=np.float32)
    assert_exact(mask, find_contours(mask, probability, threshold))


def test_outlines_lie_where_the_probability_is_the_threshold() -> None:
    y, x = np.mgrid[:60, :90]
    centre_y, centre_x, radius = 28.3, 51.7, 17.4
    distance = np.hypot(y - centre_y, x - centre_x)
    probability = np.clip(0.6 - 0.08 * (distance - radius), 0, 1).astype(np.float32)
    (contour,) = find_contours(probability > 0.6, probability, 0.6)
    assert contour.holes == []
    found = np.hypot(*(contour.outer - (centre_x, centre_y)).T)
    np.testing.assert_allclose(found, radius, atol=0.015)  # the clearance, and a curved slope


def test_a_ring_has_a_hole_and_an_island_of_its_own() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[2:18, 3:27] = True
    mask[5:15, 6:24] = False
    mask[8:11, 10:20] = True
    contours = find_contours(mask, mask.astype(np.float32), 0.5)
    assert [len(contour.holes) for contour in contours] == [1, 0]
    assert_exact(mask, contours)
    assert contours[0].outer.min(axis=0).tolist() == [2.5, 1.5]
    assert contours[0].outer.max(axis=0).tolist() == [26.5, 17.5]


def test_touching_corners_are_one_piece() -> None:
    mask = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1]], dtype=bool)
    contours = find_contours(mask, mask.astype(np.float32), 0.5)
    assert len(contours) == 1
    assert_exact(mask, contours)


def test_a_full_image_is_outlined_along_its_edge() -> None:
    mask = np.ones((4, 7), dtype=bool)
    (contour,) = find_contours(mask, np.full(mask.shape, 0.9, np.float32), 0.2)
    assert contour.outer.min(axis=0).tolist() == [-0.5, -0.5]
    assert contour.outer.max(axis=0).tolist() == [6.5, 3.5]


def test_polygons_do_not_repeat_their_first_point() -> None:
    mask = np.ones((1, 1), dtype=bool)
    (contour,) = find_contours(mask, np.ones((1, 1), np.float32), 0.5)
    corners = {(-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5)}
    assert contour.outer.shape == (4, 2)
    assert set(map(tuple, contour.outer.tolist())) == corners


@pytest.mark.parametrize("shape", [(1, 1), (5, 9)])
def test_an_empty_mask_has_no_outlines(shape: tuple[int, int]) -> None:
    assert find_contours(np.zeros(shape, bool), np.zeros(shape, np.float32), 0.0) == []
