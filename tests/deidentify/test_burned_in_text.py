import cv2
import numpy as np
import pytest

from coroseg.deidentify.text import find_text

SHAPE = (500, 620)


def angiogram(seed: int = 0) -> np.ndarray:
    """Return a smooth gray frame with a vessel-like curve of 0 to 1."""
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    gray = 0.55 + 0.2 * np.sin(x / 90 + seed) * np.cos(y / 70)
    frame = gray.astype(np.float32)
    curve = [(100 + 4 * t, int(60 + 90 * np.sin(t / 17) + t)) for t in range(100)]
    vessel = np.zeros(SHAPE, np.uint8)
    cv2.polylines(vessel, [np.array(curve, np.int32)], isClosed=False, color=1, thickness=7)
    return np.where(vessel > 0, np.float32(0.25), frame)


@pytest.mark.parametrize("place", [(15, 40), (330, 40), (15, 480), (300, 470)])
@pytest.mark.parametrize(("scale", "shade"), [(0.5, 1.0), (0.5, 0.0), (0.8, 1.0)])
def test_text_is_found_whole_and_little_else(
    place: tuple[int, int], scale: float, shade: float
) -> None:
    plain = angiogram()
    strokes = np.zeros(SHAPE, np.uint8)
    cv2.putText(strokes, "DOE^JANE 14.02.61", place, cv2.FONT_HERSHEY_SIMPLEX, scale, 1, 1)
    letters = strokes > 0
    written = np.where(letters, np.float32(shade), plain)
    covered = np.zeros(SHAPE, bool)
    for x, y, width, height in find_text([plain, written]):
        covered[y : y + height, x : x + width] = True
    assert covered[letters].all()
    assert covered.mean() < 0.06


def test_frames_without_text_are_left_alone() -> None:
    assert find_text([angiogram(seed) for seed in range(5)]) == []
    assert find_text([]) == []
