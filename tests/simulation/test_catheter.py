from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.camera import project
from coroseg.simulation.catheter import catheter_attenuation, place_catheter
from coroseg.simulation.reflux import blush, spilled_contrast
from coroseg.simulation.scene import Anatomy, View

VIEW = View(1050, 760, primary_deg=-35, secondary_deg=-20, pitch_mm=0.7, size=256)


@pytest.fixture(scope="module", params=["LCA", "RCA"])
def anatomy(request: pytest.FixtureRequest) -> Anatomy:
    return grow_anatomy(np.random.default_rng(8), artery=request.param, lesions=False)


@pytest.mark.parametrize("seed", range(6))
def test_a_catheter_is_smooth_from_the_ostium_to_the_aorta(anatomy: Anatomy, seed: int) -> None:
    catheter = place_catheter(np.random.default_rng(seed), anatomy, 6)
    points, ostium = catheter.points_mm, anatomy.vessels[0].points_mm[0]
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    assert np.linalg.norm(points - ostium, axis=1).min() < 0.5
    assert np.linalg.norm(points[0] - ostium) < 2
    assert points[:, 2].max() > ostium[2] + 80
    np.testing.assert_allclose(lengths, 0.25, atol=0.01)
    directions = steps / lengths[:, None]
    turn = np.arccos(np.clip((directions[1:] * directions[:-1]).sum(axis=1), -1, 1)) / 0.25
    assert turn.max() < 1 / 3  # no bend is tighter than 3 mm
    tangents = np.gradient(points, axis=0)
    np.testing.assert_allclose((catheter.axis * tangents).sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(catheter.axis, axis=1), 1)
    assert (np.diff(catheter.path_mm) < 0).all()
    assert catheter.path_mm[0] == pytest.approx(1.5)


@pytest.mark.parametrize("french", [5.0, 7.0])
def test_its_width_in_the_image_is_its_size_times_the_magnification(
    anatomy: Anatomy, french: float
) -> None:
    view = replace(VIEW, pitch_mm=0.3, size=720)
    catheter = place_catheter(np.random.default_rng(1), anatomy, french)
    shown = catheter_attenuation(catheter, view, contrast=0.0)
    seen = project(catheter.points_mm, view)
    way = np.gradient(seen.points, axis=0)
    length = np.linalg.norm(way, axis=1)
    normal = way[:, ::-1] * [1, -1] / length[:, None]
    reach = np.arange(-15, 15, 0.05)
    widths, expected = [], []
    number = np.arange(len(seen.points))
    for k in number[40::3]:
        alone = np.linalg.norm(seen.points - seen.points[k], axis=1)[np.abs(number - k) > 160].min()
        inside = np.abs(seen.points[k] - view.size / 2).max() < view.size / 2 - 16
        if not inside or alone < 22 or length[k] < 0.15 * seen.px_per_mm[k]:
            continue
        x, y = (seen.points[k] + reach[:, None] * normal[k]).T
        profile = map_coordinates(shown, [y, x], order=1)
        widths.append((profile > 0.35 * profile.max()).sum() * 0.05)
        expected.append(french / 3 * seen.px_per_mm[k])
    assert len(widths) > 8
    assert np.median(np.array(widths) / expected) == pytest.approx(1.0, rel=0.05)


def test_it_follows_the_ostium_and_keeps_its_shape(anatomy: Anatomy) -> None:
    shift = np.array([3.0, -2.0, 5.0])
    vessels = tuple(replace(v, points_mm=v.points_mm + shift) for v in anatomy.vessels)
    here, there = (
        place_catheter(np.random.default_rng(5), a, 6)
        for a in (anatomy, replace(anatomy, vessels=vessels))
    )
    np.testing.assert_allclose(there.points_mm, here.points_mm + shift, atol=1e-9)


def test_an_empty_catheter_has_dark_walls_only(anatomy: Anatomy) -> None:
    catheter = place_catheter(np.random.default_rng(2), anatomy, 6)
    full = catheter_attenuation(catheter, VIEW, contrast=1.0, iodine_per_mm=0.3)
    half = catheter_attenuation(catheter, VIEW, contrast=0.5, iodine_per_mm=0.3)
    empty = catheter_attenuation(catheter, VIEW, contrast=0.0, iodine_per_mm=0.3)
    np.testing.assert_allclose(half, (full + empty) / 2, atol=1e-5)
    assert 0 < empty.max() < full.max()


def test_contrast_is_spilled_beside_the_ostium_or_not_at_all(anatomy: Anatomy) -> None:
    x, y = project(anatomy.vessels[0].points_mm[:1], VIEW).points[0]
    amounts = []
    for seed in range(12):
        spilled = spilled_contrast(np.random.default_rng(seed), anatomy, VIEW)
        amounts.append(spilled.max())
        if spilled.max() > 0.2:
            row, column = np.unravel_index(spilled.argmax(), spilled.shape)
            assert np.hypot(column - x, row - y) * VIEW.spacing_mm < 25
    assert min(amounts) == 0
    assert 0.2 < max(amounts) <= 6


def test_blush_is_faint_and_near_the_vessels() -> None:
    coverage = np.zeros((VIEW.size, VIEW.size), dtype=np.float32)
    coverage[100:104, 30:90] = 1
    muscle = blush(np.random.default_rng(3), coverage, VIEW)
    assert 0 < muscle.max() < 0.25
    assert muscle[102, 60] > 3 * muscle[102, 200]
