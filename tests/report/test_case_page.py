import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from coroseg.geometry.tree import VesselTree
from coroseg.report.case import words
from coroseg.report.case.page import case_page
from coroseg.report.case.picture import vessel_picture
from coroseg.report.case.plots import diameter_plots
from coroseg.segmentation.contours import find_contours
from coroseg.spacing import SpacingSource
from made_trees import made_tree

ROWS, COLUMNS = 64, 96
IMAGE = np.linspace(0.2, 0.8, ROWS * COLUMNS, dtype=np.float32).reshape(ROWS, COLUMNS)
MASK = np.zeros((ROWS, COLUMNS), dtype=bool)
MASK[21:28, 10:91] = True
CONTOURS = find_contours(MASK, MASK.astype(np.float32), 0.5)
RESEARCH = "Research software, not a medical device."


def record(**changes: Any) -> dict[str, Any]:
    tightest = {
        "branch": 1,
        "diameter_stenosis_percent": 60.0,
        "minimal_diameter_px": 2.4,
        "minimal_diameter_mm": 1.2,
        "reference_diameter_px": 6.0,
        "reference_diameter_mm": 3.0,
    }
    measures = {
        "branches": 3,
        "lesions": 2,
        "not_counted": 1,
        "tightest": tightest,
        "flags": ["loop"],
    }
    return {
        "note": RESEARCH,
        "version": "1.2.3",
        "source": "run <1>.dcm",
        "source_sha256": "ab" * 32,
        "frame": 12,
        "frames": 24,
        "rows": ROWS,
        "columns": COLUMNS,
        "spacing_mm": [0.5, 0.5],
        "spacing_source": "distances",
        "primary_angle_deg": -30.2,
        "secondary_angle_deg": 19.8,
        "model": {"name": "default", "version": "7", "sha256": "cd" * 32},
        "flags": ["low_contrast"],
        "calibration": None,
        "measures": measures,
    } | changes


def page(tree: VesselTree, **changes: Any) -> str:
    return case_page(record(**changes), IMAGE, CONTOURS, tree, diameter_plots(tree))


