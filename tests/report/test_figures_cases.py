from dataclasses import replace
from statistics import fmean

import pytest
from stored_runs import changed, make_stored, without

from coroseg.report.figures.cases import choose_cases, median_case, reference_model
from coroseg.report.stored import Stored


def averages(stored: Stored, artery: str | None) -> dict[str, float]:
    """Return the DSC of U-Net 3+ by image, found the slow way."""
    images = {row.image for row in stored.images if artery in {None, row.artery}}
    return {
        image: fmean(
            row.dsc for row in stored.images if (row.model, row.image) == ("unet3plus", image)
        )
        for image in images
    }


@pytest.mark.parametrize("scheme", ["paper", "rotate"])
@pytest.mark.parametrize("units", [5, 6])
def test_cases_are_best_median_and_worst_of_each_artery(scheme: str, units: int) -> None:
    stored = make_stored(scheme=scheme, units=units, seed=3)  # type: ignore[arg-type]
    cases = {(case.artery, case.role): case for case in choose_cases(stored)}
    assert list(cases) == [(a, r) for a in ("LCA", "RCA") for r in ("best", "median", "worst")]
    for artery in ("LCA", "RCA"):
        scores = averages(stored, artery)
        best, median, worst = (cases[artery, role] for role in ("best", "median", "worst"))
        assert best.dsc == pytest.approx(max(scores.values()))
        assert worst.dsc == pytest.approx(min(scores.values()))
        assert (
            sum(score < median.dsc - 1e-12 for score in scores.values()) == (len(scores) - 1) // 2
        )
        assert all(case.dsc == pytest.approx(scores[case.image]) for case in (best, median, worst))


def test_without_arteries_the_cases_are_of_all_images() -> None:
    stored = make_stored(seed=4)
    stored = replace(
        stored, images=tuple(replace(row, artery=None, projection=None) for row in stored.images)
    )
    best, median, worst = choose_cases(stored)
    scores = averages(stored, None)
    assert (best.image, worst.image) == (max(scores, key=scores.get), min(scores, key=scores.get))  # type: ignore[arg-type]
    assert (best.label, median.label, worst.label) == ("best", "median", "worst")
    assert median.image == median_case(stored).image == sorted(scores, key=scores.get)[5]  # type: ignore[arg-type]


def test_equal_scores_go_by_name_and_an_image_is_shown_once() -> None:
    stored = make_stored(units=1, images_per_unit=2, folds=1, seed=5)
    same = changed(stored, "unet3plus", "unit0_view0", dsc=0.5)
    same = changed(same, "unet3plus", "unit0_view1", dsc=0.5)
    assert [(case.role, case.image) for case in choose_cases(same)] == [
        ("best", "unit0_view1"),
        ("median", "unit0_view0"),
    ]


def test_the_fold_shown_is_the_one_that_most_models_have_finished() -> None:
    stored = make_stored(scheme="paper")
    assert {case.fold for case in choose_cases(stored)} == {1}
    unfinished = without(stored, "unet", 1)
    assert {case.fold for case in choose_cases(unfinished)} == {2}
    assert {case.fold for case in choose_cases(without(unfinished, "unet3plus", 2))} == {3}


def test_without_u_net_3_plus_the_last_model_chooses() -> None:
    stored = make_stored(models=("unetplusplus", "cgnet"))  # as the configuration names them
    assert reference_model(stored).name == "unetplusplus"
    assert reference_model(without(stored, "unetplusplus", 1, 2, 3)).name == "cgnet"
