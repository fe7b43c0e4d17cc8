import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, label
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize
from vessel_masks import Mask, disc, path, ring, strip

from coroseg.errors import DataError
from coroseg.geometry.centreline import find_centrelines
from coroseg.geometry.lumen import fill_noise
from coroseg.geometry.tree import Centreline

SHAPE = (120, 170)  # rows, columns


def ends(line: Centreline) -> list[tuple[float, float]]:
    return sorted((float(x), float(y)) for x, y in line.points[[0, -1]])


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 75, 90, 135])
@pytest.mark.parametrize("width", [3.0, 5.0, 7.0, 11.0])
def test_straight_vessel(degrees: float, width: float) -> None:
    angle = np.radians(degrees)
    centre, along = np.array([85.0, 60.0]), np.array([np.cos(angle), np.sin(angle)])
    mask = strip(SHAPE, tuple(centre - 45 * along), tuple(centre + 45 * along), width)
    (line,) = find_centrelines(mask)
    place = (line.points - centre) @ along
    off = (line.points - centre) @ np.array([-along[1], along[0]])
    inner = np.abs(place) < 45 - width
    assert np.abs(off[inner]).max() <= 0.2
    assert np.abs(off).max() <= 0.7
    assert np.abs(place).max() == pytest.approx(45, abs=0.8)
    assert line.length_px == pytest.approx(90, abs=1.5)
    # At 45 degrees the rows of pixels lie 0.71 px apart, a width is known no better than that.
    assert line.mask_diameter_px[inner].mean() == pytest.approx(width, abs=0.71)
    assert line.mask_diameter_px[inner].std() < 0.3
    assert line.parent is None
    assert not line.junction.any()
    assert not line.loop.any()


@pytest.mark.parametrize("width", [12, 24])
def test_a_blunt_end_is_as_wide_as_the_vessel(width: float) -> None:
    """The largest disc shrinks towards an end; the walls do not."""
    (line,) = find_centrelines(strip(SHAPE, (20, 40), (150, 52), width))
    place = np.hypot(*(line.points - line.points[0]).T)
    whole = (place > 2) & (place < place[-1] - 2)
    assert line.mask_diameter_px[whole] == pytest.approx(width, abs=1)


def test_points_are_a_pixel_apart() -> None:
    mask = path(SHAPE, [(10, 20), (60, 30), (120, 90)], 6)
    (line,) = find_centrelines(mask)
    np.testing.assert_allclose(np.diff(line.arc_px), 1, atol=0.02)
    steps = np.hypot(*np.diff(line.points, axis=0).T)
    np.testing.assert_allclose(np.cumsum(steps), line.arc_px[1:])


def test_tapering_vessel_begins_at_its_wide_end() -> None:
    (line,) = find_centrelines(strip(SHAPE, (150, 90), (20, 40), 12, 3))
    assert line.points[0] == pytest.approx((150, 90), abs=1)
    share = np.hypot(*(line.points - line.points[0]).T) / np.hypot(130, 50)
    inner = (share > 0.1) & (share < 0.9)
    error = line.mask_diameter_px - (12 - 9 * share)
    assert abs(error[inner].mean()) < 0.1
    assert np.abs(error[inner]).max() < 0.8


def test_the_ostium_wins_over_the_widest_end() -> None:
    (line,) = find_centrelines(strip(SHAPE, (150, 90), (20, 40), 12, 3), root=(15, 50))
    assert line.points[0] == pytest.approx((20, 40), abs=1.5)


@pytest.mark.parametrize(("radius", "width"), [(40, 6), (20, 5), (11, 4)])
def test_ring_is_kept_flagged_and_not_drawn_inwards(radius: float, width: float) -> None:
    (line,) = find_centrelines(ring(SHAPE, (80.3, 60.6), radius, width))
    assert line.loop.all()
    assert not line.junction.any()
    np.testing.assert_array_equal(line.points[0], line.points[-1])
    distance = np.hypot(*(line.points - (80.3, 60.6)).T)
    assert distance.mean() == pytest.approx(radius, abs=0.05)
    assert np.abs(distance - radius).max() < 0.45
    assert line.mask_diameter_px.mean() == pytest.approx(width, abs=0.1)


