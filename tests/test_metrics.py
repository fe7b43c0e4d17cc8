import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from monai.metrics import (
    compute_average_surface_distance,
    compute_dice,
    compute_hausdorff_distance,
)
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from skimage.morphology import skeletonize

from coroseg.errors import DataError, SpacingError
from coroseg.metrics import (
    Mask,
    as_mask,
    average_surface_distance,
    centreline_dice,
    dice,
    evaluate,
    hausdorff,
    outline,
    surface_distances,
)

SPACING = (0.5, 0.2)  # mm
RATIOS = ("dsc", "sn", "sp", "cldice")
DISTANCES = ("hd", "hd95", "asd")


def random_pair(seed: int, density: float = 0.4) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((2, 24, 31)) < density


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=9))
    return draw(arrays(np.bool_, shape)), draw(arrays(np.bool_, shape))


def slow_outline(mask: Mask) -> Mask:
    padded = np.pad(mask, 1)
    around = [np.roll(padded, step, axis) for axis in (0, 1) for step in (-1, 1)]
    return (padded & ~np.logical_and.reduce(around))[1:-1, 1:-1]


# Against a search over all pairs


@given(pairs())
def test_outline_is_where_a_4_neighbour_is_outside(pair: tuple[Mask, Mask]) -> None:
    np.testing.assert_array_equal(outline(pair[0]), slow_outline(pair[0]))


