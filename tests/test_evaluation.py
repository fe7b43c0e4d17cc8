import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from coroseg.errors import DataError, SpacingError
from coroseg.evaluation import Evaluation, evaluate_folders, summary_table, write_csv
from coroseg.metrics import Mask, evaluate

SPACING = (0.5, 0.2)
SHAPE = (30, 40)
DIAGONAL = np.hypot(30 * 0.5, 40 * 0.2)
EMPTY = np.zeros(SHAPE, dtype=bool)


def vessel(seed: int) -> Mask:
    mask = EMPTY.copy()
    row, column = np.random.default_rng(seed).integers(0, 15, size=2)
    mask[row : row + 12, column : column + 20] = True
    return mask


def save(path: Path, mask: np.ndarray, value: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask.astype(np.uint8) * value)


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return tmp_path / "predictions"


@pytest.fixture
def truths(tmp_path: Path) -> Path:
    return tmp_path / "truths"


def a_bit_of_everything(predictions: Path, truths: Path) -> Evaluation:
    """Two scored images, one missed, one with nothing to find, one missing, one without a truth."""
    save(truths / "a.png", vessel(1))
    save(predictions / "a.png", vessel(2))
    save(truths / "b.png", vessel(3))
    save(predictions / "b.png", vessel(4))
    save(truths / "missed.png", vessel(5))
    save(predictions / "missed.png", EMPTY)
    save(truths / "nothing.png", EMPTY)
    save(predictions / "nothing.png", EMPTY)
    save(truths / "forgotten.png", vessel(6))
    save(predictions / "extra [red].png", vessel(7))
    return evaluate_folders(predictions, truths, spacing_mm=SPACING)


def test_masks_are_matched_by_name(predictions: Path, truths: Path) -> None:
    save(truths / "plain.tif", vessel(1))
    save(predictions / "plain.png", vessel(2), value=1)
    save(truths / "1.2.840.7.png", vessel(3), value=1)
    save(predictions / "1.2.840.7" / "mask.png", vessel(4))
    save(predictions / "1.2.840.7" / "overlay.png", vessel(5))  # another file of coroseg's result
    save(truths / "patient" / "run.bmp", vessel(6))
    save(predictions / "patient" / "run" / "mask.png", vessel(7))
    save(predictions / ".hidden.png", vessel(8))
    (predictions / "summary.csv").write_text("no image")

    evaluation = evaluate_folders(predictions, truths, spacing_mm=SPACING)

    assert {image.name: image.scores for image in evaluation.images} == {
        "1.2.840.7": evaluate(vessel(4), vessel(3), spacing_mm=SPACING),
        "patient/run": evaluate(vessel(7), vessel(6), spacing_mm=SPACING),
        "plain": evaluate(vessel(2), vessel(1), spacing_mm=SPACING),
    }
    assert (evaluation.missing, evaluation.without_truth) == ((), ())


def test_one_number_is_the_spacing_of_rows_and_columns(predictions: Path, truths: Path) -> None:
    save(truths / "a.png", vessel(1))
    save(predictions / "a.png", vessel(2))
    (in_mm,) = evaluate_folders(predictions, truths, spacing_mm=0.3).images
    (in_px,) = evaluate_folders(predictions, truths, spacing_mm=None).images
    assert in_mm.scores == evaluate(vessel(2), vessel(1), spacing_mm=(0.3, 0.3))
    assert in_px.scores == evaluate(vessel(2), vessel(1))
    assert (in_mm.diagonal, in_px.diagonal) == pytest.approx((0.3 * 50, 50))
    with pytest.raises(SpacingError, match="not positive"):
        evaluate_folders(predictions, truths, spacing_mm=0)


def test_nothing_is_dropped_in_silence(predictions: Path, truths: Path) -> None:
    evaluation = a_bit_of_everything(predictions, truths)
    assert [image.name for image in evaluation.images] == [
        *("a", "b", "forgotten", "missed", "nothing")
    ]
    assert evaluation.missing == ("forgotten",)
    assert evaluation.without_truth == ("extra [red]",)


@pytest.mark.parametrize("truth", [vessel(6), EMPTY])
def test_no_mask_at_all_scores_better_in_nothing(
    predictions: Path, truths: Path, truth: Mask
) -> None:
    save(truths / "a.png", vessel(1))
    save(predictions / "a.png", vessel(2))
    save(truths / "forgotten.png", truth)
    before = evaluate_folders(predictions, truths, spacing_mm=None).summary()
    for wrong in (EMPTY, ~EMPTY, ~truth):
        save(predictions / "forgotten.png", wrong)
        given = evaluate_folders(predictions, truths, spacing_mm=None).summary()
        for without, with_mask in zip(before, given, strict=True):
            if without.metric in {"hd", "hd95", "asd"}:
                assert np.isnan(with_mask.mean_worst) or without.mean_worst >= with_mask.mean_worst
            else:
                assert without.mean_worst <= with_mask.mean_worst


