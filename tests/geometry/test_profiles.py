import numpy as np
from drawn_tubes import centreline, straight

from coroseg.geometry.profiles import Cuts, find_cuts, sample_profiles

ROWS, COLUMNS = 40, 70
NOWHERE = np.zeros((ROWS, COLUMNS), dtype=bool)


def upright(x: float = 30.0, diameter: float = 6.0) -> Cuts:
    points = straight((x, 5), (x, 34))
    return find_cuts([centreline(points, np.full(len(points), diameter))])


def test_a_profile_runs_across_the_vessel_in_pixels_of_the_image() -> None:
    ramp = np.tile(np.linspace(0.2, 0.8, COLUMNS, dtype=np.float32), (ROWS, 1))
    cuts = upright()
    profiles = sample_profiles(ramp, NOWHERE, cuts, np.arange(30), blur_px=0.8)
    sign = cuts.normal[0, 0]
    assert abs(sign) == 1  # the vessel runs down: its normal is along the row
    x = 30 + sign * profiles.offset
    np.testing.assert_allclose(profiles.value, 0.2 + 0.6 * x / 69, atol=1e-3)
    np.testing.assert_allclose(profiles.offset[:, -1], 1.4 * 3 + 3.5 * 0.8 + 2)


def test_a_profile_ends_half_way_to_the_next_vessel() -> None:
    mask = NOWHERE.copy()
    mask[:, 27:34] = True  # this vessel, x = 26.5 to 33.5
    mask[:, 38:44] = True  # its neighbour from 37.5 on
    image = np.full((ROWS, COLUMNS), 0.5, np.float32)
    cuts = upright(diameter=7.0)
    profiles = sample_profiles(image, mask, cuts, np.arange(30), blur_px=1.0)
    x = 30 + cuts.normal[0, 0] * profiles.offset
    used = x[profiles.weight > 0]
    assert 34.5 < used.max() <= 36
    assert used.min() == x.min()


def test_a_profile_ends_at_the_image_s_border() -> None:
    image = np.full((ROWS, COLUMNS), 0.5, np.float32)
    cuts = upright(x=66.0)
    profiles = sample_profiles(image, NOWHERE, cuts, np.arange(30), blur_px=1.0)
    x = 66 + cuts.normal[0, 0] * profiles.offset
    np.testing.assert_array_equal(profiles.weight > 0, x <= COLUMNS - 1)


def test_where_another_vessel_touches_only_a_pixel_beside_the_own_one_counts() -> None:
    mask = NOWHERE.copy()
    mask[:, 27:50] = True
    image = np.full((ROWS, COLUMNS), 0.5, np.float32)
    cuts = upright(diameter=7.0)
    profiles = sample_profiles(image, mask, cuts, np.arange(30), blur_px=1.0)
    x = 30 + cuts.normal[0, 0] * profiles.offset
    assert x[profiles.weight > 0].max() <= 30 + 3.5 + 1