@pytest.mark.parametrize("density", [0.02, 0.4, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_distances_match_a_search_over_all_pairs(seed: int, density: float) -> None:
    mask, truth = random_pair(seed, density)
    points = [np.argwhere(slow_outline(a)) * SPACING for a in (mask, truth)]
    there, back = (cdist(*points).min(axis=axis) for axis in (1, 0))

    np.testing.assert_allclose(surface_distances(mask, truth, SPACING), there)
    np.testing.assert_allclose(surface_distances(truth, mask, SPACING), back)
    scores = evaluate(mask, truth, spacing_mm=SPACING)
    assert scores.hd == pytest.approx(max(there.max(), back.max()))
    assert scores.hd95 == pytest.approx(max(np.percentile(d, 95) for d in (there, back)))
    assert scores.asd == pytest.approx(np.concatenate([there, back]).mean())


@pytest.mark.parametrize("seed", range(5))
def test_ratios_match_a_count_of_pixels(seed: int) -> None:
    mask, truth = random_pair(seed)
    pixels = list(zip(mask.ravel().tolist(), truth.ravel().tolist(), strict=True))
    tp, fp = pixels.count((True, True)), pixels.count((True, False))
    fn, tn = pixels.count((False, True)), pixels.count((False, False))
    scores = evaluate(mask, truth, spacing_mm=SPACING)
    assert scores.dsc == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert scores.sn == pytest.approx(tp / (tp + fn))
    assert scores.sp == pytest.approx(tn / (tn + fp))
    assert scores.area == pytest.approx((tp + fp) * 0.5 * 0.2)
    assert scores.truth_area == pytest.approx((tp + fn) * 0.5 * 0.2)


@pytest.mark.parametrize("seed", range(5))
def test_cldice_matches_its_formula(seed: int) -> None:
    mask, truth = random_pair(seed, density=0.6)
    mask_line, truth_line = skeletonize(mask), skeletonize(truth)
    precision = (mask_line & truth).sum() / mask_line.sum()
    recall = (truth_line & mask).sum() / truth_line.sum()
    expected = 2 * precision * recall / (precision + recall)
    assert centreline_dice(mask, truth) == pytest.approx(expected)
    assert evaluate(mask, truth).cldice == pytest.approx(expected)


# Against MONAI, which takes (batch, channel, row, column), and returns float32


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # of MONAI's own call
@pytest.mark.parametrize("density", [0.02, 0.4, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_scores_match_monai(seed: int, density: float) -> None:
    pair = random_pair(seed, density)
    scores = evaluate(*pair, spacing_mm=SPACING)
    tensors = [torch.from_numpy(a)[None, None].float() for a in pair]
    distances = {"include_background": True, "spacing": SPACING}

    hd = compute_hausdorff_distance(*tensors, **distances)
    hd95 = compute_hausdorff_distance(*tensors, **distances, percentile=95)
    asd = compute_average_surface_distance(*tensors, **distances, symmetric=True)
    dsc = compute_dice(*tensors, include_background=True)
    assert scores.hd == pytest.approx(hd.item(), rel=1e-6)
    assert scores.hd95 == pytest.approx(hd95.item(), rel=1e-6)
    assert scores.asd == pytest.approx(asd.item(), rel=1e-6)
    assert scores.dsc == pytest.approx(dsc.item(), rel=1e-6)


# Closed forms


@pytest.mark.parametrize(("down", "right"), [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_hausdorff_of_a_shifted_rectangle_is_the_shift(down: int, right: int) -> None:
    mask, truth = np.zeros((2, 30, 40), dtype=bool)
    truth[5:17, 6:26] = True
    mask[5 + down : 17 + down, 6 + right : 26 + right] = True
    scores = evaluate(mask, truth, spacing_mm=SPACING)
    shared = (12 - down) * (20 - right)
    assert scores.hd == pytest.approx(np.hypot(down * 0.5, right * 0.2))
    assert scores.dsc == pytest.approx(shared / 240)
    assert scores.sn == pytest.approx(shared / 240)
    assert scores.sp == pytest.approx(1 - (240 - shared) / (30 * 40 - 240))


def test_two_points_are_their_distance_apart() -> None:
    mask, truth = np.zeros((2, 20, 30), dtype=bool)
    mask[0, 0] = truth[6, 20] = True  # 3 mm down, 4 mm right
    scores = evaluate(mask, truth, spacing_mm=SPACING)
    assert (scores.hd, scores.hd95, scores.asd) == pytest.approx((5, 5, 5))
    assert (scores.dsc, scores.sn, scores.cldice) == (0, 0, 0)


@pytest.mark.parametrize("percentile", [0, 50, 95, 100])
def test_hausdorff_of_a_missed_vessel_is_the_length_missed(percentile: float) -> None:
    vessel, stub = np.zeros((2, 9, 101), dtype=bool)
    vessel[4, :] = stub[4, 0] = True  # the vessel's pixels lie 0, 1, ... 100 columns from the stub
    there, back = (surface_distances(*p, SPACING) for p in [(vessel, stub), (stub, vessel)])
    assert hausdorff(there, back, percentile) == pytest.approx(percentile * 0.2)
    assert hausdorff(back, there, percentile) == pytest.approx(percentile * 0.2)


def test_asd_counts_every_outline_pixel_once() -> None:
    vessel, stub = np.zeros((2, 9, 101), dtype=bool)
    vessel[4, :] = stub[4, 0] = True
    # 101 distances, 5050 columns in sum, one way and a single 0 the other: no mean of two means.
    assert evaluate(stub, vessel).asd == pytest.approx(5050 / 102)
    assert evaluate(vessel, stub, spacing_mm=SPACING).asd == pytest.approx(0.2 * 5050 / 102)


def test_cldice_ignores_the_width() -> None:
    wide, narrow = np.zeros((2, 21, 80), dtype=bool)
    wide[7:14] = narrow[9:12] = True
    assert centreline_dice(narrow, wide) == 1
    assert dice(narrow, wide) == pytest.approx(2 * 3 / (3 + 7))


def test_cldice_sees_the_missing_half() -> None:
    line, half = np.zeros((2, 21, 80), dtype=bool)
    line[10] = half[10, :40] = True
    assert centreline_dice(half, line) == pytest.approx(2 / 3)  # precision 1, recall 1/2


# Invariants


@given(pairs())
def test_scores_have_their_bounds_and_symmetry(pair: tuple[Mask, Mask]) -> None:
    forth, back = evaluate(*pair, spacing_mm=SPACING), evaluate(*pair[::-1], spacing_mm=SPACING)
    for name in ("dsc", "cldice", *DISTANCES):
        assert getattr(forth, name) == pytest.approx(getattr(back, name), nan_ok=True)
    for name in RATIOS:
        assert np.isnan(getattr(forth, name)) or 0 <= getattr(forth, name) <= 1
    if pair[0].any() and pair[1].any():
        assert 0 <= forth.hd95 <= forth.hd
        assert 0 <= forth.asd <= forth.hd
        assert forth.hd <= np.hypot(*(np.array(pair[0].shape) * SPACING))
        precision, recall = back.sn, forth.sn
        harmonic = 2 * precision * recall / (precision + recall) if precision + recall else 0
        assert forth.dsc == pytest.approx(harmonic)
    if pair[0].any():
        same = evaluate(pair[0], pair[0], spacing_mm=SPACING)
        assert (same.dsc, same.sn, same.cldice) == (1, 1, 1)
        assert (same.hd, same.hd95, same.asd) == (0, 0, 0)


@given(pairs(), st.sampled_from(["rows", "columns", "transpose", "pad"]))
def test_scores_do_not_depend_on_the_orientation(pair: tuple[Mask, Mask], change: str) -> None:
    before = evaluate(*pair, spacing_mm=SPACING)
    moved = {
        "rows": lambda a: a[::-1],
        "columns": lambda a: a[:, ::-1],
        "transpose": lambda a: a.T,
        "pad": lambda a: np.pad(a, ((2, 1), (0, 3))),
    }[change]
    spacing = SPACING[::-1] if change == "transpose" else SPACING
    after = evaluate(moved(pair[0]), moved(pair[1]), spacing_mm=spacing)
    unchanged = ["dsc", "sn", "area", "truth_area", *DISTANCES]
    if change == "pad":  # thinning takes sides, and padding adds background
        unchanged.append("cldice")
    else:
        unchanged.append("sp")
    for name in unchanged:
        assert getattr(after, name) == pytest.approx(getattr(before, name), nan_ok=True)


@given(pairs(), st.floats(0.01, 100))
def test_distances_scale_with_the_spacing(pair: tuple[Mask, Mask], factor: float) -> None:
    scaled = (SPACING[0] * factor, SPACING[1] * factor)
    before, after = (evaluate(*pair, spacing_mm=spacing) for spacing in (SPACING, scaled))
    for name in DISTANCES:
        assert getattr(after, name) == pytest.approx(getattr(before, name) * factor, nan_ok=True)
    for name in RATIOS:
        assert getattr(after, name) == pytest.approx(getattr(before, name), nan_ok=True)
    assert after.area == pytest.approx(before.area * factor**2)


# The empty case

FULL, EMPTY = np.ones((7, 5), dtype=bool), np.zeros((7, 5), dtype=bool)
LINE = EMPTY.copy()
LINE[3] = True
NAN = float("nan")


@pytest.mark.parametrize(
    ("mask", "truth", "ratios"),  # DSC, SN, SP, clDice
    [
        (EMPTY, EMPTY, (NAN, NAN, 1, NAN)),
        (EMPTY, LINE, (0, 0, 1, 0)),
        (LINE, EMPTY, (0, NAN, 1 - 5 / 35, 0)),
        (FULL, EMPTY, (0, NAN, 0, 0)),
    ],
)
def test_with_an_empty_mask_distances_do_not_exist(
    mask: Mask, truth: Mask, ratios: tuple[float, ...]
) -> None:
    scores = evaluate(mask, truth, spacing_mm=SPACING)
    assert [getattr(scores, name) for name in RATIOS] == pytest.approx(ratios, nan_ok=True)
    assert np.isnan([scores.hd, scores.hd95, scores.asd]).all()
    assert surface_distances(mask, truth, SPACING).size == 0
    assert np.isnan(average_surface_distance(np.empty(0), np.empty(0)))


def test_without_background_there_is_no_specificity() -> None:
    scores = evaluate(LINE, FULL)
    assert np.isnan(scores.sp)
    assert scores.sn == pytest.approx(1 / 7)


# Units and input


def test_without_a_spacing_distances_are_in_pixels() -> None:
    pair = random_pair(0)
    scores, unit_spacing = evaluate(*pair), evaluate(*pair, spacing_mm=(1, 1))
    assert (scores.unit, unit_spacing.unit) == ("px", "mm")
    assert scores.to_dict() | {"unit": "mm"} == unit_spacing.to_dict()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.uint16])
@pytest.mark.parametrize("vessel", [1, 255])
def test_masks_may_be_numbers(dtype: type, vessel: int) -> None:
    mask, truth = random_pair(1)
    assert evaluate((mask * vessel).astype(dtype), truth) == evaluate(mask, truth)


def test_masks_may_be_views() -> None:
    mask, truth = random_pair(1)
    copies = [a[::2, ::-3].copy() for a in (mask, truth)]
    assert evaluate(mask[::2, ::-3], truth[::2, ::-3]) == evaluate(*copies)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0, 1, 2]], "not binary"),
        ([[0, 1, 255]], "not binary"),
        ([[0, 128]], "not binary"),
        ([[0, -1]], "not binary"),
        ([[0.0, 0.5]], "not binary"),
        ([[0.0, NAN]], "not binary"),
        ([["a", "b"]], "not binary"),
        ([0, 1], r"shape \(2,\)"),
        ([[[0, 1]]], r"shape \(1, 1, 2\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
    ],
)
def test_what_is_no_mask_is_refused(values: object, message: str) -> None:
    with pytest.raises(DataError, match=f"^truth .*{message}"):
        as_mask(values, "truth")


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="mask is 7 x 5 and truth 5 x 7 pixels"):
        evaluate(FULL, FULL.T)


@pytest.mark.parametrize("spacing", [(0, 1), (0.2, -1), (NAN, 1), (1, float("inf"))])
def test_a_spacing_that_is_not_positive_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(SpacingError, match="not positive"):
        evaluate(FULL, FULL, spacing_mm=spacing)
