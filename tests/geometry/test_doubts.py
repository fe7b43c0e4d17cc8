"""Narrowings that may be no lesions: each reason by itself."""

from dataclasses import replace

import numpy as np
import pytest
from made_branches import START, STEP, Array, angiogram, found, lesion, line, measured, plateau

from coroseg.geometry.reference import reference_diameter
from coroseg.geometry.stenosis import find_stenoses
from coroseg.geometry.tree import Centreline, Stenosis

COUNT = 600
TAPER = np.linspace(9, 7, COUNT)
MIDDLE = 300
NARROW = TAPER * lesion(COUNT, MIDDLE, 80, 0.5)


def on_image(darker: Array, centreline: Centreline | None = None) -> tuple[Stenosis, ...]:
    """Return the narrowings of NARROW in its image, made `darker` (columns,) in logarithms."""
    centreline = centreline or line(COUNT)
    image, width = angiogram(NARROW)
    image = (image * np.exp(-darker * (image < 0.79))).astype(np.float32)
    mask = np.abs(np.mgrid[: image.shape[0], : image.shape[1]][0] - START[1]) <= width / 2
    diameters = measured(centreline, NARROW)
    reference = reference_diameter(centreline, diameters)
    return find_stenoses(centreline, diameters, reference, image, mask & (width > 0))


def around(middle_px: float, reach_px: float, depth: float) -> Array:
    """Return `depth` in the columns around a place on the line."""
    x = np.arange(60 + int(STEP * COUNT))
    return depth * (np.abs(x - START[0] - middle_px) <= reach_px)


def test_clear_lesion_has_no_flag() -> None:
    (clear,) = on_image(around(0, 0, 0.0))
    assert clear.flags == ()


def test_another_vessel_over_the_lesion_is_overlap() -> None:
    (crossed,) = on_image(around(STEP * MIDDLE, 12, 0.5))
    assert crossed.flags == ("overlap",)


def test_another_vessel_beside_the_lesion_is_no_overlap() -> None:
    (beside,) = on_image(around(STEP * (MIDDLE + 90), 5, 0.4))
    assert beside.flags == ()


@pytest.mark.parametrize(("bend", "flags"), [(1.0, ()), (1.6, ("foreshortened",))])
def test_dense_and_bent_neighbours_are_foreshortened(bend: float, flags: tuple[str, ...]) -> None:
    """Arc lengths stretched against the points stand for a line that winds towards the source."""
    centreline = line(COUNT)
    both = around(STEP * MIDDLE, 32, 0.6) - around(STEP * MIDDLE, 14, 0.6)
    stretched = replace(centreline, arc_px=bend * centreline.arc_px)
    (found_one,) = on_image(both, stretched)
    assert found_one.flags == flags


def test_faint_measures_are_low_contrast() -> None:
    (faint,) = found(line(COUNT), NARROW, confidence=0.2)
    assert faint.flags == ("low_contrast",)


def test_vessel_hardly_seen_on_both_sides_is_low_contrast() -> None:
    centreline = line(COUNT)
    image, _ = angiogram(NARROW)
    diameters = measured(centreline, NARROW, confidence=0.2)
    diameters.confidence[MIDDLE - 20 : MIDDLE + 20] = 0.9
    reference = reference_diameter(centreline, diameters)
    mask = np.zeros(image.shape, dtype=bool)
    (one,) = find_stenoses(centreline, diameters, reference, image, mask)
    assert one.flags == ("low_contrast",)


def test_depth_within_its_own_error_is_low_contrast() -> None:
    centreline = line(COUNT)
    image, _ = angiogram(NARROW)
    diameters = measured(centreline, NARROW)
    diameters.confidence[MIDDLE - 20 : MIDDLE + 20] = 0.0
    reference = reference_diameter(centreline, diameters)
    mask = np.zeros(image.shape, dtype=bool)
    (one,) = find_stenoses(centreline, diameters, reference, image, mask)
    # 4 px deep; at confidence 0 a diameter of 4 px is known to 2 px: 2 standard deviations.
    assert one.flags == ("low_contrast",)


def test_minimum_at_a_junction_is_flagged_and_one_further_on_is_not() -> None:
    (near,) = found(line(COUNT, [(MIDDLE + 2, MIDDLE + 14)]), NARROW)
    assert near.flags == ("junction",)
    (far,) = found(line(COUNT, [(MIDDLE + 25, MIDDLE + 37)]), NARROW)
    assert far.flags == ()


def test_at_a_junction_half_of_the_diameter_is_a_lesion() -> None:
    """What vessels share is wider than each of them, not narrower."""
    (tight,) = found(
        line(COUNT, [(MIDDLE + 2, MIDDLE + 14)]), TAPER * lesion(COUNT, MIDDLE, 80, 0.7)
    )
    assert tight.flags == ()


def test_narrow_between_places_that_are_not_known_is_another_vessel() -> None:
    px = TAPER * plateau(COUNT, 200, 400, 0.4) * lesion(COUNT, 300, 60, 0.1)
    px[190:206] = px[395:411] = np.nan
    (joined,) = found(line(COUNT), px)
    assert joined.flags == ("junction",)


def test_narrow_from_one_junction_to_the_next_is_another_vessel() -> None:
    px = TAPER * plateau(COUNT, 200, 400, 0.5) * lesion(COUNT, 300, 60, 0.1)
    (joined,) = found(line(COUNT, [(190, 205), (395, 410)]), px)
    assert joined.flags == ("junction",)
    (lesion_found,) = found(line(COUNT, [(190, 205)]), px)
    assert lesion_found.flags == ()


@pytest.mark.parametrize(("parent", "flags"), [(None, ("end",)), (1, ())])
def test_narrow_beginning_is_an_end_only_without_a_parent(
    parent: int | None, flags: tuple[str, ...]
) -> None:
    (beginning,) = found(line(COUNT, parent=parent), TAPER * plateau(COUNT, 0, 40, 0.5))
    assert beginning.flags == flags


def test_narrow_to_the_end_with_its_minimum_before_is_an_end() -> None:
    px = TAPER * plateau(COUNT, 480, COUNT, 0.4) * lesion(COUNT, 510, 40, 0.2)
    (step,) = found(line(COUNT), px)
    assert step.minimum == pytest.approx(510, abs=5)
    assert step.flags == ("end",)


def test_what_does_not_recover_is_an_end() -> None:
    fading = TAPER * np.interp(np.arange(COUNT), [0, COUNT - 60, COUNT - 1], [1, 1, 0.3])
    (end,) = found(line(COUNT), fading)
    assert end.flags == ("end",)
    (lesion_found,) = found(line(COUNT), TAPER * lesion(COUNT, COUNT - 90, 60, 0.6))
    assert lesion_found.flags == ()
