import csv
import io
import re
from html.parser import HTMLParser
from math import nan

import pytest

from coroseg.report.writers import Cell, Table, to_csv, to_html, to_latex, to_markdown

AWKWARD = r"50 % of A_B & C|D $1 #2 {x} ~y ^z \n <b> *w* `v` – [1]"
TABLE = Table(
    title=f"Scores of {AWKWARD}",
    header=("Model", "DSC", "HD (mm)"),
    rows=(
        (
            Cell("U-Net, wide"),
            Cell("0.9 ± 0.1\n[0.8, 1.0]", numbers={"dsc_mean": 0.1 + 0.2, "dsc_low": 0.8}),
            Cell("3.0", bold=True, numbers={"hd_mean": 3}),
        ),
        (
            Cell(AWKWARD),
            Cell("0.95\n−0.05", bold=True, numbers={"dsc_mean": 0.95, "dsc_low": nan}),
            Cell("–", numbers={"hd_mean": None}),
        ),
    ),
    notes=("First & foremost", "[second]"),
)


class Tree(HTMLParser):
    """Collects the texts by tag, and fails on a tag that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))


def test_markdown_has_a_row_a_line_and_keeps_its_columns() -> None:
    lines = to_markdown(TABLE).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 4
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 4  # an escaped bar is no border
    assert rows[0] == "| Model | DSC | HD (mm) |"
    assert rows[2] == "| U-Net, wide | 0.9 ± 0.1<br>[0.8, 1.0] | **3.0** |"
    assert "| **0.95**<br>−0.05 | – |" in rows[3]
    assert lines[-2:] == ["- First & foremost", "- [second]"]
    assert r"A\_B" in rows[3]
    assert r"\<b\>" in rows[3]


def test_csv_holds_the_numbers_in_full() -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(TABLE)))
    assert list(first) == ["Model", "dsc_mean", "dsc_low", "hd_mean"]
    assert first["Model"] == "U-Net, wide"
    assert float(first["dsc_mean"]) == 0.1 + 0.2
    assert first["hd_mean"] == "3"
    assert second == {"Model": AWKWARD, "dsc_mean": "0.95", "dsc_low": "", "hd_mean": ""}


def test_latex_is_balanced_and_has_its_columns() -> None:
    text = to_latex(TABLE, "table2-folds")
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    plain = re.sub(r"\\[\\{}]", "", text)  # without line breaks and escaped braces
    depth = 0
    for sign in plain:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert text.count("$") - text.count(r"\$") == 2 * (text.count(r"$\pm$") + text.count("$-$"))
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()[1:]
    rows, spaces = body[::2], body[1::2]
    assert len(rows) == 2
    assert spaces == [r"\addlinespace"] * 2  # both rows have two lines
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 2
        assert row.endswith(r" \\")


def test_latex_numbers_its_tables_itself_and_turns_wide_ones() -> None:
    wide = Table("Table 2. Scores", ("column",) * 9, ((Cell("1"),) * 9,))
    text = to_latex(wide, "t")
    assert r"\caption{Scores}" in text
    assert text.count("{sidewaystable}") == 2
    assert "addlinespace" not in text
    assert "sidewaystable" not in to_latex(TABLE, "t")


def test_latex_escapes_every_special_sign() -> None:
    text = to_latex(TABLE, "t")
    caption = re.search(r"\\caption\{(.*)\}\n", text)
    assert caption is not None
    for escaped in (r"50 \%", r"A\_B", r"\& C", r"\$1", r"\#2", r"\{x\}", r"\textasciitilde{}y"):
        assert escaped in caption[1]
    assert r"\textasciicircum{}z" in caption[1]
    assert r"\textbackslash{}n" in caption[1]
    assert r"\label{tab:t}" in text
    assert r"\textbf{3.0}" in text
    assert r"0.9 $\pm$ 0.1 \\ {[}0.8, 1.0]\end{tabular}" in text  # not the length of a line break
    assert text.isascii()


@pytest.mark.parametrize("tag", ["caption", "td"])
def test_html_is_well_formed_and_escaped(tag: str) -> None:
    texts = Tree(to_html(TABLE)).texts
    assert any(AWKWARD in text for where, text in texts if where == tag)
    assert [text for where, text in texts if where == "strong"] == ["3.0", "0.95"]
    assert [text for where, text in texts if where == "th"] == list(TABLE.header)
    assert [text for where, text in texts if where == "li"] == list(TABLE.notes)
    assert to_html(TABLE).count('<td class="lines">') == 2  # those of more than one
    assert ("td", "[0.8, 1.0]") in texts


def test_a_table_without_notes_has_no_list() -> None:
    bare = Table("Bare", ("A",), ((Cell("1"),),))
    assert "<ul" not in to_html(bare)
    assert to_markdown(bare) == "**Bare**\n\n| A |\n| --- |\n| 1 |\n"
