from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from stored_runs import LABELS, changed, make_stored, missed, without

from coroseg.report.comparison import Comparison, Summary, compare, summarise
from coroseg.report.scoreboard import scoreboard
from coroseg.report.stored import Stored

SMALL = make_stored(models=["unet", "unet3plus"], folds=2, units=4, images_per_unit=2)
IMAGES = sorted({row.image for row in SMALL.images})


def summary(stored: Stored, model: str, metric: str) -> Summary:
    return summarise(scoreboard(stored), seed=0)[model, metric]


def comparison(stored: Stored, model: str, other: str, metric: str = "dsc") -> Comparison:
    (found,) = compare(scoreboard(stored), [(model, other)], [metric], seed=0)[metric]
    return found


def scores(stored: Stored, model: str, metric: str = "dsc") -> dict[tuple[str, int], float]:
    return {(r.image, r.fold): getattr(r, metric) for r in stored.images if r.model == model}


def test_mean_and_deviation_of_folds(stored: Stored) -> None:
    found = summary(stored, "unet", "hd95")
    rows = [row for row in stored.images if row.model == "unet"]
    folds = [np.mean([row.hd95 for row in rows if row.fold == fold]) for fold in (1, 2, 3)]
    assert found.mean == pytest.approx(np.mean([row.hd95 for row in rows]))
    assert found.mean == pytest.approx(np.mean(folds))
    assert found.sd == pytest.approx(np.std(folds, ddof=1))
    assert found.low < found.mean < found.high
    assert (found.undefined, found.mean_defined) == (0, pytest.approx(found.mean))


def test_undefined_distances_are_counted_and_stand_as_the_diagonal(stored: Stored) -> None:
    before = summary(stored, "cgnet", "asd")
    found = summary(missed(stored, "cgnet", "unit2_view1"), "cgnet", "asd")
    (lost,) = (row for row in stored.images if (row.model, row.image) == ("cgnet", "unit2_view1"))
    assert found.undefined == 1
    assert found.mean == pytest.approx((12 * before.mean - lost.asd + lost.diagonal) / 12)
    assert found.mean_defined == pytest.approx((12 * before.mean - lost.asd) / 11)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(IMAGES),
    st.sampled_from(["hd", "hd95", "asd"]),
    st.floats(0, SMALL.images[0].diagonal),
)
def test_a_missed_vessel_never_improves_a_distance(
    image: str, metric: str, distance: float
) -> None:
    found = changed(SMALL, "unet", image, **{metric: distance})
    lost = missed(found, "unet", image)
    before, after = (summary(run, "unet", metric) for run in (found, lost))
    assert after.mean >= before.mean
    assert after.low >= before.low
    assert after.high >= before.high
    left, right = (comparison(run, "unet", "unet3plus", metric) for run in (found, lost))
    assert right.images == left.images  # no image leaves the test
    assert right.difference >= left.difference


def test_a_false_vessel_where_there_is_none_is_no_better_than_silence() -> None:
    nothing = {"truth_area": 0.0, "sn": nan}
    silent = {"area": 0.0, "dsc": nan, "cldice": nan, "hd": nan, "hd95": nan, "asd": nan, "sp": 1.0}
    both = changed(SMALL, "unet", IMAGES[0], **nothing, **silent)
    both = changed(both, "unet3plus", IMAGES[0], **nothing, **silent)
    loud = silent | {"area": 5.0, "dsc": 0.0, "cldice": 0.0, "sp": 0.9}
    false = changed(both, "unet", IMAGES[0], **nothing, **loud)
    assert comparison(false, "unet", "unet3plus").images == len(IMAGES)
    assert summary(false, "unet", "dsc").mean < summary(both, "unet", "dsc").mean
    assert summary(false, "unet", "hd").mean > summary(both, "unet", "hd").mean
    assert comparison(false, "unet", "unet3plus", "sn").images == len(IMAGES) - 1


def test_differences_are_tested_over_units(stored: Stored) -> None:
    found = comparison(stored, "unet", "unet3plus")
    ours, theirs = scores(stored, "unet"), scores(stored, "unet3plus")
    differences = {case: ours[case] - theirs[case] for case in ours}
    units = [
        np.mean([d for (image, _), d in differences.items() if image.startswith(f"unit{u}_")])
        for u in range(6)
    ]
    assert found.difference == pytest.approx(np.mean(list(differences.values())))
    assert found.p == pytest.approx(stats.wilcoxon(units).pvalue)
    assert (found.images, found.units, found.folds) == (12, 6, 3)
    assert found.p_holm == found.p


def test_folds_of_an_image_are_averaged_before_the_test() -> None:
    stored = make_stored(scheme="paper", unit_kind="image", folds=4, units=7, images_per_unit=1)
    found = comparison(stored, "unetplusplus", "unet3plus")
    ours, theirs = scores(stored, "unetplusplus"), scores(stored, "unet3plus")
    images = [
        np.mean([ours[f"unit{u}_view0", f] - theirs[f"unit{u}_view0", f] for f in range(1, 5)])
        for u in range(7)
    ]
    assert found.p == pytest.approx(stats.wilcoxon(images).pvalue)
    assert (found.images, found.units, found.folds) == (7, 7, 4)


@pytest.mark.parametrize(("scheme", "images"), [("rotate", 8), ("paper", 12)])
def test_an_unfinished_model_is_compared_over_what_both_have(scheme: str, images: int) -> None:
    stored = without(make_stored(scheme=scheme), "unet", 2)
    found = comparison(stored, "unet", "unet3plus")
    ours, theirs = scores(stored, "unet"), scores(stored, "unet3plus")
    expected = np.mean([ours[case] - theirs[case] for case in ours])
    assert found.difference == pytest.approx(expected)
    assert (found.images, found.folds) == (images, 2)


def test_equal_models_do_not_differ(stored: Stored) -> None:
    found = comparison(stored, "unet", "unet")
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_model_that_has_not_run_is_compared_with_nothing(stored: Stored) -> None:
    found = comparison(without(stored, "unet", 1, 2, 3), "unet", "unet3plus")
    assert found.images == found.units == found.folds == 0
    assert np.isnan([found.difference, found.low, found.high, found.p, found.p_holm]).all()


def test_holm_counts_the_comparisons_of_one_metric(stored: Stored) -> None:
    contrasts = [(model, "unet3plus") for model in LABELS if model != "unet3plus"]
    found = compare(scoreboard(stored), contrasts, ["dsc", "sp"], seed=0)
    assert [c.model for c in found["sp"]] == [model for model, _ in contrasts]
    smallest = min(found["dsc"], key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(min(1, 8 * smallest.p))
    assert compare(scoreboard(stored), [], ["dsc"], seed=0) == {"dsc": ()}


def test_the_seed_settles_the_interval(stored: Stored) -> None:
    board = scoreboard(stored)
    assert summarise(board, seed=1) == summarise(board, seed=1)
    assert summarise(board, seed=1) != summarise(board, seed=2)
