"""The report of a benchmark: one HTML page that needs nothing beside itself."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape
from PIL import Image

from coroseg.io.files import write_whole
from coroseg.report import phrases
from coroseg.report.environment import template
from coroseg.report.figures.captions import TITLES, caption, left_out
from coroseg.report.methods import write_methods
from coroseg.report.scoreboard import paper_order, scoreboard
from coroseg.report.stored import REPORT, Stored

SPLIT: Final = "split.json"

_MAX_WIDTH = 2000  # pixels of a figure in the page; the files beside it have more
_QUALITY = 88  # WebP's, 0 to 100
_TO_FILL_IN = re.compile(r"\[to be filled in: [^\]]*\]")


@dataclass(frozen=True)
class ShownFigure:
    """A figure in the page: either its `source` and caption, or the reason why there is none."""

    title: str
    source: str = ""
    alt: str = ""
    reason: str = ""


def write_report(
    stored: Stored, folder: Path, tables: Sequence[tuple[str, str]], figures: Sequence[Path]
) -> Path:
    """Write `report.html` into `folder` and return its path.

    `tables` are titles with HTML fragments, trusted as they are; of `figures` the PNG files are
    shown, by their names. Everything is in the page: it loads nothing.
    """
    page = template("report.html.j2").render(
        marked=_marked,
        facts=stored.facts,
        cells=stored.cells,
        models={model.name: model.label for model in stored.facts.models},
        notices=_notices(stored),
        unfinished=unfinished_cells(stored),
        tables=[(title, Markup(fragment)) for title, fragment in tables],  # noqa: S704
        figures=_shown(stored, figures),
        methods=write_methods(stored),
        split=_text_of(stored.folder / SPLIT),
    )
    path = folder / REPORT
    with write_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def unfinished_cells(stored: Stored) -> list[str]:
    """Return the cells of the grid that have no result yet, a text for each model."""
    finished = {(cell.model, cell.fold) for cell in stored.cells}
    missing = {
        model.label: [
            str(fold)
            for fold in range(1, stored.facts.folds + 1)
            if (model.name, fold) not in finished
        ]
        for model in paper_order(stored.facts.models)
    }
    return [
        f"{label}, fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}"
        for label, folds in missing.items()
        if folds
    ]


def _notices(stored: Stored) -> list[str]:
    """Return what a reader must know before the numbers."""
    notices = phrases.unknown_patients(scoreboard(stored))
    if phrases.distance_unit(stored) == "px":
        notices.append("Distances are in pixels: no pixel spacing is known.")
    return notices


def _shown(stored: Stored, figures: Sequence[Path]) -> list[ShownFigure]:
    """Return every figure of the report in its order, those left out with the reason."""
    files = {path.stem: path for path in figures if path.suffix == ".png"}
    reasons = left_out(stored, network="figure2" in files)
    return [
        ShownFigure(title, source=_embedded(files[name]), alt=caption(name, stored))
        if name in files
        else ShownFigure(title, reason=reasons.get(name, "it was not drawn"))
        for name, title in TITLES.items()
    ]


def _embedded(path: Path) -> str:
    """Return the picture as a data URI, WebP, of `_MAX_WIDTH` at most."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        picture = image.convert("RGB")
        picture.thumbnail((_MAX_WIDTH, 4 * _MAX_WIDTH))
        picture.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _marked(text: str) -> Markup:
    """Return the text escaped, with what is to be filled in marked."""
    return Markup(_TO_FILL_IN.sub(r"<mark>\g<0></mark>", str(escape(text))))  # noqa: S704


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