def test_y_junction() -> None:
    mask = path(SHAPE, [(10, 60), (70, 60)], 9) | path(SHAPE, [(70, 60), (150, 45)], 8)
    mask |= path(SHAPE, [(70, 60), (130, 110)], 7)
    parent, child = find_centrelines(mask)
    assert (parent.number, parent.parent, parent.parent_index) == (1, None, None)
    assert (child.number, child.parent) == (2, 1)
    assert parent.points[0] == pytest.approx((5.5, 60), abs=1)
    assert parent.points[-1] == pytest.approx((154, 44.3), abs=1)
    assert child.points[-1] == pytest.approx((132.7, 112.2), abs=1)
    assert child.parent_index is not None
    np.testing.assert_allclose(child.points[0], parent.points[child.parent_index])
    assert child.points[0] == pytest.approx((70, 60), abs=4)
    x, y = parent.points.T
    assert np.abs(y - np.where(x < 70, 60, 60 - 15 / 80 * (x - 70))).max() < 0.6

    near = np.hypot(*(parent.points - child.points[0]).T)
    assert parent.junction[near < 3].all()
    assert not parent.junction[near > 14].any()
    assert child.junction[child.arc_px < 4].all()
    assert not child.junction[child.arc_px > 14].any()
    clear = ~parent.junction
    assert np.median(parent.mask_diameter_px[clear & (x < 60)]) == pytest.approx(9, abs=0.3)
    assert np.median(parent.mask_diameter_px[clear & (x > 85)]) == pytest.approx(8, abs=0.3)
    assert np.median(child.mask_diameter_px[~child.junction]) == pytest.approx(7, abs=0.3)


def test_a_twig_leaves_the_vessel_s_lumen_as_it_is() -> None:
    mask = path(SHAPE, [(10, 60), (150, 45)], 10) | path(SHAPE, [(70, 54), (120, 110)], 4)
    parent, twig = find_centrelines(mask)
    assert not parent.junction.any()
    assert twig.junction[twig.arc_px < 5].all()
    assert not twig.junction[twig.arc_px > 14].any()


def test_vessel_keeps_to_its_course_past_a_side_branch() -> None:
    angle = np.linspace(-1.1, 1.1, 60)
    arc = list(zip(85 + 60 * np.sin(angle), 100 - 60 * np.cos(angle), strict=True))
    mask = path(SHAPE, arc, 9) | path(SHAPE, [(85, 40), (110, 8)], 5)
    parent, _ = find_centrelines(mask)
    off = np.hypot(*(parent.points - (85, 100)).T) - 60
    assert np.abs(off).mean() < 0.2
    past = np.abs(parent.points[:, 0] - 85) < 20
    assert np.abs(off[past]).max() < 0.6


@pytest.mark.parametrize("degrees", [35, 60, 90])
@pytest.mark.parametrize("width", [4.0, 8.0])
def test_crossing_vessels_go_straight_through(degrees: float, width: float) -> None:
    half = 45 * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    one = path(SHAPE, [(10, 60), (160, 60)], 8)
    lines = find_centrelines(
        one | path(SHAPE, [tuple(np.array([85, 60]) + side * half) for side in (-1, 1)], width)
    )
    assert [line.parent for line in lines] == [None, None]
    lengths = sorted(line.length_px for line in lines)
    assert lengths == pytest.approx([90 + width, 158], abs=2)
    for line in lines:
        away = np.hypot(*(line.points - (85, 60)).T)
        thinner = line is min(lines, key=lambda each: each.length_px)
        assert line.junction[away < 3].all() == (thinner or width > 4)
        assert not line.junction[away > 30].any()
        assert not line.loop.any()
    straight = max(lines, key=lambda line: line.length_px)
    assert np.abs(straight.points[:, 1] - 60).max() < 0.3


@pytest.mark.parametrize("width", [1, 2])
def test_thin_vessels_are_whole(width: int) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[30 : 30 + width, 20:100] = True
    (line,) = find_centrelines(mask)
    first, last = ends(line)
    assert first == pytest.approx((20, 29.5 + width / 2), abs=0.6)
    assert last == pytest.approx((99, 29.5 + width / 2), abs=0.6)
    np.testing.assert_allclose(line.points[:, 1], 29.5 + width / 2, atol=0.01)
    np.testing.assert_allclose(line.mask_diameter_px, width, atol=0.01)


@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("width", [1, 2])
def test_thin_diagonal_vessels_are_whole(step: int, width: int) -> None:
    mask = np.eye(60, 90, dtype=bool) | (np.eye(60, 90, 1, dtype=bool) & (width == 2))
    (line,) = find_centrelines(mask[:, ::step])
    assert line.length_px == pytest.approx(59 * np.sqrt(2), abs=1.5)
    assert (line.mask_diameter_px >= 1).all()


