from dataclasses import replace
from math import nan

import numpy as np
import pytest
from stored_runs import LABELS, changed, make_stored, missed, without

from coroseg.errors import DataError
from coroseg.report.scoreboard import METRICS, scoreboard, settled, unit_name
from coroseg.report.stored import Stored


def test_models_are_in_the_order_of_the_paper_and_the_last_is_the_reference() -> None:
    board = scoreboard(make_stored(models=["unet3plus", "unet", "cgnet"]))
    assert [model.name for model in board.models] == ["cgnet", "unet", "unet3plus"]
    assert board.reference == "unet3plus"
    assert scoreboard(make_stored(models=["unet", "cgnet"])).reference == "unet"


def test_scores_are_where_their_row_says(stored: Stored) -> None:
    board = scoreboard(stored)
    images = sorted({row.image for row in stored.images})
    for row in stored.images[::7]:
        case = (board.image == images.index(row.image)) & (board.fold == row.fold)
        for metric in METRICS:
            assert board.scores(row.model, metric)[case] == getattr(row, metric)
    assert board.unit_name == "patients"
    assert np.bincount(board.unit).tolist() == [2] * 6  # two images of each of six patients


def test_an_image_scored_in_several_folds_is_averaged() -> None:
    stored = make_stored(scheme="paper", models=["unet"], folds=4, units=3)
    board = scoreboard(stored)
    image = stored.images[0].image
    expected = np.mean([row.dsc for row in stored.images if row.image == image])
    averaged = board.by_image(board.scores("unet", "dsc")[:, None])
    assert averaged.shape == (6, 1)
    assert averaged[0, 0] == pytest.approx(expected)


def test_means_of_folds(stored: Stored) -> None:
    board = scoreboard(without(stored, "unet", 2))
    assert board.folds("unet") == [1, 3]
    expected = [
        np.mean([row.hd for row in stored.images if row.model == "unet" and row.fold == fold])
        for fold in (1, 3)
    ]
    np.testing.assert_allclose(board.fold_means("unet", "hd"), expected)
    assert board.folds("cgnet") == [1, 2, 3]


def test_what_is_missed_is_as_far_as_the_image_is_wide(stored: Stored) -> None:
    row = missed(stored, "cgnet", "unit0_view0").images[0]
    assert settled(row, "hd") == settled(row, "asd") == row.diagonal
    assert settled(row, "dsc") == settled(row, "sn") == 0


def test_where_nothing_was_to_be_found_and_nothing_was_nothing_is_wrong(stored: Stored) -> None:
    gone = dict.fromkeys(("dsc", "sn", "cldice", "hd", "hd95", "asd"), nan)
    row = replace(stored.images[0], area=0.0, truth_area=0.0, sp=1.0, **gone)
    assert [settled(row, metric) for metric in ("hd", "hd95", "asd")] == [0, 0, 0]
    assert [settled(row, metric) for metric in ("dsc", "cldice", "sp")] == [1, 1, 1]
    assert np.isnan(settled(row, "sn"))
    false_vessel = replace(row, area=3.0, dsc=0.0, cldice=0.0)
    assert settled(false_vessel, "hd") == row.diagonal
    assert settled(false_vessel, "dsc") == 0


def test_a_benchmark_before_its_first_cell_has_no_scores(stored: Stored) -> None:
    board = scoreboard(replace(stored, images=(), cells=()))
    assert board.values.shape == (0, len(LABELS), len(METRICS))
    assert board.folds("unet") == []
    assert board.unit_name == "patients"


def test_two_units_of_distance_are_refused(stored: Stored) -> None:
    mixed = changed(stored, "unet", "unit0_view0", distance_unit="px")
    with pytest.raises(DataError, match="some distances are in mm and some in px"):
        scoreboard(mixed)


def test_scores_of_a_model_outside_the_grid_are_refused(stored: Stored) -> None:
    facts = replace(stored.facts, models=stored.facts.models[1:])
    with pytest.raises(DataError, match="scores of cgnet, which is not one of"):
        scoreboard(replace(stored, facts=facts))


def test_names_of_units() -> None:
    assert unit_name({"image"}) == "images"
    assert unit_name({"image", "patient"}) == "patients and images"
    assert unit_name({"group"}) == "runs"
