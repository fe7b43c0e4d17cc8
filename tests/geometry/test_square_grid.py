import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.errors import SpacingError
from coroseg.geometry.grid import MAX_RATIO, SquareGrid, square_grid
from coroseg.spacing import PixelSpacing, SpacingSource

SIDES = st.floats(0.1, 0.8)
POINTS = st.lists(st.tuples(*[st.floats(-5, 600)] * 2), min_size=1, max_size=9)


def grid_of(row_mm: float, column_mm: float) -> SquareGrid:
    return square_grid(PixelSpacing((row_mm, column_mm), SpacingSource.USER))


@given(SIDES, SIDES, POINTS)
def test_points_come_back_where_they_were(
    row_mm: float, column_mm: float, points: list[tuple[float, float]]
) -> None:
    grid, there = grid_of(row_mm, column_mm), np.array(points)
    np.testing.assert_allclose(grid.to_image(grid.from_image(there)), there, atol=1e-9)


@given(SIDES, SIDES, POINTS)
def test_distances_on_the_grid_are_those_in_the_patient(
    row_mm: float, column_mm: float, points: list[tuple[float, float]]
) -> None:
    there = np.array([(0.0, 0.0), *points])
    steps_mm = np.diff(there, axis=0) * (column_mm, row_mm)
    on_grid = np.diff(grid_of(row_mm, column_mm).from_image(there), axis=0)
    in_mm = on_grid * min(row_mm, column_mm)
    np.testing.assert_allclose(in_mm, steps_mm, rtol=1.1e-3, atol=1e-9)  # SAME is square


@pytest.mark.parametrize("mm", [(0.5, 0.2), (0.2, 0.5), (0.3, 0.4)])
def test_a_picture_of_known_formula_is_sampled_at_the_points_themselves(
    mm: tuple[float, float],
) -> None:
    def formula(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.5 + 0.2 * np.sin(x / 9) * np.cos(y / 7) + 0.003 * x

    rows, columns = 60, 45
    y, x = np.mgrid[:rows, :columns]
    grid = grid_of(*mm)
    sampled = grid.resample(formula(x, y).astype(np.float32))
    fine = min(mm)
    assert sampled.shape == (round(rows * mm[0] / fine), round(columns * mm[1] / fine))
    v, u = np.mgrid[: sampled.shape[0], : sampled.shape[1]]
    at = grid.to_image(np.column_stack([u.ravel(), v.ravel()]).astype(float))
    inside = ((at > 5) & (at < (columns - 6, rows - 6))).all(axis=1)
    assert inside.sum() > 1000
    expected = formula(at[:, 0], at[:, 1])
    np.testing.assert_allclose(sampled.ravel()[inside], expected[inside], atol=2e-4)


def test_a_mask_keeps_its_place_and_its_area() -> None:
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:20, 5:35] = True
    grid = grid_of(0.6, 0.2)
    square = grid.resample_mask(mask)
    assert square.shape == (120, 50)
    assert square.sum() == mask.sum() * 3
    middle = np.argwhere(square).mean(axis=0)[None, ::-1]
    np.testing.assert_allclose(grid.to_image(middle), [[19.5, 14.5]], atol=1e-9)


@pytest.mark.parametrize("spacing", [None, (0.3, 0.3), (0.3, 0.30001)])
def test_square_pixels_stay_as_they_are(spacing: tuple[float, float] | None) -> None:
    known = spacing and PixelSpacing(spacing, SpacingSource.USER)
    assert square_grid(known or None).is_image


def test_pixels_that_are_far_from_square_are_refused() -> None:
    with pytest.raises(SpacingError, match=r"0\.1 x 0\.9 mm \(user\).*--spacing"):
        grid_of(0.1, 0.9)
    assert not grid_of(0.1, 0.1 * MAX_RATIO).is_image
