"""The size of a pixel by catheters of known width, given by points and searched."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from catheters import Array, arc, tube_angiogram

from coroseg.errors import SpacingError
from coroseg.geometry.calibration import Calibration, calibrate_by_catheter
from coroseg.metrics import Mask
from coroseg.spacing import SpacingSource

SHAPE = (230, 260)
WIDTH = 6.0
FRENCH = 8.0
ANGIODATA = Path(__file__).parents[3] / "shared" / "data" / "angiodata"
SHAFT = arc((120, -5), 80, 140, bend_deg=20)
"""From the upper border down to the ostium."""
VESSEL = arc((115, 128), 160, 130, bend_deg=-150)
VESSEL_WIDTHS = np.linspace(11, 5, len(VESSEL))


def scene(width: float = WIDTH, **how: float) -> tuple[np.ndarray, Mask]:
    """Return an image of a catheter and a vessel, and the vessel's mask."""
    image = tube_angiogram([(SHAFT, width), (VESSEL, VESSEL_WIDTHS)], SHAPE, **how)
    return image, vessel_mask()


def vessel_mask() -> Mask:
    drawn = np.zeros(SHAPE, np.uint8)
    for point, width in zip(np.rint(VESSEL).astype(int), VESSEL_WIDTHS, strict=True):
        cv2.circle(drawn, (int(point[0]), int(point[1])), int(width / 2), 1, -1)
    return drawn > 0


def apart(calibration: Calibration, axis: Array) -> float:
    """Return how far the ends are from the axis."""
    ends = np.reshape(calibration.points, (2, 1, 2))
    return float(np.hypot(*(ends - axis).transpose(2, 0, 1)).min(axis=1).max())


@pytest.mark.parametrize(
    ("width", "how"),
    [
        (6.0, {}),
        (8.0, {"blur_px": 1.4, "noise": 0.01}),
        (5.0, {"blur_px": 0.6, "noise": 0.015}),
        (7.0, {"inside": -1.0, "attenuation": 0.1, "noise": 0.01}),
    ],
)
def test_the_shaft_is_found_and_measured(width: float, how: dict[str, float]) -> None:
    image, mask = scene(width, **how)
    found = calibrate_by_catheter(image, FRENCH, mask=mask)
    assert found.automatic
    assert apart(found, SHAFT) < 1
    assert found.width_px == pytest.approx(width, rel=0.05)
    assert found.spacing_mm == pytest.approx(FRENCH / 3 / found.width_px)
    assert found.spacing.mm == (found.spacing_mm, found.spacing_mm)
    assert found.spacing.source == SpacingSource.CATHETER
    assert abs(found.spacing_mm * width / (FRENCH / 3) - 1) < 2 * found.relative_error
    assert 0.07 < found.relative_error < 0.12


@pytest.mark.parametrize("side", ["left", "right"])
def test_it_enters_from_a_side_as_well(side: str) -> None:
    image, mask = (each.T for each in scene())
    if side == "right":
        image, mask = image[:, ::-1], mask[:, ::-1]
    found = calibrate_by_catheter(
        np.ascontiguousarray(image), FRENCH, mask=np.ascontiguousarray(mask)
    )
    assert found.width_px == pytest.approx(WIDTH, rel=0.05)


@pytest.mark.parametrize("french", [6, 8, 9])
def test_spacing_goes_with_the_catheters_size(french: int) -> None:
    image, _ = scene()
    x1, y1, x2, y2 = (*SHAFT[40], *SHAFT[200])
    found = calibrate_by_catheter(image, french, points=(x1, y1, x2, y2))
    assert not found.automatic
    assert found.spacing_mm * found.width_px == pytest.approx(french / 3)
    assert found.width_px == pytest.approx(WIDTH, abs=0.3)


def test_points_may_come_in_either_order_and_lie_a_little_off() -> None:
    image, _ = scene(noise=0.01)
    one, other = SHAFT[40] + [1.5, 0], SHAFT[200] - [1.0, 0]
    there = calibrate_by_catheter(image, FRENCH, points=(*one, *other))
    back = calibrate_by_catheter(image, FRENCH, points=(*other, *one))
    assert apart(there, SHAFT) < 0.6
    assert back.width_px == pytest.approx(there.width_px, rel=0.01)
    assert there.width_px == pytest.approx(WIDTH, rel=0.05)


def test_without_a_catheter_it_refuses_and_says_what_to_do() -> None:
    image = tube_angiogram([(VESSEL, VESSEL_WIDTHS)], SHAPE, noise=0.01)
    remedy = r"8F catheter .*pass --catheter-points X1,Y1,X2,Y2 or --spacing MM"
    with pytest.raises(SpacingError, match=remedy):
        calibrate_by_catheter(image, FRENCH, mask=vessel_mask())
    with pytest.raises(SpacingError, match=remedy):
        calibrate_by_catheter(image, FRENCH)


@pytest.mark.parametrize(
    "other",
    {
        "thin wire": (arc((40, -5), 85, 200), 1.0),
        "vessel that tapers": (arc((40, -5), 85, 200), np.linspace(11, 4, 400)),
        "line that does not reach the border": (arc((40, 60), 85, 90), 6.0),
        "short line": (arc((40, -5), 85, 38), 6.0),
        "line beside the image's edge": (arc((12, 50), 90, 100), 6.0),
        "line from below": (arc((40, 235), -85, 150), 6.0),
    }.items(),
    ids=lambda item: item[0],
)
def test_other_lines_are_not_taken_for_it(other: tuple[str, tuple[Array, Array | float]]) -> None:
    image = tube_angiogram([other[1], (VESSEL, VESSEL_WIDTHS)], SHAPE, noise=0.008)
    with pytest.raises(SpacingError):
        calibrate_by_catheter(image, FRENCH, mask=vessel_mask())


def test_two_lines_of_different_width_are_not_clear() -> None:
    tubes = [(SHAFT, 6.0), (arc((170, -5), 100, 140), 8.0), (VESSEL, VESSEL_WIDTHS)]
    image = tube_angiogram(tubes, SHAPE, noise=0.008)
    with pytest.raises(SpacingError, match="not clear"):
        calibrate_by_catheter(image, FRENCH, mask=vessel_mask())


def test_noise_alone_gives_nothing() -> None:
    for seed in range(6):
        image = tube_angiogram([], (160, 160), noise=0.03, seed=seed)
        with pytest.raises(SpacingError):
            calibrate_by_catheter(image, FRENCH)


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ((10, 10, 300, 10), "not in the image of 260 x 230"),
        ((10, 10, 15, 12), "at least 15 px"),
        ((200, 40, 200, 120), "no 8F catheter can be measured"),
    ],
)
def test_points_that_do_not_help_are_explained(
    points: tuple[float, float, float, float], says: str
) -> None:
    image, _ = scene()
    with pytest.raises(SpacingError, match=says):
        calibrate_by_catheter(image, FRENCH, points=points)


def test_an_impossible_size_is_named() -> None:
    with pytest.raises(SpacingError, match="60 French"):
        calibrate_by_catheter(scene()[0], 60)


@pytest.mark.real
@pytest.mark.skipif(not ANGIODATA.exists(), reason="no real angiograms")
def test_frames_of_one_real_run_agree() -> None:
    widths = []
    for path in sorted((ANGIODATA / "p1_c1").glob("*.png"))[11:18:3]:
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        try:
            widths.append(calibrate_by_catheter(image, 6).width_px)
        except SpacingError:
            continue
    assert len(widths) >= 2
    assert max(widths) < 1.1 * min(widths)
