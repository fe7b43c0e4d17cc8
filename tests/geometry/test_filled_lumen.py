import numpy as np
import pytest
from vessel_masks import disc, path, ring, strip

from coroseg.geometry.lumen import Lumen, fill_noise

SHAPE = (70, 110)


def test_a_few_pixels_are_noise_and_more_a_loop() -> None:
    mask = path(SHAPE, [(10, 20), (100, 20)], 7) | ring(SHAPE, (50, 50), 12, 5)
    holed = mask.copy()
    holed[19:21, 30:39] = False
    np.testing.assert_array_equal(fill_noise(holed), mask)


def test_a_bay_at_the_border_is_no_hole() -> None:
    mask = np.ones(SHAPE, dtype=bool)
    mask[0, 40:44] = False
    np.testing.assert_array_equal(fill_noise(mask), mask)


@pytest.mark.parametrize("degrees", [0, 20, 45, 70])
def test_walls_are_half_a_width_away_on_average(degrees: float) -> None:
    angle = np.radians(degrees)
    along, normal = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    both = []
    for offset in np.linspace(0, 1, 9):  # rows of pixels against the outline
        centre = np.array([55, 35]) + offset * normal
        mask = strip(SHAPE, tuple(centre - 50 * along), tuple(centre + 50 * along), 9)
        points = centre + np.linspace(-15, 15, 61)[:, None] * along
        sides = Lumen.of(mask).walls(points, np.tile(normal, (61, 1)), np.full(61, 4.5))
        assert np.abs(np.array(sides) - 4.5).max() < 0.6
        both.append(np.mean(sides))
    assert np.mean(both) == pytest.approx(4.5, abs=0.08)


def test_no_wall_is_seen_across_another_vessel_or_beyond_the_image() -> None:
    lumen = Lumen.of(path(SHAPE, [(-10, 3), (120, 3)], 20))
    points = np.array([[55.0, 3.0], [56.0, 3.0]])
    down, up = lumen.walls(points, np.array([[0.0, 1.0]] * 2), np.full(2, 8.0))
    assert down == pytest.approx(10.5, abs=0.51)
    assert np.isnan(up).all()
    far, _ = lumen.walls(points, np.array([[1.0, 0.0]] * 2), np.full(2, 8.0))
    assert np.isnan(far).all()


def test_the_radius_is_that_of_the_largest_disc() -> None:
    lumen = Lumen.of(disc(SHAPE, (50, 30), 12.2))
    assert lumen.radius_at(np.array([[50.0, 30.0]]))[0] == pytest.approx(12.2, abs=0.5)
    assert (Lumen.of(np.ones((9, 15), dtype=bool)).radius <= 4.5).all()