def test_vessel_across_the_image_reaches_both_borders() -> None:
    (line,) = find_centrelines(path(SHAPE, [(-30, 20), (200, 100)], 8))
    x, y = line.points.T
    assert sorted([x[0], x[-1]]) == pytest.approx([0, 169], abs=0.5)
    np.testing.assert_allclose(y, 20 + (x + 30) * 80 / 230, atol=0.5)
    assert line.mask_diameter_px == pytest.approx(8, abs=1)


def test_vessel_out_of_the_corner_of_the_image() -> None:
    (line,) = find_centrelines(path((80, 100), [(-20, -20), (60, 60)], 6))
    assert line.points.min() >= 0
    assert ends(line)[0] == pytest.approx((0, 0), abs=0.6)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros(SHAPE, dtype=bool),
        np.zeros((1, 1), dtype=bool),
        disc(SHAPE, (60, 40), 3),
        disc(SHAPE, (60, 40), 15),
        disc(SHAPE, (60, 40), 0.5),
    ],
)
def test_no_vessel_no_centreline(mask: Mask) -> None:
    assert find_centrelines(mask) == []


def test_a_mask_that_fills_the_image_has_finite_diameters() -> None:
    for line in find_centrelines(np.ones((30, 70), dtype=bool)):
        assert np.isfinite(line.mask_diameter_px).all()


def test_pieces_are_roots_and_begin_beyond_the_gap() -> None:
    near = strip(SHAPE, (10, 60), (80, 60), 9, 7)
    beyond = strip(SHAPE, (86, 60), (150, 80), 5, 6)  # its widest end is the far one
    alone = strip(SHAPE, (150, 15), (100, 20), 4, 6)
    first, second, third = find_centrelines(near | beyond | alone)
    assert [line.parent for line in (first, second, third)] == [None] * 3
    starts = sorted(tuple(line.points[0]) for line in (first, second, third))
    assert starts[0] == pytest.approx((10, 60), abs=1)
    assert starts[1] == pytest.approx((86, 60), abs=1)
    assert starts[2] == pytest.approx((100, 20), abs=1)


@st.composite
def trees(draw: st.DrawFn) -> Mask:
    shape = (90, 130)
    place = st.tuples(st.integers(-5, 135), st.integers(-5, 95))
    mask = np.zeros(shape, dtype=bool)
    joints = [draw(place)]
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.sampled_from(joints))
        joints.append(draw(place))
        mask |= path(shape, [start, joints[-1]], draw(st.floats(1.5, 12)))
    return mask


@settings(max_examples=25, deadline=None)
@given(trees())
def test_points_lie_in_the_vessel_and_parents_come_first(mask: Mask) -> None:
    wide = binary_dilation(fill_noise(mask), np.ones((3, 3)))
    for number, line in enumerate(find_centrelines(mask), start=1):
        assert line.number == number
        x, y = np.rint(line.points).astype(int).T
        assert wide[y, x].mean() > 0.97  # a bridge at a junction may cut a corner
        assert (line.mask_diameter_px >= 1).all()
        assert line.points.shape == (len(line.arc_px), 2)
        assert (line.parent is None) == (line.parent_index is None)
        assert line.parent is None or line.parent < number


# Thinning knows rows from columns, so that these two hold closely and not exactly: always the same
# examples, then, and tolerances that hundreds of others keep.
@settings(max_examples=25, deadline=None, derandomize=True)
@given(trees())
def test_the_skeleton_is_covered(mask: Mask) -> None:
    lines = find_centrelines(mask)
    if not lines:
        return
    pieces, _ = label(mask, np.ones((3, 3)))  # one without a line is no vessel
    points = np.rint(np.concatenate([line.points for line in lines])).astype(int)
    vessels = np.setdiff1d(pieces[points[:, 1], points[:, 0]], 0)
    skeleton = np.argwhere(skeletonize(np.isin(pieces, vessels)))[:, ::-1]
    radius = 6 + 1.5  # half the widest vessel
    distance, _ = cKDTree(np.concatenate([line.points for line in lines])).query(skeleton)
    assert (distance <= 3 * radius).all()
    assert np.mean(distance <= radius) > 0.9


@settings(max_examples=15, deadline=None, derandomize=True)
@given(trees())
def test_a_turned_mask_has_the_same_length(mask: Mask) -> None:
    there = sum(line.length_px for line in find_centrelines(mask))
    turned = sum(line.length_px for line in find_centrelines(np.rot90(mask)))
    assert turned == pytest.approx(there, rel=0.1, abs=25)


def test_noise_is_refused_in_one_line() -> None:
    noise = np.random.default_rng(0).random((256, 256)) > 0.5
    with pytest.raises(DataError, match="is noise, no vessels"):
        find_centrelines(noise)
