import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

import coroseg
from coroseg.angiogram import Frame
from coroseg.errors import DataError, SpacingError
from coroseg.geometry.measure import measure, measure_mask
from coroseg.geometry.tree import VesselTree
from coroseg.segmentation.predictor import ModelInfo
from coroseg.segmentation.segment import Segmentation
from coroseg.spacing import PixelSpacing, SpacingSource

START, END, DIAMETER = np.array([8.0, 9.0]), np.array([38.0, 30.0]), 2.4  # mm: x, y; width
BLUR = 0.2  # mm, of the edges
SIZE = 46, 40  # mm: x, y


def chord(away: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the blurred depth of a round lumen at these distances from its axis; 1 is its most."""
    across = np.arange(-5, 5, 0.005)
    lumen = np.sqrt(np.clip(1 - (2 * across / DIAMETER) ** 2, 0, None))
    return np.interp(away, across, gaussian_filter1d(lumen, BLUR / 0.005))


def drawn(mm: tuple[float, float]) -> tuple[Frame, NDArray[np.bool_]]:
    """A straight vessel, dark, with blurred edges, in pixels of (row, column) mm, and its mask."""
    rows, columns = round(SIZE[1] / mm[0]), round(SIZE[0] / mm[1])
    y, x = np.mgrid[:rows, :columns]
    place = np.stack([(x + 0.5) * mm[1], (y + 0.5) * mm[0]], axis=-1)  # from the top left corner
    along = (END - START) / np.linalg.norm(END - START)
    at = np.clip((place - START) @ along, 0, np.linalg.norm(END - START))
    away = np.linalg.norm(place - (START + at[..., None] * along), axis=-1)
    depth = chord(away)
    noise = np.random.default_rng(3).normal(0, 0.005, depth.shape)
    return (0.75 - 0.4 * depth + noise).astype(np.float32), away <= DIAMETER / 2


def the_branch(tree: VesselTree) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the points (image pixels), diameters (mm) and length (mm) of the only branch."""
    (branch,) = tree.branches
    assert tree.spacing is not None
    mm = tree.spacing.mm[0]
    return branch.centreline.points, branch.diameters.px * mm, branch.centreline.length_px * mm


@pytest.mark.parametrize("mm", [(0.3, 0.3), (0.3, 0.2), (0.2, 0.36)])
def test_a_vessel_is_as_wide_and_as_long_whatever_the_pixels(mm: tuple[float, float]) -> None:
    image, mask = drawn(mm)
    points, diameters, length = the_branch(measure(mask, image, mm))
    middle = slice(len(diameters) // 5, -len(diameters) // 5)
    assert np.median(diameters[middle]) == pytest.approx(DIAMETER, abs=0.12)
    whole = np.linalg.norm(END - START)
    assert whole - DIAMETER < length < whole + 1.2 * DIAMETER
    place = (points[middle] + 0.5) * (mm[1], mm[0])
    along = (END - START) / whole
    off_axis = (place - START) @ np.array([-along[1], along[0]])
    assert np.abs(off_axis).max() < 0.5 * min(mm)


def test_the_tree_says_which_pixels_its_lengths_count() -> None:
    image, mask = drawn((0.3, 0.2))
    tree = measure_mask(mask, image, PixelSpacing((0.3, 0.2), SpacingSource.DISTANCES))
    assert tree.spacing == PixelSpacing((0.2, 0.2), SpacingSource.DISTANCES)
    (branch,) = tree.branches
    rows, columns = mask.shape
    assert (branch.centreline.points.max(axis=0) < (columns, rows)).all()
    assert branch.centreline.points[:, 1].max() < rows / 1.2  # not those of the taller grid


def test_without_a_spacing_it_is_measured_in_pixels() -> None:
    image, mask = drawn((0.3, 0.3))
    tree = measure(mask, image)
    assert tree.spacing is None
    (branch,) = tree.branches
    assert np.nanmedian(branch.diameters.px) == pytest.approx(DIAMETER / 0.3, abs=0.4)


def test_a_segmentation_brings_its_own_image_and_spacing() -> None:
    image, mask = drawn((0.3, 0.2))
    spacing = PixelSpacing((0.3, 0.2), SpacingSource.DISTANCES)
    result = Segmentation(
        name="drawn",
        frame=1,
        image=image,
        probability=mask.astype(np.float32),
        mask=mask,
        threshold=0.5,
        contours=[],
        flags=(),
        spacing=spacing,
        model=ModelInfo("tiny", "1", "0" * 64, 64),
    )
    one, other = coroseg.measure(result), measure_mask(mask, image, spacing)
    np.testing.assert_array_equal(one.branches[0].diameters.px, other.branches[0].diameters.px)
    assert one.spacing == other.spacing
    with pytest.raises(DataError, match="pass it alone"):
        coroseg.measure(result, image)


@pytest.mark.parametrize(("widest", "flags"), [(18.0, ("small",)), (9.0, ())])
def test_a_lesion_counts_by_the_width_of_the_tree(widest: float, flags: tuple[str, ...]) -> None:
    y, x = np.mgrid[:120, :300].astype(float)
    lesion = 1 - 0.6 * np.exp(-(((x - 150) / 12) ** 2))
    half_widths = widest / 2 + 0 * x, 3.5 * lesion
    depth = np.zeros_like(x)
    mask = np.zeros(x.shape, dtype=bool)
    for middle, half in zip((30, 85), half_widths, strict=True):
        inside = (x > 5) & (x < 290)
        depth += 2 * np.sqrt(np.maximum(half**2 - (y - middle) ** 2, 0)) * inside
        mask |= (np.abs(y - middle) <= half) & inside
    image = (0.8 * gaussian_filter(np.exp(-0.06 * depth), 0.8)).astype(np.float32)
    (found,) = (s for s in measure(mask, image).stenoses if s.diameter_stenosis > 0.5)
    assert found.flags == flags


def test_an_empty_mask_has_an_empty_tree() -> None:
    tree = measure(np.zeros((40, 50), dtype=bool), np.full((40, 50), 0.5, np.float32), 0.3)
    assert (tree.branches, tree.flags, tree.stenoses) == ((), (), ())


def test_diameters_of_a_vessel_that_the_image_does_not_show_are_said_to_be_the_mask_s() -> None:
    _, mask = drawn((0.3, 0.3))
    flat = np.full(mask.shape, 0.5, np.float32)
    assert measure(mask, flat).flags == ("from_mask",)


def test_a_mask_of_another_image_is_refused() -> None:
    image = np.full((40, 50), 0.5, np.float32)
    with pytest.raises(DataError, match=r"\(50, 40\).*\(40, 50\)"):
        measure(np.zeros((50, 40), dtype=bool), image)
    with pytest.raises(DataError, match="boolean"):
        measure(np.zeros((40, 50), dtype=np.uint8), image)
    with pytest.raises(DataError, match="on its image"):
        measure(np.zeros((40, 50), dtype=bool))
    with pytest.raises(SpacingError, match="not positive"):
        measure(np.zeros((40, 50), dtype=bool), image, 0.0)
