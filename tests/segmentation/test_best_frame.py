import numpy as np
import pytest
from runs import COLUMNS, ROWS, drawn_run

from coroseg.segmentation.best_frame import best_frame, vessel_curve, vessel_score
from coroseg.segmentation.predictor import Predictor


def test_the_score_sums_sure_probabilities_over_the_whole_area() -> None:
    probability = np.array([[0.49, 0.5, 0.1], [1.0, 0.0, 0.75]], np.float32)
    assert vessel_score(probability) == pytest.approx((0.5 + 1.0 + 0.75) / 6)


def test_the_curve_has_a_score_a_frame_that_follows_the_vessel(predictor: Predictor) -> None:
    lengths = (0, 20, 60, 80, 40)
    curve = vessel_curve(drawn_run(*lengths), predictor)
    expected = [8 * length / (ROWS * COLUMNS) for length in lengths]
    assert curve == pytest.approx(expected, rel=0.1, abs=1e-3)


@pytest.mark.parametrize(
    ("curve", "best"), [([0.1, 0.3, 0.2], 2), ([0.0, 0.2, 0.2], 2), ([0.0, 0.0], 1), ([0.4], 1)]
)
def test_best_is_the_first_of_the_highest_counted_from_1(curve: list[float], best: int) -> None:
    assert best_frame(curve) == best