class Text(HTMLParser):
    """The text of a page, without its style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag in {"style", "script"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open:
            self.parts.append(data)


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Text(html).parts))


def test_the_page_says_what_a_cardiologist_asks() -> None:
    html = page(made_tree())
    shown = text_of(html)
    assert html.lstrip().startswith("<!doctype html>")
    assert "run <1>.dcm" in shown
    assert "Frame 12 of 24; view: RAO 30°, cranial 20°." in shown
    assert (
        "2 narrowings of 20 % or more of the diameter; the tightest, 60 % in branch 1, is 1.20 mm "
        "wide where 3.00 mm would be expected." in shown
    )
    assert "0.5000 mm, from the distances of source, patient and detector (DICOM)" in shown
    assert "default 7, SHA-256 " + "cd" * 32 in shown
    assert "Low contrast" in shown
    assert "Vessels overlap in this view" in shown
    assert shown.count(RESEARCH) == 1
    assert shown.casefold().count("not a medical device") == 1


def test_the_page_loads_nothing() -> None:
    html = page(made_tree())
    sources = re.findall(r"""(?:src|href)=["']([^"']*)|url\(([^)]*)""", html)
    assert len(sources) == 1
    assert sources[0][0].startswith("data:image/jpeg;base64,")
    assert set(re.findall(r"https?://[^\"' <]+", html)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in html


def rows_of(html: str, section: str) -> list[list[str]]:
    part = html.partition(section)[2].partition("<tbody>")[2].partition("</table>")[0]
    return [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall("<tr>.*?</tr>", part)
    ]


def test_the_lesion_table_has_the_numbers_of_the_tree() -> None:
    html = page(made_tree())
    assert rows_of(html, "<h2>Lesions</h2>") == [
        ["1", "1", "60 %", "1.20 mm", "3.00 mm", "8.0 mm", "16.0 mm", "42, 24"],
        ["2", "2", "30 %", "1.40 mm", "2.00 mm", "5.2 mm", "6.0 mm", "30, 36"],
    ]
    (left_out,) = rows_of(html, "are not counted")
    assert left_out[:2] == ["3", "70 %"]
    assert left_out[-1] == "at the end of the branch; vessels overlap here"


def test_without_a_spacing_all_is_in_pixels_and_it_is_said() -> None:
    html = page(made_tree(spacing=None), spacing_mm=None, spacing_source=None)
    shown = text_of(html)
    assert "The size of a pixel is not known: lengths are in pixels (px)." in shown
    assert "is 2.4 px wide where 6.0 px would be expected" in shown
    assert " mm" not in shown.replace("in mm", "")


def test_a_tree_without_lesions_and_one_without_branches() -> None:
    healthy = replace(made_tree(), branches=made_tree().branches[2:])
    none = record()["measures"] | {"lesions": 0, "tightest": None}
    shown = text_of(page(healthy, measures=none | {"branches": 1}))
    assert "No narrowing of 20 % or more of the diameter was counted; 1 listed apart" in shown
    assert "None counted." in shown
    empty = VesselTree((), made_tree().spacing)
    html = page(empty, flags=["no_vessel"], measures=none | {"branches": 0})
    assert html.count("<svg") == 1  # the picture; no empty plot
    shown = text_of(html)
    assert "There is no branch to plot." in shown
    assert "Nothing to measure: no vessel was found." in shown
    assert "No vessel was found in this frame." in shown


def test_a_corrected_mask_is_named_instead_of_a_model() -> None:
    shown = text_of(page(made_tree(), model=None, mask="mine.png", mask_sha256="ef" * 32))
    assert "mine.png, corrected by hand or from elsewhere, SHA-256 " + "ef" * 32 in shown
    assert "Model" not in shown


def test_what_stands_in_the_way_of_mm_is_said() -> None:
    (notice,) = words.notices(record(flags=[], spacing_source="detector_plane") | quiet())
    assert "at the detector" in notice
    failed = record(flags=["not_calibrated"], not_calibrated="no {shaft}") | quiet()
    (notice,) = words.notices(failed)
    assert notice == "The catheter gave no calibration: no {shaft}"


def test_a_calibration_says_by_what_and_how_well() -> None:
    found = {
        "french": 6.0,
        "relative_error": 0.041,
        "points": [10.2, 20.8, 30, 40],
        "width_px": 7.456,
        "automatic": False,
    }
    shown = text_of(page(made_tree(), calibration=found, spacing_source="catheter"))
    assert "0.5000 mm, from the catheter's width" in shown
    assert (
        "6 French catheter, pointed out by the user, 7.46 px wide between (10, 21) and (30, 40); "
        "standard error 4 %" in shown
    )
    assert words.calibration(record()) == ""


def quiet() -> dict[str, Any]:
    return {"measures": record()["measures"] | {"flags": []}}


@pytest.mark.parametrize("source", list(SpacingSource))
def test_every_source_of_a_spacing_has_its_words(source: SpacingSource) -> None:
    assert words.spacing(record(spacing_source=str(source))).startswith("0.5000 mm, ")


@pytest.mark.parametrize(
    ("angles", "view"),
    [
        ((30, -20), "LAO 30°, caudal 20°"),
        ((-0.4, 0), "RAO 0°, cranial 0°"),
        ((None, 20), "not stated"),
    ],
)
def test_the_view_is_named_as_in_the_catheter_laboratory(
    angles: tuple[float | None, float | None], view: str
) -> None:
    stated = record(primary_angle_deg=angles[0], secondary_angle_deg=angles[1])
    assert words.view(stated) == view


def test_the_picture_marks_lesions_where_they_are() -> None:
    root = ET.fromstring(vessel_picture(IMAGE, CONTOURS, made_tree(), (0.4, 0.2)))  # noqa: S314
    rings = {(c.get("cx"), c.get("cy")) for c in root.iter("{http://www.w3.org/2000/svg}circle")}
    assert rings == {("42.0", "24.0"), ("30.0", "36.0")}
    assert root.get("viewBox") == f"-0.5 -0.5 {COLUMNS} {ROWS}"
    assert root.get("style") == f"aspect-ratio: {COLUMNS * 0.2 / (ROWS * 0.4):.4f}"
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["1", "2", "3", "1: 60 %", "2: 30 %"]
