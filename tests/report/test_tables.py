import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import LABELS, changed, make_stored, missed, without

from coroseg.datasets.manifest import Sample
from coroseg.errors import DataError
from coroseg.report.published import PUBLISHED
from coroseg.report.stored import Stored
from coroseg.report.tables import all_tables, write_tables
from coroseg.report.writers import Cell, Table

NAMES = ["table1", "table2", "table2_folds", "table3", "claims"]


def row(table: Table, label: str) -> dict[str, Cell]:
    (found,) = (cells for cells in table.rows if cells[0].text == label)
    return dict(zip(table.header, found, strict=True))


def notes(table: Table) -> str:
    return " ".join(table.notes)


def paper_samples() -> dict[str, Sample]:
    """Return the paper's 616 images by view, three of a patient."""
    views = {("LCA", "LAO"): 165, ("LCA", "RAO"): 240, ("RCA", "LAO"): 163, ("RCA", "RAO"): 48}
    flat = [view for view, count in views.items() for _ in range(count)]
    return {
        f"{i}": Sample(
            Path(f"/i/{i}.png"),
            Path(f"/m/{i}.png"),
            patient=f"p{i // 3}",
            artery=artery,
            projection=projection,
        )
        for i, (artery, projection) in enumerate(flat)
    }


def test_every_table_is_written_three_times(stored: Stored, tmp_path: Path) -> None:
    paths = write_tables(all_tables(stored), tmp_path / "out")
    assert {path.name for path in paths} == {
        f"{name}{suffix}" for name in NAMES for suffix in (".md", ".csv", ".tex")
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in paths}
    assert r"\label{tab:table2-folds}" in (tmp_path / "out" / "table2_folds.tex").read_text()
    with (tmp_path / "out" / "table2.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    mean = np.mean([row.dsc for row in stored.images if row.model == "pspnet"])
    assert [row["Model"] for row in rows] == list(LABELS.values())
    assert float(rows[1]["dsc_mean"]) == pytest.approx(mean, rel=1e-12)
    assert float(rows[1]["dsc_difference_low"]) < float(rows[1]["dsc_difference"]) < 0
    assert rows[-1]["dsc_p_holm"] == ""  # the reference is not compared with itself


def test_mixed_units_are_refused(stored: Stored) -> None:
    with pytest.raises(DataError):
        all_tables(changed(stored, "unet", "unit0_view0", distance_unit="px"))


def test_table1_of_the_papers_images_is_the_papers(stored: Stored) -> None:
    table = all_tables(replace(stored, samples=paper_samples()))["table1"]
    assert table.header == ("Artery", "LAO", "RAO", "Total")
    assert [[re.sub(r" \(.*", "", cell.text) for cell in cells] for cells in table.rows] == [
        ["LCA", "165", "240", "405"],
        ["RCA", "163", "48", "211"],
        ["Total", "328", "288", "616"],
    ]
    assert table.rows[0][1].text == "165 (55)"
    assert table.rows[2][3].numbers == {"total_images": 616, "total_units": 206}
    assert "(patients)" in table.title


def test_table1_names_what_is_not_known(stored: Stored) -> None:
    samples = {
        "a": Sample(Path("/a.png"), Path("/a_.png"), artery="LCA"),
        "b": Sample(Path("/b.png"), Path("/b_.png"), projection="RAO"),
    }
    table = all_tables(replace(stored, samples=samples))["table1"]
    assert table.header == ("Artery", "LAO", "RAO", "unknown", "Total")
    assert [[cell.text for cell in cells] for cells in table.rows] == [
        ["LCA", "0", "0", "1", "1"],
        ["RCA", "0", "0", "0", "0"],
        ["unknown", "0", "1", "0", "1"],
        ["Total", "0", "1", "1", "2"],
    ]


def test_table1_without_the_manifest_counts_a_tested_image_once() -> None:
    table = all_tables(make_stored(scheme="paper", units=5, images_per_unit=3))["table1"]
    assert "in the test" in table.title
    assert [[cell.text for cell in cells[1:]] for cells in table.rows] == [
        ["6 (3)", "3 (3)", "9 (3)"],
        ["4 (2)", "2 (2)", "6 (2)"],
        ["10 (5)", "5 (5)", "15 (5)"],
    ]


def test_table2_has_the_rows_and_columns_of_the_paper(stored: Stored) -> None:
    table = all_tables(stored)["table2"]
    assert [cells[0].text for cells in table.rows] == list(LABELS.values())
    metrics = ("HD (mm)", "DSC", "SN", "SP", "ASD (mm)", "HD95 (mm)", "clDice")
    assert table.header == ("Model", "Backbone", "Weights", "Parameters (M)", "Folds", *metrics)
    assert "distances in mm, pixel spacing from the manifest" in table.title
    lines = row(table, "U-Net")["DSC"].text.splitlines()
    assert re.fullmatch(r"0\.\d{4} ± 0\.\d{4}", lines[0])
    assert re.fullmatch(r"\[0\.\d{4}, 0\.\d{4}\]", lines[1])
    assert re.fullmatch(r"−0\.\d{4} \[−0\.\d{4}, −0\.\d{4}\]", lines[2])
    assert lines[3:] == ["p = 0.250"]  # 8 / 2**5, six patients
    for said in ("12 images of 6 patients", "scheme rotate, 3 folds", "seed 0", "U-Net 3+", "Bold"):
        assert said in notes(table)


def test_best_scores_are_bold(stored: Stored) -> None:
    table = all_tables(changed(stored, "cgnet", "unit0_view0", sp=5.0))["table2"]
    bold = [
        (cells[0].text, title)
        for cells in table.rows
        for cell, title in zip(cells, table.header, strict=True)
        if cell.bold
    ]
    distances = ["HD (mm)", "ASD (mm)", "HD95 (mm)"]
    expected = [("U-Net 3+", title) for title in ("DSC", "SN", "clDice", *distances)]
    assert set(bold) == {("CGNet", "SP"), *expected}


def test_an_unfinished_model_is_marked_and_never_bold(stored: Stored) -> None:
    perfect = replace(
        stored,
        images=tuple(
            replace(row, dsc=1.0) if row.model == "unet" else row for row in stored.images
        ),
    )
    table = all_tables(without(perfect, "unet", 3))["table2"]
    found = row(table, "U-Net")
    assert found["Folds"].text == "2 of 3, incomplete"
    assert not found["DSC"].bold
    assert row(table, "U-Net 3+")["DSC"].bold
    assert found["DSC"].text.splitlines()[-1] == "over 8 images of 4 patients, folds: 2"
    assert "over" not in row(table, "U-Net++")["DSC"].text
    assert "Incomplete models" in notes(table)


def test_undefined_distances_are_said(stored: Stored) -> None:
    table = all_tables(missed(stored, "cgnet", "unit0_view0"))["table2"]
    found = row(table, "CGNet")
    assert re.fullmatch(r"1 undefined, \d\.\d{3} without", found["HD (mm)"].text.splitlines()[-1])
    assert "undefined" not in found["DSC"].text
    assert found["HD (mm)"].numbers["hd_undefined"] == 1


def test_a_grid_before_its_first_cell_has_rows_without_scores(
    stored: Stored, tmp_path: Path
) -> None:
    empty = replace(stored, images=(), cells=(), curves=())
    table = all_tables(empty)["table2"]
    assert [row(table, label)["DSC"].text for label in LABELS.values()] == ["–"] * 9
    assert len(all_tables(empty)["table3"].rows) == len(PUBLISHED)
    assert {cells[-1].text for cells in all_tables(empty)["claims"].rows} == {"not run"}
    assert len(write_tables(all_tables(empty), tmp_path)) == 15


def test_one_model_alone_is_not_tested(tmp_path: Path) -> None:
    alone = make_stored(models=["unet"], folds=1, scheme="paper")
    tables = all_tables(alone)
    assert "claims" not in tables
    text = tables["table2"].rows[0][6].text
    assert re.fullmatch(r"0\.\d{4}\n\[.*\]", text)  # one fold has no deviation
    assert not any(cell.bold for cell in tables["table2"].rows[0])
    assert "Wilcoxon" not in notes(tables["table2"])


def test_pixels_and_missing_patients_are_said() -> None:
    images = make_stored(unit_kind="image", distance_unit="px")
    table = all_tables(images)["table2"]
    assert "HD (px)" in table.header
    assert "no pixel spacing is known" in table.title
    assert "images of one patient may be in training and in test" in notes(table)
    assert "of 12 images" not in notes(table)
    runs = all_tables(make_stored(unit_kind="group"))["table2"]
    assert "bootstrap over runs, each with all its images" in notes(runs)
    assert "runs of one patient may be" in notes(runs)
    assert "may be in training" not in notes(all_tables(make_stored())["table2"])


def test_models_from_scratch_are_named(stored: Stored) -> None:
    models = tuple(
        replace(model, backbone="none", weights="none")
        if model.name in {"cgnet", "unet3plus_no_ds_tl"}
        else model
        for model in stored.facts.models
    )
    table = all_tables(replace(stored, facts=replace(stored.facts, models=models)))["table2"]
    assert "Trained from scratch: CGNet;" in notes(table)


def test_folds_are_a_row_each(stored: Stored) -> None:
    table = all_tables(without(stored, "unet", 2))["table2_folds"]
    unet = [cells for cells in table.rows if cells[0].text == "U-Net"]
    assert [cells[1].text for cells in unet] == ["1", "3"]
    expected = np.mean([r.dsc for r in stored.images if (r.model, r.fold) == ("unet", 3)])
    assert unet[1][7].numbers["dsc"] == pytest.approx(expected)
    assert [cell.text for cell in unet[1][2:6]] == ["8", "2", "4", "3"]
    assert len(table.rows) == 26


def test_published_results_stand_beside_the_users(stored: Stored) -> None:
    table = all_tables(without(stored, "unet", 2))["table3"]
    assert len(table.rows) == len(PUBLISHED) + len(LABELS)
    paper = row(table, "U-Net 3+ (the paper)")
    assert (paper["DSC"].text, paper["SN"].text, paper["Images"].text) == (
        "0.8942",
        "0.8735",
        "616",
    )
    assert row(table, "Multiple CNNs")["DSC"].text == "–"
    assert row(table, "CGNet")["Source"].text == "this benchmark, tiny"
    assert row(table, "CGNet")["Images"].text == "14"  # 8 to train, 2 to validate, 4 to test
    assert row(table, "U-Net")["Source"].text == "this benchmark, tiny, incomplete"
    assert not any(cell.bold for cells in table.rows for cell in cells)
    assert "cannot be compared" in notes(table)


def test_a_mixture_of_units_is_said() -> None:
    drawn = make_stored()
    mixed = replace(
        drawn,
        images=tuple(
            replace(row, unit_kind="image", unit=row.image) if row.unit == "unit1" else row
            for row in drawn.images
        ),
    )
    table = all_tables(mixed)["table2"]
    assert "12 images of 7 patients and images" in notes(table)
    assert "Not all patients are known: images of one patient may be" in notes(table)
