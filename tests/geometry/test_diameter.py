"""Diameters of tubes that are known exactly, in images made at 6 x 6 points a pixel."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_tubes import Array, angiogram, centreline, chord_map, lumen, straight

from coroseg.geometry.diameter import APART, measure_all_diameters
from coroseg.geometry.imaging import TYPICAL_BLUR_PX, estimate_imaging
from coroseg.geometry.profiles import find_cuts
from coroseg.geometry.tree import Centreline, Diameters

SHAPE = (44, 110)
PATH = straight((6, 17), (103, 25))
INSIDE = slice(6, -6)


def measure_diameters(
    image: np.ndarray, mask: np.ndarray, line: Centreline, *, blur_px: float | None = None
) -> Diameters:
    return measure_all_diameters(image, mask, [line], blur_px=blur_px)[0]


def estimate_blur_px(image: np.ndarray, mask: np.ndarray, lines: list[Centreline]) -> float:
    return estimate_imaging(image, mask, find_cuts(lines)).blur_px


def constant(diameter: float, path: Array = PATH) -> Array:
    return np.full(len(path), diameter)


def narrowed(diameter: float, stenosis: float, length: float) -> Array:
    along = np.arange(len(PATH)) - len(PATH) // 2
    depth = np.where(abs(along) < length / 2, (1 + np.cos(2 * np.pi * along / length)) / 2, 0)
    return diameter * (1 - stenosis * depth)


def measured(
    diameter: Array, path: Array = PATH, *, blur: float = 0.8, **image: object
) -> Diameters:
    """Return the diameters, from a first guess that is wrong by a fifth."""
    chord = chord_map(path, diameter / 2, SHAPE)
    line = centreline(path, np.maximum(1.2 * diameter, 1.0))
    picture = angiogram(chord, blur_px=blur, **image)  # type: ignore[arg-type]
    return measure_diameters(picture, lumen(chord), line, blur_px=np.hypot(blur, 12**-0.5))


def all_from_edge(diameters: Diameters) -> bool:
    return bool(diameters.from_edge[INSIDE].all())


@pytest.mark.parametrize(
    ("diameter", "within"), [(1, 0.6), (2, 0.3), (4, 0.1), (8, 0.15), (14, 0.1)]
)
@pytest.mark.parametrize("blur", [0.5, 1.2])
def test_a_straight_tube(diameter: float, within: float, blur: float) -> None:
    found = measured(constant(diameter), blur=blur)
    assert all_from_edge(found)
    np.testing.assert_allclose(found.px[INSIDE], diameter, atol=within)
    assert (found.confidence[INSIDE] > 1 - within).all()


def test_rows_and_columns_are_alike() -> None:
    diameter = np.linspace(9, 3, len(PATH))
    chord = chord_map(PATH, diameter / 2, SHAPE)
    image, mask = angiogram(chord, cnr=10), lumen(chord)
    line = centreline(PATH, diameter)
    turned = replace(line, points=PATH[:, ::-1])
    np.testing.assert_allclose(
        measure_diameters(image.T.copy(), mask.T.copy(), turned).px,
        measure_diameters(image, mask, line).px,
        atol=0.02,
    )


def test_a_tube_at_45_degrees_from_border_to_border() -> None:
    path = straight((0, 0), (43, 43))
    found = measured(constant(7.0, path), path)
    np.testing.assert_allclose(found.px[INSIDE], 7.0, atol=0.1)


def test_a_tube_along_the_border() -> None:
    path = straight((0, 2.5), (109, 2.5))
    found = measured(constant(6.0, path), path)
    assert found.from_edge.all()
    np.testing.assert_allclose(found.px, 6.0, atol=0.15)


def test_a_tapering_tube_on_a_sloped_background() -> None:
    diameter = np.linspace(14, 4, len(PATH))
    found = measured(diameter, background=lambda x, y: 0.3 + 0.004 * x + 0.006 * y)
    np.testing.assert_allclose(found.px[INSIDE], diameter[INSIDE], atol=0.25)
    assert np.mean(found.px[INSIDE] - diameter[INSIDE]) == pytest.approx(0, abs=0.08)


@pytest.mark.parametrize("stenosis", [0.3, 0.5, 0.7, 0.9])
def test_the_narrowest_place_of_a_lesion(stenosis: float) -> None:
    diameter = narrowed(12.0, stenosis, length=40.0)
    found = measured(diameter)
    assert all_from_edge(found)
    assert np.min(found.px) == pytest.approx(diameter.min(), abs=0.25)


@pytest.mark.parametrize(
    ("stenosis", "drawn", "cnr", "within"),
    [(0.5, 8, 12, 0.5), (0.7, 8, 12, 0.5), (0.7, 12, 5, 0.8)],
)
def test_a_lesion_that_the_mask_has_not(
    stenosis: float, drawn: float, cnr: float, within: float
) -> None:
    diameter = narrowed(12.0, stenosis, length=30.0)
    chord = chord_map(PATH, diameter / 2, SHAPE)
    mask = lumen(chord_map(PATH, constant(12.0) / 2, SHAPE))
    line = centreline(PATH, np.maximum(diameter, drawn))
    found = [
        measure_diameters(angiogram(chord, cnr=cnr, seed=seed), mask, line).px for seed in range(5)
    ]
    middle = len(PATH) // 2
    narrowest = np.median([px[middle - 2 : middle + 3].min() for px in found])
    assert narrowest == pytest.approx(diameter.min(), abs=within)


def test_contrast_tells_the_width_of_a_vessel_narrower_than_the_blur() -> None:
    diameter = narrowed(12.0, 0.92, length=90.0)  # to 0.96 px, the blur's width is 2.4 px
    found = measured(diameter, blur=1.0)
    narrow = diameter < 2
    assert narrow.sum() > 15
    assert found.from_edge[narrow].all()
    np.testing.assert_allclose(found.px[narrow], diameter[narrow], atol=0.3)


@pytest.mark.parametrize(("cnr", "spread"), [(12, 0.3), (6, 0.5), (3, 0.9)])
def test_noise_spreads_diameters_without_shifting_them(cnr: float, spread: float) -> None:
    found = [measured(constant(8.0), cnr=cnr, seed=seed).px[INSIDE] - 8.0 for seed in range(3)]
    assert np.std(found) < spread
    assert abs(np.mean(found)) < 0.2


def test_confidence_tells_how_far_diameters_spread() -> None:
    found = [measured(constant(8.0), cnr=5, seed=seed) for seed in range(8)]
    error = np.std([each.px[INSIDE] - 8.0 for each in found])
    expected = np.mean([(1 - each.confidence[INSIDE]) / 2 * each.px[INSIDE] for each in found])
    assert 0.5 < expected / error < 1.6


def test_a_neighbour_does_not_spoil_the_fit() -> None:
    neighbour = PATH + np.array([0.0, 11.0])  # 3 px between the two
    chord = chord_map(PATH, constant(8.0) / 2, SHAPE)
    chord = chord + chord_map(neighbour, constant(8.0) / 2, SHAPE)
    found = measure_diameters(
        angiogram(chord), lumen(chord), centreline(PATH, constant(9.0)), blur_px=0.85
    )
    np.testing.assert_allclose(found.px[INSIDE], 8.0, atol=0.25)


def test_a_veil_over_the_image_changes_little() -> None:
    found = measured(constant(8.0), background=0.5, black=0.2)
    assert np.mean(found.px[INSIDE]) == pytest.approx(8.0, abs=0.2)


def test_two_vessels_in_one_mask_are_not_measured_as_one_wide_one() -> None:
    path, beside = straight((6, 17), (103, 17)), straight((55, 24), (103, 24))
    chord = chord_map(path, constant(8.0, path) / 2, SHAPE)
    chord = chord + 2 * chord_map(beside, constant(5.0, beside) / 2, SHAPE)
    merged = np.where(path[:, 0] >= 55, 12.5, 8.0)
    line = centreline(path + np.stack([0 * merged, (merged - 8) / 2], axis=1), merged)
    found = measure_diameters(angiogram(chord), lumen(chord), line, blur_px=0.85)
    np.testing.assert_allclose(found.px[6:40], 8.0, atol=0.25)
    assert np.isnan(found.px[60:90]).all()
    assert not found.from_edge[60:90].any()
    assert not found.confidence[60:90].any()


def test_half_a_pixel_apart_diameters_are_those_of_a_pixel_apart() -> None:
    diameter = np.linspace(11, 5, len(PATH))
    chord = chord_map(PATH, diameter / 2, SHAPE)
    image, mask = angiogram(chord), lumen(chord)
    halves = np.arange(0, len(PATH) - 0.75, 0.5)
    finer = np.stack([np.interp(halves, np.arange(len(PATH)), axis) for axis in PATH.T], axis=1)
    fine = np.interp(halves, np.arange(len(PATH)), diameter)
    coarse = measure_diameters(image, mask, centreline(PATH, diameter), blur_px=0.85)
    found = measure_diameters(image, mask, centreline(finer, fine), blur_px=0.85)
    np.testing.assert_allclose(found.px[::2][INSIDE], coarse.px[INSIDE], atol=0.05)
    knots = np.abs(np.diff(found.px, 2)) > 1e-9
    assert knots.sum() < len(PATH), "profiles closer than a pixel"


def test_profiles_of_a_wide_vessel_are_further_apart() -> None:
    diameter = constant(16.0)
    chord = chord_map(PATH, diameter / 2, SHAPE)
    found = measure_diameters(angiogram(chord), lumen(chord), centreline(PATH, diameter))
    knots = np.flatnonzero(np.abs(np.diff(found.px, 2)) > 1e-9)
    assert len(knots) <= len(PATH) / (APART * 8) + 2  # its points are a pixel apart


def test_where_there_is_no_vessel_the_mask_is_believed_a_little() -> None:
    image = np.full(SHAPE, 0.6, np.float32)
    image += np.random.default_rng(0).normal(0, 0.05, SHAPE).astype(np.float32)
    line = centreline(PATH, constant(9.0))
    found = measure_diameters(image, lumen(chord_map(PATH, constant(4.5), SHAPE)), line)
    mask_s = ~found.from_edge
    assert mask_s.mean() > 0.8
    np.testing.assert_array_equal(found.px[mask_s], 9.0)
    np.testing.assert_allclose(found.confidence[mask_s], 0.5)


def test_junctions_have_no_diameter_and_do_not_touch_what_is_beside_them() -> None:
    chord = chord_map(PATH, constant(8.0) / 2, SHAPE)
    image = angiogram(chord)
    junction = np.zeros(len(PATH), dtype=bool)
    junction[40:60] = True
    image[:, 47:66] = 0.9  # the vessel is not to be seen there
    line = replace(centreline(PATH, constant(8.0)), junction=junction)
    found = measure_diameters(image, lumen(chord), line, blur_px=0.85)
    np.testing.assert_array_equal(np.isnan(found.px), junction)
    assert not found.confidence[junction].any()
    assert not found.from_edge[junction].any()
    np.testing.assert_allclose(found.px[INSIDE][~junction[INSIDE]], 8.0, atol=0.3)


def test_all_at_once_gives_each_centreline_its_own() -> None:
    neighbour = PATH + np.array([0.0, 16.0])
    widths = [constant(9.0), constant(5.0)]
    lines = [centreline(p, d) for p, d in zip((PATH, neighbour), widths, strict=True)]
    chord = sum(chord_map(line.points, d / 2, SHAPE) for line, d in zip(lines, widths, strict=True))
    image, mask = angiogram(chord), lumen(chord)  # type: ignore[arg-type]
    found = measure_all_diameters(image, mask, lines)
    for each, line, width in zip(found, lines, widths, strict=True):
        alone = measure_diameters(image, mask, line, blur_px=estimate_blur_px(image, mask, lines))
        np.testing.assert_allclose(each.px, alone.px, rtol=0.02)
        np.testing.assert_allclose(each.px[INSIDE], width[INSIDE], atol=0.15)


@pytest.mark.parametrize("blur", [0.5, 0.8, 1.4])
@pytest.mark.parametrize("cnr", [np.inf, 6])
def test_the_blur_is_found(blur: float, cnr: float) -> None:
    diameter = np.linspace(12, 7, len(PATH))
    chord = chord_map(PATH, diameter / 2, SHAPE)
    found = estimate_blur_px(
        angiogram(chord, blur_px=blur, cnr=cnr), lumen(chord), [centreline(PATH, diameter)]
    )
    assert found == pytest.approx(np.hypot(blur, 12**-0.5), rel=0.1 if cnr == np.inf else 0.25)


def test_thin_vessels_do_not_tell_the_blur() -> None:
    image, mask = np.full(SHAPE, 0.5, np.float32), np.zeros(SHAPE, dtype=bool)
    assert estimate_blur_px(image, mask, [centreline(PATH, constant(3.0))]) == TYPICAL_BLUR_PX


def test_no_centreline_and_centrelines_of_a_point_or_of_a_junction() -> None:
    image, mask = np.full(SHAPE, 0.5, np.float32), np.zeros(SHAPE, dtype=bool)
    assert measure_all_diameters(image, mask, []) == []
    point = centreline(PATH[:1], np.array([3.0]))
    junction = replace(point, junction=np.array([True]))
    found = measure_all_diameters(image, mask, [point, junction])
    np.testing.assert_array_equal([each.px[0] for each in found], [3.0, np.nan])
    assert np.isnan(measure_diameters(image, mask, junction).px).all()


def test_a_line_outside_the_image_keeps_the_mask_s_diameter() -> None:
    image, mask = np.full(SHAPE, 0.5, np.float32), np.zeros(SHAPE, dtype=bool)
    found = measure_diameters(image, mask, centreline(PATH + np.array([300.0, 0.0]), constant(4.0)))
    np.testing.assert_array_equal(found.px, 4.0)
    assert not found.from_edge.any()
