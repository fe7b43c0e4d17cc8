"""The paper's tables on a stored benchmark, and the files they are written to."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from coroseg.io.files import write_whole
from coroseg.report import phrases
from coroseg.report.claims import claims_table
from coroseg.report.published import PAPER, PUBLISHED
from coroseg.report.scoreboard import scoreboard, unit_name
from coroseg.report.stored import Stored
from coroseg.report.table2 import Results, results, table2, table2_folds
from coroseg.report.writers import Cell, Table, to_csv, to_latex, to_markdown

_ARTERIES: Final = ("LCA", "RCA")
_PROJECTIONS: Final = ("LAO", "RAO")
_UNKNOWN: Final = "unknown"
_RATIOS: Final = ("dsc", "sn", "sp")


def all_tables(stored: Stored) -> dict[str, Table]:
    """Return every table by the name of its file. Raises `DataError` where units are mixed."""
    board = scoreboard(stored)
    found = results(stored, board)
    tables = {
        "table1": table1(stored),
        "table2": table2(stored, found),
        "table2_folds": table2_folds(stored, board),
        "table3": table3(stored, found),
    }
    claimed = claims_table(stored, board)
    return tables | ({"claims": claimed} if claimed.rows else {})


def write_tables(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write every table to `folder` as .md, .csv and .tex, each whole; return the files."""
    texts = {
        folder / f"{name}{suffix}": text
        for name, table in tables.items()
        for suffix, text in (
            (".md", to_markdown(table)),
            (".csv", to_csv(table)),
            (".tex", to_latex(table, name.replace("_", "-"))),
        )
    }
    for path, text in texts.items():
        with write_whole(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(texts)


def table1(stored: Stored) -> Table:
    """Return the number of images, and of their units, by artery and projection.

    Of all images where they are known, else of those tested.
    """
    images = _views(stored)
    arteries = _with_unknown(_ARTERIES, (artery for artery, *_ in images))
    projections = _with_unknown(_PROJECTIONS, (projection for _, projection, *_ in images))
    units = unit_name({kind for *_, (kind, *_) in images} or {stored.facts.unit_kind})
    every = len(arteries) > 1
    rows = []
    for row in (*arteries, *(["Total"] if every else [])):
        cells = [Cell(row)]
        for column in (*projections, "Total"):
            of = [
                unit
                for artery, projection, unit in images
                if row in {artery, "Total"} and column in {projection, "Total"}
            ]
            count = len(set(of))
            text = f"{len(of)}" if units == "images" else f"{len(of)} ({count})"
            name = column.lower()
            cells.append(Cell(text, numbers={f"{name}_images": len(of), f"{name}_units": count}))
        rows.append(tuple(cells))
    what = "images" if units == "images" else f"images ({units})"
    whose = "of" if stored.samples is not None else "in the test of"
    return Table(
        title=f"Table 1. Number of {what} {whose} {stored.facts.name} by artery and projection",
        header=("Artery", *projections, "Total"),
        rows=tuple(rows),
        notes=tuple(_table1_notes(units)),
    )


def table3(stored: Stored, found: Results) -> Table:
    """Return what others have published, and below it the rows of this benchmark."""
    rows = [
        _table3_row(row.method, row.images, (row.dsc, row.sn, row.sp), row.citation)
        for row in PUBLISHED
    ]
    images = _total_images(stored)
    for model in found.board.models:
        if not found.board.folds(model.name):
            continue
        scores = tuple(found.summaries[model.name, metric].mean for metric in _RATIOS)
        incomplete = "" if model.name in found.complete else ", incomplete"
        source = f"this benchmark, {stored.facts.name}{incomplete}"
        rows.append(_table3_row(model.label, images, scores, source))
    return Table(
        title=f"Table 3. Published results, and those on {stored.facts.name}",
        header=("Method", "Images", "DSC", "SN", "SP", "Source"),
        rows=tuple(rows),
        notes=(
            "Every study has its own images, annotations and split: numbers cannot be compared.",
            f"The published numbers are as given in Table 3 of {PAPER}.",
            "Images: all of the study, in training and test together.",
        ),
    )


def _table3_row(
    method: str, images: int, scores: Iterable[float | None], source: str
) -> tuple[Cell, ...]:
    return (
        Cell(method),
        Cell(str(images), numbers={"images": images}),
        *(
            Cell(
                phrases.UNKNOWN if value is None else phrases.score(value, metric),
                numbers={metric: value},
            )
            for metric, value in zip(_RATIOS, scores, strict=True)
        ),
        Cell(source),
    )


def _views(stored: Stored) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the artery, the projection and the unit, its kind first, of every image."""
    if stored.samples is not None:
        return [
            (s.artery or _UNKNOWN, s.projection or _UNKNOWN, (s.unit[1], s.unit[0], s.unit[2]))
            for s in stored.samples.values()
        ]
    rows = {row.image: row for row in stored.images}
    return [
        (row.artery or _UNKNOWN, row.projection or _UNKNOWN, (row.unit_kind, row.unit))
        for row in rows.values()
    ]


def _with_unknown(names: tuple[str, ...], found: Iterable[str]) -> tuple[str, ...]:
    return (*names, _UNKNOWN) if _UNKNOWN in set(found) else names


def _table1_notes(units: str) -> list[str]:
    if units == "images":
        return ["Neither patients nor runs are known."]
    return [f"{units.capitalize()} seen in several views are counted in each, and once in a total."]


def _total_images(stored: Stored) -> int:
    """Return how many images the benchmark has, in training and test together."""
    if stored.samples is not None:
        return len(stored.samples)
    sizes = [c.train_images + c.validation_images + c.test_images for c in stored.cells]
    return max(sizes, default=len({row.image for row in stored.images}))
