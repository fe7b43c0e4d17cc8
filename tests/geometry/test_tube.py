"""Outer widths of tubes that are known exactly."""

import numpy as np
import pytest
from catheters import arc, tube_angiogram

from coroseg.geometry.tube import measure_tube

SHAPE = (90, 140)


@pytest.mark.parametrize("width", [4.5, 7.0, 12.0])
@pytest.mark.parametrize("inside", [0.8, -1.0])
@pytest.mark.parametrize(("angle_deg", "blur_px"), [(0.0, 0.8), (21.0, 1.3)])
def test_width_is_that_of_the_outer_edges(
    width: float, inside: float, angle_deg: float, blur_px: float
) -> None:
    axis = arc((8, 45 - 60 * np.tan(np.radians(angle_deg))), angle_deg, 125)
    blur_px = min(blur_px, 0.2 * width)  # what is blurred more than that is not resolved
    image = tube_angiogram([(axis, width)], SHAPE, inside=inside, blur_px=blur_px)
    tube = measure_tube(image, axis[20:-40:2] + np.array([0.4, 1.2]), widest_px=16, narrowest_px=3)
    assert tube.width_px == pytest.approx(width, abs=0.15, rel=0.025)
    assert tube.hollow == (inside < 0)
    assert tube.misfit < 0.05
    assert np.std(tube.widths_px) < 0.1


@pytest.mark.parametrize("inside", [0.0, 1.6])
def test_another_filling_changes_little(inside: float) -> None:
    axis = arc((8, 45), 0, 125)
    image = tube_angiogram([(axis, 7.0)], SHAPE, inside=inside)
    tube = measure_tube(image, axis[20:-40:2], widest_px=16, narrowest_px=3)
    assert tube.width_px == pytest.approx(7, rel=0.12)


@pytest.mark.parametrize("seed", range(3))
def test_noise_scatters_the_pieces_and_hardly_the_whole(seed: int) -> None:
    axis = arc((8, 30), 15, 125)
    image = tube_angiogram([(axis, 7.0)], SHAPE, noise=0.03, seed=seed)
    tube = measure_tube(image, axis[20:-20:2], widest_px=14, narrowest_px=4)
    assert tube.width_px == pytest.approx(7, abs=0.35)
    assert 0.02 < np.std(tube.widths_px) < 1.0
    assert np.median(tube.widths_px) == pytest.approx(7, abs=0.5)


def test_the_path_bends_with_the_tube() -> None:
    axis = arc((8, 30), 0, 120, bend_deg=35)
    image = tube_angiogram([(axis, 7.0)], SHAPE)
    chord = axis[20] + np.linspace(0, 1, 101)[:, None] * (axis[-20] - axis[20])
    apart = np.abs(axis[:, None] - chord).sum(axis=2).min(axis=0).max()
    tube = measure_tube(image, chord, widest_px=14, narrowest_px=4)
    off = np.hypot(*(axis[:, None] - tube.path).transpose(2, 0, 1)).min(axis=0)
    assert apart > 4
    assert np.median(off) < 0.5
    assert tube.width_px == pytest.approx(7, abs=0.35)


def test_a_taper_is_told_by_the_pieces() -> None:
    axis = arc((8, 45), 0, 125)
    image = tube_angiogram([(axis, np.linspace(10, 5, len(axis)))], SHAPE)
    widths = measure_tube(image, axis[20:-20:2], widest_px=16, narrowest_px=3).widths_px
    assert widths[0] > 8.3
    assert widths[-1] < 6.5
    assert (np.diff(widths) < 0.1).all()


def test_no_tube_has_no_depth() -> None:
    image = tube_angiogram([], SHAPE, noise=0.01)
    path = np.stack([np.arange(20.0, 120), np.full(100, 45.0)], axis=1)
    tube = measure_tube(image, path, widest_px=14, narrowest_px=4)
    assert tube.dip < 0.02
