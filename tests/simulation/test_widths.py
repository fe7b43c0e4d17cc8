"""The width of a vessel's shadow, held against rays by brute force."""

import numpy as np
import pytest
from straight_vessels import VIEW, in_view, marched, tube

from coroseg.simulation.scene import Array
from coroseg.simulation.sections import half_width_px, join, see
from coroseg.simulation.widths import width_px

STEP_PX = 0.2


def slanted(degrees: float) -> Array:
    """Return points 30 mm long in the image, towards the viewer by so many degrees."""
    depth = 15 * np.tan(np.radians(degrees))
    ends = in_view(VIEW, *np.transpose([(-15, -4, -depth), (15, 4, depth)]))
    return np.linspace(*ends, 601)  # the rays see steps where sections are far apart


def waist(points: Array, radius: float, length: float) -> Array:
    """Return the radii of a tube that is a tenth as wide in its middle, over `length` mm."""
    arc = np.linalg.norm(points - points[len(points) // 2], axis=1)
    return radius * (1 - 0.9 * (1 + np.cos(np.pi * np.clip(2 * arc / length, 0, 1))) / 2)


@pytest.mark.parametrize("degrees", [0, 50, 65])
@pytest.mark.parametrize(("length", "flat"), [(4.0, 1.0), (10.0, 0.6)])
def test_it_is_the_width_of_the_shadow(degrees: float, length: float, flat: float) -> None:
    points = slanted(degrees)
    radius = waist(points, 1.5, length)
    vessel = tube(points, radius, flat * radius)
    sections = join([vessel])
    seen = see(sections, VIEW)
    found = width_px(seen, sections.vessel)
    # Not the very waist: wide parts just graze its line or do not, and rays in steps cannot tell.
    chosen = len(points) // 2 + np.arange(-90, 91, 20)
    offset = np.arange(-7, 7, STEP_PX)
    places = seen.place.points[chosen, None] + offset[:, None] * seen.across[chosen, None]
    met = marched([vessel], VIEW, places.reshape(-1, 2), 0.1, fine=1) > 0
    shadow = STEP_PX * met.reshape(len(chosen), -1).sum(axis=1)
    np.testing.assert_allclose(found[chosen], shadow, atol=0.5)
    assert found[chosen].mean() == pytest.approx(shadow.mean(), abs=0.15)


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
