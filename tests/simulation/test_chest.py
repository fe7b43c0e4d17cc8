from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from coroseg.simulation.bones import bones
from coroseg.simulation.camera import camera_axes, project
from coroseg.simulation.chest import Chest
from coroseg.simulation.heart import TYPICAL_HEART, Heart
from coroseg.simulation.scene import View
from coroseg.simulation.soft_tissue import _interval, air_maps
from coroseg.simulation.texture import blurred, smooth_noise

VIEW = View(1050, 760, primary_deg=35, secondary_deg=-20, pitch_mm=1.7, size=128)
FRONT = replace(VIEW, primary_deg=0, secondary_deg=0, pitch_mm=2.4)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_chest_is_a_seed_and_moves() -> None:
    first, again, other = (Chest.drawn(rng(seed), VIEW) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.attenuation(0.3), again.attenuation(0.3))
    assert not np.array_equal(first.attenuation(0.3), other.attenuation(0.3))
    assert np.abs(first.attenuation(0.0) - first.attenuation(0.35)).max() > 0.01


def test_attenuation_is_that_of_a_body() -> None:
    for seed in range(4):
        attenuation = Chest.drawn(rng(seed), VIEW).attenuation(0.0)
        assert attenuation.shape == (128, 128)
        assert attenuation.dtype == np.float32
        assert 1.5 < attenuation.min() < attenuation.max() < 7
        assert 0.1 < attenuation.std() < 0.8


def test_breathing_in_moves_the_lungs_to_the_feet() -> None:
    chest = Chest.drawn(rng(3), FRONT)
    motion = replace(
        chest.motion, breath_mm=8.0, breath_phase=0.0, breath_period_s=2.0, contraction=0.0
    )
    chest = replace(Chest.drawn(rng(3), FRONT, motion=motion), still=np.zeros((128, 128)))
    out, breathed_in = chest.attenuation(0.0), chest.attenuation(1.0)
    # 0.97 of 8 mm to the feet, that is down in the image.
    down = round(8 * 0.97 / FRONT.spacing_mm)
    assert down == 4
    moved = np.abs(breathed_in[20 + down : 100 + down, 20:100] - out[20:100, 20:100]).mean()
    unmoved = np.abs(breathed_in[20:100, 20:100] - out[20:100, 20:100]).mean()
    assert moved < 0.4 * unmoved


def test_a_sphere_is_passed_by_its_chord() -> None:
    middle, radius = np.array([12.0, -30.0, 25.0]), 31.0
    axis = (np.arange(VIEW.size) - (VIEW.size - 1) / 2) * VIEW.spacing_mm
    grid = tuple(a.astype(np.float32) for a in np.meshgrid(axis, axis))
    enters, leaves = _interval((grid[0], grid[1]), VIEW, middle, np.full(3, radius), np.eye(3))
    right, down, detector = camera_axes(VIEW)
    source = -VIEW.source_to_isocentre_mm * detector
    ways = grid[0][..., None] * right + grid[1][..., None] * down - source
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    past = np.linalg.norm(np.cross(middle - source, ways), axis=-1)
    expected = 2 * np.sqrt(np.clip(radius**2 - past**2, 0, None))
    clear = np.abs(past - radius) > 0.1
    np.testing.assert_allclose((leaves - enters)[clear], expected[clear], atol=0.1)
    assert expected.max() > 61


def test_lungs_lie_beside_the_heart_and_the_liver_below() -> None:
    lung = np.mean([air_maps(rng(seed), FRONT, TYPICAL_HEART).lung for seed in range(4)], axis=0)

    def at(*place: float) -> float:
        x, y = np.rint(project(np.array([place]), FRONT).points[0]).astype(int)
        return float(lung[y - 2 : y + 3, x - 2 : x + 3].mean())

    assert at(75, 0, 60) > 60
    assert at(-90, 0, 40) > 60
    assert at(-90, 0, -70) < 20


def test_the_heart_fills_lung_where_it_is() -> None:
    moved = Heart(centre_mm=(15.0, -10.0, 8.0))
    air = air_maps(rng(2), FRONT, moved)
    assert (air.heart <= air.lung + 1e-3).all()
    rows, columns = np.nonzero(air.heart > 1)
    x, y = project(np.array([moved.centre_mm]), FRONT).points[0]
    farthest = np.hypot(columns - x, rows - y).max() * FRONT.spacing_mm
    assert farthest < 57 * 1.04 * 1.1 + 8  # the longest half axis, nearer to the source, uneven


@pytest.mark.parametrize(("primary", "side"), [(50.0, 1), (-50.0, -1)])
def test_the_spine_is_right_in_lao_and_left_in_rao(primary: float, side: int) -> None:
    view = replace(VIEW, primary_deg=primary, secondary_deg=0)
    columns = np.mean([bones(rng(seed), view, TYPICAL_HEART) for seed in range(4)], axis=(0, 1))
    middle = (view.size - 1) / 2
    assert np.sign(blurred(np.tile(columns, (view.size, 1)), 3)[0].argmax() - middle) == side


@pytest.mark.parametrize("width", [3.0, 11.0, 40.0])
def test_noise_has_deviation_1_and_its_width(width: float) -> None:
    noise = smooth_noise(rng(4), 256, width)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.02)
    near, far = max(1, int(width / 4)), int(2 * width)
    assert (noise[:, near:] * noise[:, :-near]).mean() > 0.6
    assert abs((noise[:, far:] * noise[:, :-far]).mean()) < 0.4


def test_a_wide_blur_on_a_coarse_grid_is_the_same_blur() -> None:
    image = np.zeros((256, 256), dtype=np.float32)
    image[100:150, 90:160] = 1
    expected = gaussian_filter(image, 20, mode="reflect")
    np.testing.assert_allclose(blurred(image, 20), expected, atol=0.015)
