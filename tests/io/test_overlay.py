import numpy as np
import pytest
from numpy.typing import NDArray

from coroseg.geometry.tree import VesselTree
from coroseg.io.overlay import COLOUR, draw_overlay, ring_radius
from coroseg.segmentation.contours import Contour, find_contours
from made_trees import made_branch, made_tree, narrowed


def ring(rows: int, columns: int) -> list[Contour]:
    mask = np.zeros((rows, columns), dtype=bool)
    mask[10:40, 20:70] = True
    mask[20:30, 35:55] = False
    return find_contours(mask, mask.astype(np.float32), 0.5)


def coloured(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(picture.astype(int), axis=2) > 0)


def test_without_contours_the_picture_is_the_frame_as_it_is() -> None:
    frame = np.linspace(0, 1, 60 * 90, dtype=np.float32).reshape(60, 90)
    picture = draw_overlay(frame, [])
    assert picture.shape == (60, 90, 3)
    assert picture.dtype == np.uint8
    for channel in range(3):
        np.testing.assert_array_equal(picture[..., channel], np.rint(frame * 255))


def test_a_frame_of_tiny_range_is_stretched() -> None:
    frame = np.float32(0.4) + np.linspace(0, 0.01, 60 * 90, dtype=np.float32).reshape(60, 90)
    picture = draw_overlay(frame, [])
    assert (picture.min(), picture.max()) == (0, 255)
    assert (np.diff(picture[..., 0].ravel().astype(int)) >= 0).all()


def test_a_flat_frame_stays_flat() -> None:
    assert (draw_overlay(np.full((60, 90), 0.2, np.float32), []) == 51).all()


def test_outlines_and_holes_are_drawn_and_nothing_else() -> None:
    frame = np.full((60, 90), 0.5, np.float32)
    frame[0, :2] = 0, 1
    drawn = coloured(draw_overlay(frame, ring(60, 90)))
    edges = np.zeros((60, 90), dtype=bool)
    edges[8:42, 18:72] = True
    edges[12:38, 22:68] = False
    edges[18:32, 33:57] = True
    edges[22:28, 37:53] = False
    assert not (drawn & ~edges).any()
    for row, column in [(10, 45), (39, 45), (25, 20), (25, 69), (20, 45), (29, 45), (25, 35)]:
        assert drawn[row - 1 : row + 2, column - 1 : column + 2].any()


def test_lines_have_the_colour_named() -> None:
    frame = np.zeros((60, 90), np.float32)
    frame[0, 0] = 1
    square = np.array([[20.0, 10.0], [60.0, 10.0], [60.0, 40.0], [20.0, 40.0]])
    picture = draw_overlay(frame, [Contour(square, [])])
    red, green, blue = picture[10, 40] / np.maximum(COLOUR, 1)  # how much of the line covers it
    assert red > 0.85
    assert green == pytest.approx(red, abs=0.01)
    assert blue == 0


@pytest.mark.parametrize(("rows", "width"), [(300, 1), (1024, 2), (2048, 4)])
def test_lines_grow_with_the_image(rows: int, width: int) -> None:
    square = np.array([[60.0, 60.0], [200.0, 60.0], [200.0, 200.0], [60.0, 200.0]])
    frame = np.zeros((rows, rows + 64), np.float32)
    frame[0, 0] = 1
    across = draw_overlay(frame, [Contour(square, [])])[40:80, 130, 0] / COLOUR[0]
    assert across.sum() == pytest.approx(width + 1, abs=0.8)  # its soft edges are about one more


def test_centrelines_and_the_rings_of_counted_lesions_are_drawn() -> None:
    frame, tree = np.full((64, 96), 0.5, np.float32), made_tree()
    picture = draw_overlay(frame, [], tree)
    line = picture[24, 14:20].astype(int)
    assert (line[:, 2] - line[:, 0] > 80).all()  # blue
    drawn = (picture != 128).any(axis=2)
    around = np.hypot(*(np.indices((64, 96)) - np.array([[[24]], [[42]]])))
    lesion = tree.lesions[0]
    ring = np.abs(around - ring_radius(lesion)) < 0.5
    assert drawn[ring].all()
    bright = (picture > 200).all(axis=2)
    assert bright[ring].any()
    flagged = tree.branches[2].stenoses[0]
    x, y = tree.place(flagged)
    around = np.hypot(*(np.indices((64, 96)) - np.array([[[y]], [[x]]])))
    assert not drawn[np.abs(around - ring_radius(flagged)) < 0.5].all()


def test_marks_at_the_border_stay_in_the_picture() -> None:
    branch = narrowed(made_branch(1, (0, 0), (95, 63)), 18, 20, 20, 0.5)
    picture = draw_overlay(np.full((64, 96), 0.5, np.float32), [], VesselTree((branch,), None))
    label = (picture > 200).all(axis=2)[:, :80]
    assert label.sum() > 20
