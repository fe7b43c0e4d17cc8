from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from numpy.typing import NDArray
from pictured_runs import MODELS, make_pictured
from skimage.color import rgb2lab

from coroseg.errors import DataError
from coroseg.io.masks import read_mask
from coroseg.report.figures.cases import choose_cases
from coroseg.report.figures.error_maps import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    TRUE_NEGATIVE,
    TRUE_POSITIVE,
    draw_error_maps,
    error_map,
)
from coroseg.report.figures.overlays import draw_overlays
from coroseg.report.figures.pictures import Picture, missing_pictures, read_picture
from coroseg.report.figures.values import scored_models
from coroseg.report.figures.workflow import draw_workflow
from coroseg.report.stored import Stored

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return make_pictured(tmp_path_factory.mktemp("pictured"))


@pytest.fixture(scope="module")
def pictures(stored: Stored) -> list[Picture]:
    return [read_picture(stored, case, MODELS) for case in choose_cases(stored)]


def panels(figure: Figure, rows: int) -> NDArray[np.object_]:
    return np.array(figure.axes, dtype=object).reshape(rows, -1)


def test_overlays_have_a_row_a_case_and_a_column_a_model(
    stored: Stored, pictures: list[Picture]
) -> None:
    grid = panels(draw_overlays(pictures, scored_models(stored)), 6)
    assert [axes.get_title() for axes in grid[0]] == [
        "Image", "Truth", "CGNet", "U-Net", "U-Net 3+",
    ]  # fmt: skip
    assert [axes.get_ylabel() for axes in grid[:, 0]] == [
        "LCA best", "LCA median", "LCA worst", "RCA best", "RCA median", "RCA worst",
    ]  # fmt: skip
    for row, picture in zip(grid, pictures, strict=True):
        for axes in row:
            np.testing.assert_array_equal(axes.images[0].get_array(), picture.image)


def test_outlines_enclose_the_pixels_of_their_masks(
    stored: Stored, pictures: list[Picture]
) -> None:
    row = panels(draw_overlays(pictures, scored_models(stored)), 6)[2]
    picture = pictures[2]
    for axes, mask in zip(row[1:], [picture.truth, *picture.masks.values()], strict=True):
        (lines,) = (c for c in axes.collections if isinstance(c, LineCollection))
        rows, columns = np.indices(mask.shape)
        pixels = np.column_stack([columns.ravel(), rows.ravel()])
        inside = np.zeros(mask.size, dtype=bool)
        for line in lines.get_segments():
            inside ^= Outline(line).contains_points(pixels)
        np.testing.assert_array_equal(inside.reshape(mask.shape), mask)


def test_below_an_overlay_is_the_dice_of_the_mask_shown(
    stored: Stored, pictures: list[Picture]
) -> None:
    grid = panels(draw_overlays(pictures, scored_models(stored)), 6)
    for row, picture in zip(grid, pictures, strict=True):
        for axes, mask in zip(row[2:], picture.masks.values(), strict=True):
            wrong = np.count_nonzero(mask ^ picture.truth)
            whole = np.count_nonzero(mask) + np.count_nonzero(picture.truth)
            assert float(axes.get_xlabel()) == pytest.approx(1 - wrong / whole, abs=5e-4)


def test_error_maps_have_a_colour_for_each_kind_of_pixel(
    stored: Stored, pictures: list[Picture]
) -> None:
    grid = panels(draw_error_maps(pictures, scored_models(stored)), 6)
    truth, mask = pictures[0].truth, pictures[0].masks["cgnet"]
    drawn = np.asarray(grid[0, 2].images[0].get_array())
    for colour, where in (
        (TRUE_POSITIVE, truth & mask),
        (FALSE_NEGATIVE, truth & ~mask),
        (FALSE_POSITIVE, mask & ~truth),
        (TRUE_NEGATIVE, ~(truth | mask)),
    ):
        assert where.any()
        np.testing.assert_array_equal((drawn == colour).all(axis=-1), where)


def test_error_map_of_known_pixels() -> None:
    mask, truth = np.array([[[1, 1, 0]], [[1, 0, 1]]], dtype=bool)
    assert [tuple(pixel) for pixel in error_map(mask, truth)[0]] == [
        TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE,
    ]  # fmt: skip


@pytest.mark.parametrize("sight", SIGHT)
def test_lightness_alone_tells_the_error_colours_apart(sight: str) -> None:
    colours = np.array([TRUE_POSITIVE, FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_NEGATIVE]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SIGHT[sight]), 0, 1)
    shown = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lightness = rgb2lab(shown[None])[0, :, 0]
    assert (np.diff(lightness) < 0).all()
    assert all(abs(one - other) > 15 for one, other in combinations(lightness, 2))


def test_the_workflow_shows_image_mask_and_contours(
    stored: Stored, pictures: list[Picture]
) -> None:
    picture, model = pictures[0], scored_models(stored)[-1]
    image, network, mask, contours = draw_workflow(
        picture.image, picture.masks["unet3plus"], model
    ).axes[::2]
    np.testing.assert_array_equal(image.images[0].get_array(), picture.image)
    np.testing.assert_array_equal(mask.images[0].get_array(), picture.masks["unet3plus"])
    assert len(contours.collections) == 1
    assert "U-Net 3+" in [text.get_text() for text in network.texts]


def test_a_model_without_the_mask_says_so(tmp_path: Path) -> None:
    stored = make_pictured(tmp_path)
    case = choose_cases(stored)[0]
    stored.mask_path("unet", case.fold, case.image).unlink()
    assert missing_pictures(stored) is None
    models = scored_models(stored)
    picture = read_picture(stored, case, MODELS)
    for draw in (draw_overlays, draw_error_maps):
        cgnet, unet = draw([picture], models).axes[2:4]
        assert (len(cgnet.images), len(unet.images)) == (1, 0)
        assert unet.texts[0].get_text() == "not\nfinished"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    stored = make_pictured(tmp_path)
    case = choose_cases(stored)[1]
    assert stored.samples
    stored.samples[case.image].mask.unlink()
    assert missing_pictures(stored) == f"the true mask of {case.image} is not at hand"


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    stored = make_pictured(tmp_path)
    case = choose_cases(stored)[0]
    path = stored.mask_path("cgnet", case.fold, case.image)
    cv2.imwrite(str(path), read_mask(path)[:50].astype(np.uint8) * 255)
    with pytest.raises(DataError, match=r"is 50 x 128 pixels, its image 96 x 128: predict"):
        read_picture(stored, case, MODELS)
