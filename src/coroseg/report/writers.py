"""One table as Markdown, CSV, LaTeX and HTML."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Final

WIDE_COLUMNS: Final = 8
"""A LaTeX table of more columns is turned by 90 degrees."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table: `text` of one line or more, the first bold or not.

    `numbers` are what the text was rounded from, by the name of their column in the CSV file.
    """

    text: str
    bold: bool = False
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table with its `title` above and its `notes` below. Every row has a cell a column."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def to_markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown."""
    lines = [
        f"**{_markdown(table.title)}**",
        "",
        _markdown_row([_markdown(title) for title in table.header]),
        _markdown_row(["---"] * len(table.header)),
        *(_markdown_row([_markdown_cell(cell) for cell in row]) for row in table.rows),
        "",
        *(f"- {_markdown(note)}" for note in table.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def to_csv(table: Table) -> str:
    """Return the rows as CSV: the numbers of a column at full precision, else its text.

    What is not known is empty.
    """
    names = [
        list(dict.fromkeys(name for row in table.rows for name in row[column].numbers)) or [title]
        for column, title in enumerate(table.header)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name for column in names for name in column])
    for row in table.rows:
        cells = zip(row, table.header, names, strict=True)
        writer.writerow(
            [
                cell.text if column == [title] else _number(cell.numbers.get(name))
                for cell, title, column in cells
                for name in column
            ]
        )
    return text.getvalue()


def to_latex(table: Table, label: str) -> str:
    r"""Return the table as LaTeX, `\ref{tab:label}`; it needs booktabs, graphicx and rotating.

    LaTeX numbers it, so that a number in the title is left out. A wide one stands on its side.
    """
    float_ = "sidewaystable" if len(table.header) > WIDE_COLUMNS else "table"
    title = re.sub(r"^Table \d+\. ", "", table.title)
    lines = [
        r"% \usepackage{booktabs,graphicx,rotating}",
        rf"\begin{{{float_}}}",
        r"\centering",
        rf"\caption{{{_latex(title)}}}",
        rf"\label{{tab:{label}}}",
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{{'l' * len(table.header)}}}",
        r"\toprule",
        _latex_row([_latex(title) for title in table.header]),
        r"\midrule",
        *(_latex_row([_latex_cell(cell) for cell in row]) + _space(row) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\raggedright\footnotesize",
        *(rf"\par\smallskip {_latex(note)}" for note in table.notes),
        rf"\end{{{float_}}}",
    ]
    return "\n".join(lines) + "\n"


def _space(row: Sequence[Cell]) -> str:
    """Return what keeps a row of several lines apart from the next."""
    return "\n\\addlinespace" if any("\n" in cell.text for cell in row) else ""


def to_html(table: Table) -> str:
    """Return the table as an HTML fragment, every text escaped."""
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True).from_string(_HTML)
    return template.render(table=table)


_HTML: Final = """\
<table>
<caption>{{ table.title }}</caption>
<thead><tr>{% for title in table.header %}<th>{{ title }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for cell in row %}<td{% if "\n" in cell.text %} class="lines"{% endif %}>
{%- for line in cell.text.splitlines() -%}
{% if not loop.first %}<br>{% endif -%}
{% if loop.first and cell.bold %}<strong>{{ line }}</strong>{% else %}{{ line }}{% endif -%}
{% endfor %}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
{% if table.notes %}
<ul class="notes">
{% for note in table.notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
"""

_LATEX_SIGNS: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line break it would be an optional argument
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "–": "--",
} | {sign: "\\" + sign for sign in "&%$#_{}"}


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_|<>])", r"\\\1", text)


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(cell: Cell) -> str:
    first, *others = [_markdown(line) for line in cell.text.split("\n")]
    return "<br>".join([f"**{first}**" if cell.bold else first, *others])


def _latex(text: str) -> str:
    return "".join(_LATEX_SIGNS.get(sign, sign) for sign in text)


def _latex_row(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _latex_cell(cell: Cell) -> str:
    first, *others = [_latex(line) for line in cell.text.split("\n")]
    first = rf"\textbf{{{first}}}" if cell.bold else first
    if not others:
        return first
    lines = r" \\ ".join([first, *others])
    return rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{lines}\end{{tabular}}"


def _number(value: float | None) -> str:
    return "" if value is None or isnan(value) else str(value)
