import base64
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from stored_runs import make_stored, without

from coroseg.report.figures.captions import TITLES
from coroseg.report.methods import write_methods
from coroseg.report.page import unfinished_cells, write_report
from coroseg.report.stored import Stored

CONFIG = """
models = ["unet3plus"]
[data]
batch = 6
[training]
epochs = 40
optimizer = "rmsprop"
learning_rate = 1e-4
decay_rate = 0.0001
schedule = "constant"
[augmentation]
rotate_deg = 12.5
"""
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """The page's text and addresses; every element must be closed in its turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.text = ""
        self.marked: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [v for k, v in values.items() if k in {"src", "href", "srcset"} and v]
        self.ids |= {values["id"]} if values.get("id") else set()  # type: ignore[arg-type]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            assert "url(" not in data
            assert "@import" not in data
            return
        self.text += data
        if "mark" in self.open:
            self.marked.append(data)


def write(stored: Stored, folder: Path, *names: str) -> Page:
    """Write a report with gray figures of these names and one table."""
    figures = []
    for name in names:
        for extension in (".png", ".svg"):
            path = folder / f"{name}{extension}"
            path.write_bytes(b"<svg/>")
            figures.append(path)
        Image.new("RGB", (3000, 1200), (10, 120, 200)).save(folder / f"{name}.png")
    tables = [("Table of tests", "<table><tr><td>0.8942 &lt; 1</td></tr></table>")]
    return Page(write_report(stored, folder, tables, figures))


def test_the_page_loads_nothing_and_is_well_formed(stored: Stored, tmp_path: Path) -> None:
    page = write(stored, tmp_path, "figure2", "figure4", "learning_curves", "dice_speed", "by_view")
    assert {address[:5] for address in page.addresses} == {
        "data:",
        "#tabl",
        "#figu",
        "#meth",
        "#made",
    }
    assert {address[1:] for address in page.addresses if address[0] == "#"} <= page.ids
    assert "http" not in page.text
    assert page.text.count("not a medical device") == 1


def test_figures_are_in_the_page_in_order_and_small_enough(stored: Stored, tmp_path: Path) -> None:
    page = write(stored, tmp_path, "by_view", "figure4")
    sources = [address for address in page.addresses if address.startswith("data:")]
    assert len(sources) == 2
    for source in sources:
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
            assert (image.format, image.size) == ("WEBP", (2000, 800))
            pixel = image.convert("RGB").getpixel((1000, 400))
            assert pixel == pytest.approx((10, 120, 200), abs=4)
    places = [page.text.index(title) for title in TITLES.values()]
    assert places == sorted(places)
    assert "is left out: the images are not at hand." in page.text


def test_everything_that_made_the_numbers_is_named(stored: Stored, tmp_path: Path) -> None:
    stored = replace(stored, folder=tmp_path, facts=replace(stored.facts, config=CONFIG, seed=4711))
    (tmp_path / "split.json").write_text('{"test": ["<unit0>"]}', encoding="utf-8")
    facts = stored.facts
    page = write(stored, tmp_path)
    for text in (
        facts.version, str(facts.git_commit), "4711", facts.split_sha256, "b" * 64, "a processor",
        CONFIG, '{"test": ["<unit0>"]}', "scheme rotate, 3 folds", "0.8942 < 1", "Table of tests",
    ):  # fmt: skip
        assert text in page.text
    assert "Not finished" not in page.text


def test_unfinished_cells_are_named(stored: Stored, tmp_path: Path) -> None:
    partial = without(without(stored, "unet", 2), "cgnet", 1, 2, 3)
    assert unfinished_cells(partial) == ["CGNet, folds 1, 2, 3", "U-Net, fold 2"]
    page = write(partial, tmp_path)
    assert "Not finished: CGNet, folds 1, 2, 3; U-Net, fold 2." in page.text


def test_a_page_before_the_first_cell(stored: Stored, tmp_path: Path) -> None:
    page = write(replace(stored, images=(), cells=(), curves=()), tmp_path)
    assert page.text.count("is left out: no cell is finished.") == 7
    assert page.text.count("is left out") == 8
    assert "[to be filled in: images, patients, split]" in page.marked


@pytest.mark.parametrize("unit_kind", ["patient", "group", "image"])
def test_unknown_patients_are_told(unit_kind: str, tmp_path: Path) -> None:
    stored = make_stored(unit_kind=unit_kind)  # type: ignore[arg-type]
    page = write(stored, tmp_path)
    warned = "images of one patient may be in training and in test" in page.text
    assert warned == (unit_kind == "image")
    assert ("All images of one patient were in one part" in page.text) == (unit_kind == "patient")


def test_distances_in_pixels_are_told(tmp_path: Path) -> None:
    assert "Distances are in pixels" in write(make_stored(distance_unit="px"), tmp_path).text


def test_the_methods_say_what_the_facts_say() -> None:
    stored = make_stored(scheme="paper", models=("unet", "unet3plus"))
    text = " ".join(write_methods(stored))
    for fact in (
        "The data were 22 X-ray coronary angiograms",
        "12 images of 6 patients (6 LCA, 6 RCA)",
        "A test set of 12 images",
        "3 folds, each of which was once the validation set (8 training and 2 validation images)",
        "U-Net 3+ (backbone EfficientNet-Lite0, ImageNet weights, 3.9 million parameters)",
        "128 x 128 pixels",
        "at most 40 epochs in batches of 6 images with RMSProp",
        "(learning rate 0.0001, weight decay 0.0001, schedule one-cycle)",
        "rotate_deg 12.5",
        "Otsu's threshold",
        "distances in mm, pixel spacing from the manifest",
        "percentile bootstrap over patients (10,000 draws)",
        "compared with U-Net 3+",
        "coroseg 0.1.0, commit 000000000000",
    ):
        assert fact in text
    assert "erase" not in text  # it is off


def test_what_is_not_known_is_marked(stored: Stored, tmp_path: Path) -> None:
    page = write(stored, tmp_path)
    for what in (
        "source, years, inclusion and exclusion criteria, ethics approval",
        "who, with what experience and tool",
    ):
        assert f"[to be filled in: {what}]" in page.marked
    assert "None" not in page.text
