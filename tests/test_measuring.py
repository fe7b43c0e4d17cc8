import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from coroseg import measuring
from coroseg.errors import DataError, SpacingError
from coroseg.geometry.tree import VesselTree
from coroseg.measuring import Catheter, calibrate, calibration_record, measure_frame, tree_record
from coroseg.spacing import PixelSpacing, SpacingSource
from made_trees import made_tree

IMAGE = np.full((40, 60), 0.5, np.float32)
MASK = np.zeros((40, 60), dtype=bool)
KNOWN = PixelSpacing((0.4, 0.4), SpacingSource.DISTANCES)


def test_the_record_of_a_tree_sums_it_up() -> None:
    record = tree_record(made_tree())
    tightest = record.pop("tightest")
    assert record == {
        "branches": 3,
        "length_px": 130,
        "length_mm": 65,
        "mean_diameter_px": pytest.approx(mean := record["mean_diameter_px"]),
        "mean_diameter_mm": pytest.approx(mean / 2, abs=1e-4),
        "lesions": 2,
        "not_counted": 1,
        "flags": ["loop"],
    }
    values = np.concatenate([branch.diameters.px for branch in made_tree().branches])
    assert mean == pytest.approx(values.mean(), abs=1e-4)
    assert (tightest["branch"], tightest["diameter_stenosis_percent"]) == (1, 60)
    assert (tightest["x_px"], tightest["minimal_diameter_mm"]) == (42, 1.2)


@pytest.mark.parametrize("tree", [made_tree(spacing=None), VesselTree((), None)])
def test_what_is_not_known_is_null_and_json_takes_it(tree: VesselTree) -> None:
    record = json.loads(json.dumps(tree_record(tree), allow_nan=False))
    assert record["length_mm"] is None
    assert record["mean_diameter_mm"] is None
    if not tree.branches:
        assert (record["branches"], record["length_px"], record["tightest"]) == (0, 0, None)
        assert record["mean_diameter_px"] is None
    else:
        assert record["tightest"]["minimal_diameter_mm"] is None


def test_what_cannot_be_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("too crooked: straighten it")

    monkeypatch.setattr(measuring, "measure_mask", fail)
    measured = measure_frame(MASK, IMAGE, KNOWN, None)
    assert (measured.tree, measured.spacing) == (None, KNOWN)
    assert measured.record == {
        "calibration": None,
        "measures": None,
        "not_measured": "too crooked: straighten it",
    }
    assert measured.problems == ["not_measured"]


def test_an_error_of_our_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(measuring, "measure_mask", fail)
    with pytest.raises(ZeroDivisionError):
        measure_frame(MASK, IMAGE, KNOWN, None)


def test_without_a_catheter_in_the_picture_the_known_spacing_stays() -> None:
    measured = measure_frame(MASK, IMAGE, KNOWN, Catheter(6))
    assert measured.spacing == KNOWN
    assert measured.problems == ["not_calibrated"]
    assert measured.record["calibration"] is None
    assert measured.record["measures"]["branches"] == 0


def catheter_image(mm: tuple[float, float], french: float) -> np.ndarray:
    """A straight catheter, nearly upright, through 100 x 80 mm of pixels of (row, column) mm.

    Its bore, three quarters of its width, is filled: there a ray meets more than in the wall.
    """
    rows, columns = round(80 / mm[0]), round(100 / mm[1])
    y, x = np.mgrid[:rows, :columns]
    normal = np.array([np.cos(0.2), np.sin(0.2)])
    away = ((x + 0.5) * mm[1] - 50) * normal[0] + ((y + 0.5) * mm[0] - 40) * normal[1]
    across = np.arange(-9, 9, 0.01)
    outer, bore = (np.sqrt(np.clip(r**2 - across**2, 0, None)) for r in (french / 6, french / 8))
    depth = np.interp(away, across, gaussian_filter1d((outer + 0.8 * bore) / 1.6, 15))
    noise = np.random.default_rng(5).normal(0, 0.004, depth.shape)
    return (0.75 * np.exp(-0.5 * depth) + noise).astype(np.float32)


@pytest.mark.parametrize("mm", [(0.25, 0.25), (0.3, 0.2), (0.2, 0.28)])
def test_a_catheter_gives_both_sides_of_a_pixel(mm: tuple[float, float]) -> None:
    image = catheter_image(mm, 6)
    ends = [(50 - 40 * np.tan(0.2) * step, 40 + 40 * step) for step in (-0.7, 0.7)]
    points = tuple(float(v) for x, y in ends for v in (x / mm[1] - 0.5, y / mm[0] - 0.5))
    shape = PixelSpacing((mm[0] * 3, mm[1] * 3), SpacingSource.DETECTOR_PLANE)
    spacing, found = calibrate(image, np.zeros(image.shape, bool), shape, Catheter(6, points))
    assert found.points == pytest.approx(points, abs=2.5)
    assert json.loads(json.dumps(calibration_record(found)))["french"] == 6
    assert spacing.mm == pytest.approx(mm, rel=0.06)
    assert spacing.mm[0] / spacing.mm[1] == pytest.approx(mm[0] / mm[1])
    assert spacing.source == "catheter"


def test_pixels_that_are_far_from_square_are_not_measured() -> None:
    long = PixelSpacing((0.1, 1.2), SpacingSource.DETECTOR_PLANE)
    with pytest.raises(SpacingError):
        calibrate(IMAGE, MASK, long, Catheter(6))
    measured = measure_frame(MASK, IMAGE, long, None)
    assert "--spacing MM" in measured.record["not_measured"]
