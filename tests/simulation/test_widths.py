"""The width of a vessel's shadow, held against the shadow itself, drawn by `coverage`."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from straight_vessels import VIEW, full, in_view, straight, tube

from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.scene import Array
from coroseg.simulation.sections import half_width_px, join, see
from coroseg.simulation.widths import width_px

FINE = replace(VIEW, pitch_mm=VIEW.pitch_mm / 2, size=2 * VIEW.size)
"""Steep walls are drawn the better the finer the pixels."""

STEP_PX = 0.05


def slanted(degrees: float) -> Array:
    """Return points 30 mm long in the image, towards the viewer by so many degrees."""
    depth = 15 * np.tan(np.radians(degrees))
    return straight(*in_view(VIEW, *np.transpose([(-15, -4, -depth), (15, 4, depth)])))


def waist(points: Array, radius: float, length: float) -> Array:
    """Return the radii of a tube that is a tenth as wide in its middle, over `length` mm."""
    arc = np.linalg.norm(points - points[len(points) // 2], axis=1)
    return radius * (1 - 0.9 * (1 + np.cos(np.pi * np.clip(2 * arc / length, 0, 1))) / 2)


@pytest.mark.parametrize("degrees", [0, 30, 50, 65])
@pytest.mark.parametrize("length", [4.0, 10.0])
@pytest.mark.parametrize("flat", [1.0, 0.6])
def test_it_is_the_width_of_the_shadow(degrees: float, length: float, flat: float) -> None:
    points = slanted(degrees)
    radius = waist(points, 1.5, length)
    vessel = tube(points, radius, flat * radius)
    sections = join([vessel])
    seen = see(sections, FINE)
    covered = lumen_maps([vessel], full([vessel]), FINE).coverage
    offset = np.arange(-25, 25, STEP_PX)
    inner = slice(len(points) // 6, -len(points) // 6)
    x, y = (
        (seen.place.points[inner, k, None] + offset * seen.across[inner, k, None]) for k in (0, 1)
    )
    shadow = cv2.remap(covered, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    found = width_px(seen, sections.vessel)[inner]
    drawn = STEP_PX * shadow.sum(axis=1)
    wide = found > 3  # a waist of a pixel is smoothed by the pixels beside it
    assert np.abs(found - drawn)[wide].max() < 0.6
    assert (found - drawn)[wide].mean() == pytest.approx(0, abs=0.12)


def test_a_vessel_seen_from_the_side_is_as_wide_as_its_sections() -> None:
    points = slanted(0)
    vessel = tube(points, waist(points, 1.5, 6.0), name="A")
    sections = join([vessel])
    seen = see(sections, VIEW)
    np.testing.assert_allclose(width_px(seen, sections.vessel), 2 * half_width_px(seen), rtol=0.02)


def test_another_vessel_does_not_count() -> None:
    one, other = tube(slanted(60), 1.5), tube(slanted(60) + 2.0, 1.0, name="B")
    alone, together = join([one]), join([one, other])
    apart = width_px(see(alone, VIEW), alone.vessel)
    both = width_px(see(together, VIEW), together.vessel)
    np.testing.assert_array_equal(both[: len(apart)], apart)
