import numpy as np
import pytest
from vessel_masks import Mask, path

from coroseg.geometry.crossings import with_crossings
from coroseg.geometry.graph import Stretch, skeleton_graph
from coroseg.geometry.lumen import Lumen
from coroseg.geometry.pruning import without_spurs

SHAPE = (130, 180)


def crossed(mask: Mask) -> list[Stretch]:
    lumen = Lumen.of(mask)
    return with_crossings(without_spurs(skeleton_graph(lumen.mask), lumen), lumen)


def far_ends(stretch: Stretch) -> tuple[float, ...]:
    """Return the angles of a stretch's ends as seen from (90, 65), in degrees."""
    angles = np.degrees(np.arctan2(*(stretch.points[[0, -1]] - (90, 65)).T[::-1]))
    return tuple(sorted(float(angle) for angle in angles))


@pytest.mark.parametrize("degrees", [35, 50, 90])
@pytest.mark.parametrize("width", [5.0, 9.0])
def test_each_of_two_vessels_goes_on_through_the_other(degrees: float, width: float) -> None:
    x, y = 55 * np.cos(np.radians(degrees)), 55 * np.sin(np.radians(degrees))
    mask = path(SHAPE, [(20, 65), (160, 65)], 8)
    mask |= path(SHAPE, [(90 - x, 65 - y), (90 + x, 65 + y)], width)
    stretches = crossed(mask)
    assert len(stretches) == 2
    oblique = min(stretches, key=lambda s: s.length)
    assert far_ends(oblique) == pytest.approx((degrees - 180, degrees), abs=3)


def test_two_side_branches_opposite_each_other_are_no_crossing() -> None:
    mask = path(SHAPE, [(20, 65), (160, 65)], 9)
    mask |= path(SHAPE, [(90, 65), (125, 20)], 5) | path(SHAPE, [(90, 65), (125, 110)], 5)
    assert len(crossed(mask)) >= 4


def test_a_vessel_as_thick_after_as_before() -> None:
    mask = path(SHAPE, [(20, 65), (160, 65)], 8)
    mask |= path(SHAPE, [(90, 5), (90, 65)], 13) | path(SHAPE, [(90, 65), (90, 125)], 4)
    assert len(crossed(mask)) >= 4


def test_a_loop_that_ends_in_a_crossing_leaves_a_tree() -> None:
    # Two branches of one vessel cross at (120, 65): without the crossing this were a cycle.
    upper = [(20, 65), (60, 40), (90, 40), (150, 90)]
    lower = [(20, 65), (60, 90), (90, 90), (150, 40)]
    stretches = crossed(path(SHAPE, [(2, 65), (20, 65)], 7) | path(SHAPE, upper, 5)
                        | path(SHAPE, lower, 5))  # fmt: skip
    assert len(stretches) == 3
    assert max(s.length for s in stretches) < 170
