"""Two vessels side by side that a mask shows as one."""

import numpy as np
import pytest
from drawn_tubes import centreline, straight

from coroseg.geometry.merged import without_merged
from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.tree import Centreline, Diameters, Values


def branch(px: Values, junction: slice) -> tuple[Centreline, Diameters]:
    line = centreline(straight((5, 5), (5 + len(px) - 1, 5)), px)
    line.junction[junction] = True
    px = np.where(line.junction, np.nan, px)
    return line, Diameters(px, ~line.junction, np.where(line.junction, 0.0, 0.9))


def widened(first: int, last: int, times: float) -> Values:
    px = np.linspace(10, 8, 300)
    px[first:last] *= times
    return px


@pytest.mark.parametrize("times", [1.05, 1.15, 1.5, 3.0])
def test_what_is_wider_from_a_junction_on_is_two_vessels(times: float) -> None:
    line, diameters = branch(widened(160, 210, times), slice(150, 160))
    found, _ = without_merged(line, diameters)
    merged = np.zeros(300, dtype=bool)
    merged[160:210] = times > 1.1
    np.testing.assert_array_equal(np.isnan(found.px), merged | line.junction)
    assert not found.from_edge[merged].any()
    assert not found.confidence[merged].any()
    np.testing.assert_array_equal(found.px[~merged], diameters.px[~merged])


def test_an_ectasia_far_from_junctions_survives() -> None:
    line, diameters = branch(widened(160, 210, 1.6), slice(20, 30))
    found, _ = without_merged(line, diameters)
    np.testing.assert_array_equal(found.px, diameters.px)


def test_a_vessel_that_narrows_at_a_junction_stays() -> None:
    line, diameters = branch(widened(0, 150, 1.5), slice(150, 160))
    found, _ = without_merged(line, diameters)
    np.testing.assert_array_equal(found.px, diameters.px)


def test_the_reference_is_that_of_what_is_left() -> None:
    line, diameters = branch(widened(160, 210, 1.5), slice(150, 160))
    found, reference = without_merged(line, diameters)
    np.testing.assert_array_equal(reference, reference_diameter(line, found))


def test_no_diameter_stays_none() -> None:
    line, diameters = branch(np.full(30, 8.0), slice(0, 30))
    found, _ = without_merged(line, diameters)
    assert np.isnan(found.px).all()
