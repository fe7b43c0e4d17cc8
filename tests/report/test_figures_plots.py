from dataclasses import replace
from statistics import fmean, median

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from stored_runs import LABELS, make_stored, without

from coroseg.report.figures.curves import draw_curves, mean_curve
from coroseg.report.figures.folds import draw_folds
from coroseg.report.figures.look import LOOKS
from coroseg.report.figures.speed import draw_speed
from coroseg.report.figures.views import draw_views, view_scores
from coroseg.report.stored import Stored


def fold_means(stored: Stored, model: str, metric: str) -> list[float]:
    return [
        fmean(
            getattr(row, metric) for row in stored.images if (row.model, row.fold) == (model, fold)
        )
        for fold in (1, 2, 3)
    ]


def test_every_model_has_a_look_of_its_own() -> None:
    assert list(LOOKS) == list(LABELS)
    assert len({look.marker for look in LOOKS.values()}) == len(LABELS)
    assert len({(look.colour, look.line) for look in LOOKS.values()}) == len(LABELS)


def test_boxes_have_the_medians_and_the_points_of_the_folds(stored: Stored) -> None:
    panels = draw_folds(stored).axes
    assert [panel.get_title(loc="left")[:3] for panel in panels] == ["(a)", "(b)", "(c)"]
    for panel, metric in zip(panels, ("dsc", "sn", "sp"), strict=True):
        means = [fold_means(stored, model, metric) for model in LABELS]
        medians = [line for line in panel.lines if line.get_linewidth() == 1.4]
        drawn = [line.get_ydata()[0] for line in medians]  # type: ignore[index]
        np.testing.assert_allclose(drawn, np.median(means, axis=1))
        points = [np.asarray(group.get_offsets())[:, 1] for group in panel.collections]
        np.testing.assert_allclose(points, means)
    names = [text.get_text().replace("\n", " ") for text in panels[-1].get_xticklabels()]
    assert names == list(LABELS.values())


def test_a_model_that_is_not_begun_has_no_box(stored: Stored) -> None:
    panel = draw_folds(without(stored, "unet", 1, 2, 3)).axes[-1]
    names = [text.get_text() for text in panel.get_xticklabels()]
    assert "U-Net" not in names
    assert len(names) == len(panel.collections) == 8


def test_curves_draw_each_fold_and_their_mean(stored: Stored) -> None:
    varied = tuple(
        replace(row, val_dice=row.val_dice + 0.01 * row.fold, train_loss=row.train_loss / row.fold)
        for row in stored.curves
    )
    stored = replace(stored, curves=varied)
    panels = draw_curves(stored).axes
    quantities = ("train_loss", "val_loss", "val_dice")
    for panel, quantity in zip(panels, quantities, strict=True):
        assert len(panel.lines) == len(LABELS) * (3 + 1)
        last = panel.lines[-1]
        assert last.get_linewidth() > panel.lines[0].get_linewidth()
        expected = [
            fmean(
                getattr(row, quantity)
                for row in stored.curves
                if (row.model, row.epoch) == ("unet3plus", epoch)
            )
            for epoch in (1, 2, 3, 4)
        ]
        np.testing.assert_allclose(np.asarray(last.get_ydata(), dtype=float), expected)


def test_the_mean_curve_ends_with_the_shortest_fold() -> None:
    assert mean_curve([{1: 1.0, 2: 2.0}, {1: 3.0, 2: 4.0, 3: 9.0}]) == {1: 2.0, 2: 3.0}


def labels_of(figure: Figure) -> list[Annotation]:
    return [text for text in figure.axes[0].texts if isinstance(text, Annotation)]


def test_speed_shows_dsc_against_time_and_size(stored: Stored) -> None:
    images = tuple(
        replace(row, seconds=0.01 * (1 + list(LABELS).index(row.model)) + 0.001 * row.fold)
        for row in stored.images
    )
    models = tuple(
        replace(model, parameters=1_000_000 * (k + 1))
        for k, model in enumerate(stored.facts.models)
    )
    stored = replace(stored, images=images, facts=replace(stored.facts, models=models))
    figure = draw_speed(stored)
    drawn = figure.axes[0].collections
    for group, model in zip(drawn, LABELS, strict=True):
        rows = [row for row in images if row.model == model]
        expected = median(r.seconds for r in rows), fmean(r.dsc for r in rows)
        np.testing.assert_allclose(np.asarray(group.get_offsets())[0], expected)
    sizes = [float(np.asarray(group.get_sizes())[0]) for group in drawn]  # type: ignore[attr-defined]
    assert sizes[8] / sizes[2] == pytest.approx(9 / 3)
    assert [text.get_text() for text in labels_of(figure)] == [
        f"{label} ({k + 1}.0 M)" for k, label in enumerate(LABELS.values())
    ]


@pytest.mark.parametrize("seed", range(3))
def test_labels_hide_neither_each_other_nor_the_edge(seed: int) -> None:
    random = np.random.default_rng(seed)
    time = dict(zip(LABELS, random.uniform(0.02, 0.3, len(LABELS)), strict=True))
    stored = make_stored(seed=seed)
    stored = replace(
        stored, images=tuple(replace(row, seconds=time[row.model]) for row in stored.images)
    )
    figure = draw_speed(stored)
    boxes = [text.get_window_extent() for text in labels_of(figure)]
    inside = figure.axes[0].get_window_extent()
    assert all(box.x0 >= inside.x0 and box.x1 <= inside.x1 for box in boxes)
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_views_have_the_median_of_their_images(stored: Stored) -> None:
    views = view_scores(stored)
    assert list(views) == ["LCA LAO", "LCA RAO", "RCA LAO", "RCA RAO"]
    expected = [
        row.dsc
        for row in stored.images
        if (row.model, row.artery, row.projection) == ("unet", "RCA", "LAO")
    ]
    assert sorted(views["RCA LAO"]["unet"]) == pytest.approx(sorted(expected))
    axes = draw_views(stored).axes[0]
    places = [text.get_text() for text in axes.get_xticklabels()]
    assert places == [f"{view}\n3 images" for view in views]
    drawn = axes.containers[list(LABELS).index("unet")].lines[0].get_ydata()[2]  # type: ignore[attr-defined]
    assert drawn == pytest.approx(np.median(expected))


def test_views_of_which_only_the_artery_is_known() -> None:
    stored = make_stored(scheme="paper")
    rows = tuple(replace(row, projection=None) for row in stored.images)
    views = view_scores(replace(stored, images=rows))
    assert {view: len(models["cgnet"]) for view, models in views.items()} == {"LCA": 6, "RCA": 6}
