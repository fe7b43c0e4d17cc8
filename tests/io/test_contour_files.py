import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import grid_points_in_poly

from coroseg.io.contour_files import contours_json, contours_svg
from coroseg.segmentation.contours import find_contours
from coroseg.segmentation.predictor import ModelInfo
from coroseg.segmentation.segment import Segmentation
from coroseg.spacing import PixelSpacing, SpacingSource

ROWS, COLUMNS = 50, 80
SPACING = PixelSpacing((0.5, 0.2), SpacingSource.FIDUCIAL)
MODEL = ModelInfo("tiny", "1", "0" * 64, 64)
SVG = "{http://www.w3.org/2000/svg}"


def segmentation(spacing: PixelSpacing | None = SPACING, *, empty: bool = False) -> Segmentation:
    """Blobs with holes, some of them cut by the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(5).random((ROWS, COLUMNS)), 2)
    probability = ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)
    mask = (probability > 0.5) & (not empty)
    return Segmentation(
        name='run "7" é',
        frame=12,
        image=1 - probability,
        probability=probability,
        mask=mask,
        threshold=0.5,
        contours=find_contours(mask, probability, 0.5),
        flags=(),
        spacing=spacing,
        model=MODEL,
    )


def inside(polygon: list[list[float]]) -> NDArray[np.bool_]:
    return np.asarray(grid_points_in_poly((ROWS, COLUMNS), np.array(polygon)[:, ::-1]))


def parsed(result: Segmentation) -> ET.Element:
    return ET.fromstring(contours_svg(result))  # noqa: S314 (our own text)


def test_json_says_what_it_belongs_to() -> None:
    content = json.loads(contours_json(segmentation()))
    contours = content.pop("contours")
    assert content == {
        "schema": "coroseg-contours-1",
        "name": 'run "7" é',
        "frame": 12,
        "rows": ROWS,
        "columns": COLUMNS,
        "spacing_mm": [0.5, 0.2],
        "spacing_source": "fiducial",
    }
    assert len(contours) == len(segmentation().contours) > 2


def test_json_polygons_give_back_the_mask() -> None:
    result = segmentation()
    contours = json.loads(contours_json(result))["contours"]
    assert any(contour["holes_px"] for contour in contours)
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    for contour in contours:
        piece = inside(contour["outer_px"])
        for hole in contour["holes_px"]:
            piece &= ~inside(hole)
        mask |= piece
    np.testing.assert_array_equal(mask, result.mask)


def test_json_in_mm_is_x_by_the_column_and_y_by_the_row_spacing() -> None:
    for written, contour in zip(
        json.loads(contours_json(segmentation()))["contours"],
        segmentation().contours,
        strict=True,
    ):
        np.testing.assert_allclose(written["outer_px"], contour.outer, atol=0.00501)
        np.testing.assert_allclose(written["outer_mm"], contour.outer * (0.2, 0.5), atol=0.000501)
        for hole_mm, hole in zip(written["holes_mm"], contour.holes, strict=True):
            np.testing.assert_allclose(hole_mm, hole * (0.2, 0.5), atol=0.000501)


def test_json_without_spacing_has_no_mm() -> None:
    content = json.loads(contours_json(segmentation(None)))
    assert content["spacing_mm"] is None
    assert content["spacing_source"] is None
    assert {key for contour in content["contours"] for key in contour} == {"outer_px", "holes_px"}


def test_nothing_found_is_an_empty_list() -> None:
    assert json.loads(contours_json(segmentation(empty=True)))["contours"] == []
    assert list(parsed(segmentation(empty=True)).iter(f"{SVG}path")) == []


@pytest.mark.parametrize(
    ("spacing", "width", "height"), [(SPACING, "16.000mm", "25.000mm"), (None, "80", "50")]
)
def test_svg_covers_the_image(spacing: PixelSpacing | None, width: str, height: str) -> None:
    root = parsed(segmentation(spacing))
    assert (root.get("width"), root.get("height")) == (width, height)
    assert root.get("viewBox") == "-0.5 -0.5 80 50"


def test_svg_paths_are_the_json_polygons() -> None:
    root = parsed(segmentation())
    contours = json.loads(contours_json(segmentation()))["contours"]
    paths = [path.get("d") or "" for path in root.iter(f"{SVG}path")]
    assert len(paths) == len(contours)
    for path, contour in zip(paths, contours, strict=True):
        polygons = [
            [
                [float(number) for number in point.split(",")]
                for point in polygon.strip(" Z").split()
            ]
            for polygon in path.split("M")[1:]
        ]
        assert polygons == [contour["outer_px"], *contour["holes_px"]]