def test_the_summary_counts_what_is_undefined(predictions: Path, truths: Path) -> None:
    evaluation = a_bit_of_everything(predictions, truths)
    summary = {row.metric: row for row in evaluation.summary()}
    a, b = (
        evaluate(vessel(i), vessel(j), spacing_mm=SPACING).to_dict() for i, j in [(2, 1), (4, 3)]
    )
    for metric in ("hd", "hd95", "asd"):
        row, defined = summary[metric], (a[metric], b[metric])
        assert row.undefined == 3
        assert row.mean == pytest.approx(sum(defined) / 2)
        assert row.median == pytest.approx(sum(defined) / 2)
        assert row.sd == pytest.approx(abs(defined[0] - defined[1]) / np.sqrt(2))
        # missed and forgotten; where there is nothing to find there is no distance to miss it by
        assert row.mean_worst == pytest.approx((sum(defined) + 2 * DIAGONAL) / 4)
    for metric in ("dsc", "sn", "cldice"):
        assert summary[metric].undefined == 1
        assert summary[metric].mean == pytest.approx((a[metric] + b[metric]) / 4)
        assert summary[metric].mean_worst == summary[metric].mean
    assert summary["sp"].undefined == 0
    assert summary["sp"].mean == pytest.approx((a["sp"] + b["sp"] + 1 + 1 + 0) / 5)


def test_a_summary_of_nothing_defined_is_nan(predictions: Path, truths: Path) -> None:
    for folder in (predictions, truths):
        save(folder / "a.png", EMPTY)
    summary = {row.metric: row for row in evaluate_folders(predictions, truths).summary()}
    assert summary["hd"].undefined == 1
    hd = summary["hd"]
    assert np.isnan([hd.mean, hd.sd, hd.median, hd.mean_worst]).all()
    assert (summary["sp"].mean, summary["sp"].median) == (1, 1)
    assert np.isnan(summary["sp"].sd)  # of one image


def test_the_csv_has_a_row_an_image(predictions: Path, truths: Path, tmp_path: Path) -> None:
    evaluation = a_bit_of_everything(predictions, truths)
    write_csv(tmp_path / "metrics.csv", evaluation)
    with (tmp_path / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a": "scored",
        "b": "scored",
        "missed": "scored",
        "nothing": "scored",
        "forgotten": "missing",
        "extra [red]": "no truth",
    }
    expected = evaluate(vessel(2), vessel(1), spacing_mm=SPACING).to_dict()
    assert rows["a"]["unit"] == "mm"
    for metric in expected.keys() - {"unit"}:
        assert float(rows["a"][metric]) == expected[metric]
    assert (rows["missed"]["dsc"], rows["missed"]["hd"]) == ("0.0", "nan")
    assert (rows["extra [red]"]["dsc"], rows["extra [red]"]["hd"]) == ("", "")


def test_the_table_shows_the_summary_and_the_unmatched(predictions: Path, truths: Path) -> None:
    evaluation = a_bit_of_everything(predictions, truths)
    console = Console(file=io.StringIO(), width=120)
    console.print(summary_table(evaluation))
    text = console.file.getvalue()
    hd = next(row for row in evaluation.summary() if row.metric == "hd")
    line = next(line for line in text.splitlines() if "HD (mm)" in line)
    for value in (f"{hd.mean:.4f}", f"{hd.sd:.4f}", " 3 ", f"{hd.mean_worst:.4f}"):
        assert value in line
    assert "1 without a prediction, scored as the worst: forgotten" in text
    assert "1 without a truth, not scored: extra [red]" in text


def test_two_sizes_are_refused_with_both_names(predictions: Path, truths: Path) -> None:
    save(truths / "a.png", vessel(1))
    save(predictions / "a" / "mask.png", vessel(1).T)
    with pytest.raises(DataError, match=r"mask\.png is 40 x 30 pixels and .*a\.png is 30 x 40"):
        evaluate_folders(predictions, truths)


def test_shades_are_refused(predictions: Path, truths: Path) -> None:
    save(truths / "a.png", vessel(1))
    save(predictions / "a.png", vessel(1) * np.uint8(100) + vessel(2), value=1)
    with pytest.raises(DataError, match=r"predictions.a\.png: is not a binary mask"):
        evaluate_folders(predictions, truths)


def test_two_masks_of_one_name_are_refused(predictions: Path, truths: Path) -> None:
    save(truths / "a.png", vessel(1))
    save(predictions / "a.png", vessel(1))
    save(predictions / "a" / "mask.png", vessel(1))
    with pytest.raises(DataError, match=r"are two masks of one image: keep one"):
        evaluate_folders(predictions, truths)


def test_folders_that_have_no_name_in_common_are_refused(predictions: Path, truths: Path) -> None:
    save(truths / "a_gt.png", vessel(1))
    save(predictions / "a.png", vessel(1))
    with pytest.raises(DataError, match=r"such as a and a_gt\): give both the same names"):
        evaluate_folders(predictions, truths)


def test_a_folder_without_masks_is_refused(predictions: Path, truths: Path) -> None:
    save(truths / "a.png", vessel(1))
    with pytest.raises(DataError, match="predictions: there is no such folder"):
        evaluate_folders(predictions, truths)
    predictions.mkdir()
    with pytest.raises(DataError, match="predictions: no masks in it"):
        evaluate_folders(predictions, truths)
