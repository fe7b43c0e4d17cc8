import gc
import weakref
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from runs import COLUMNS, ROWS, SPACING, drawn_frame, drawn_run

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import ConfigError, InputError
from coroseg.segmentation import segment as module
from coroseg.segmentation.binarize import NO_VESSEL
from coroseg.segmentation.predictor import BATCH, Predictor
from coroseg.segmentation.segment import segment, segment_all

LENGTHS = (0, 30, 70, 50)


def test_the_best_frame_is_found_and_segmented(predictor: Predictor) -> None:
    run = drawn_run(*LENGTHS)
    result = segment(run, predictor=predictor)
    assert (result.name, result.frame) == ("drawn", 3)
    assert result.vessel_curve is not None
    assert np.argsort(result.vessel_curve).tolist() == [0, 1, 3, 2]
    np.testing.assert_array_equal(result.image, run.frames[2])
    truth = np.zeros((ROWS, COLUMNS), dtype=bool)
    truth[20:28, 10:80] = True
    overlap = 2 * (result.mask & truth).sum() / (result.mask.sum() + truth.sum())
    assert overlap > 0.95
    np.testing.assert_array_equal(result.mask, result.probability > result.threshold)
    assert len(result.contours) == 1
    assert result.flags == ()
    assert result.model == predictor.info


def test_a_frame_is_taken_by_its_number_from_1(predictor: Predictor) -> None:
    result = segment(drawn_run(*LENGTHS), frame=2, predictor=predictor)
    assert result.frame == 2
    assert result.vessel_curve is None
    np.testing.assert_array_equal(result.image, drawn_frame(30))


def test_a_single_frame_needs_no_coarse_pass(predictor: Predictor) -> None:
    with patch.object(module, "vessel_curve", side_effect=AssertionError("coarse pass")):
        result = segment(drawn_run(40), predictor=predictor)
    assert (result.frame, result.vessel_curve) == (1, None)


def test_a_frame_without_vessel_has_an_empty_mask_and_says_so(predictor: Predictor) -> None:
    result = segment(drawn_run(0), predictor=predictor)
    assert result.flags == (NO_VESSEL,)
    assert (result.vessel_area_px, result.vessel_area_mm2, result.contours) == (0, 0, [])


def test_a_vessel_cut_by_the_border_is_flagged(predictor: Predictor) -> None:
    assert segment(drawn_run(86), predictor=predictor).flags == ("touches_border",)


def test_area_in_mm2_needs_a_spacing(predictor: Predictor) -> None:
    known = segment(drawn_run(40), predictor=predictor)
    assert known.spacing == SPACING
    assert known.vessel_area_mm2 == pytest.approx(known.mask.sum() * 0.5 * 0.2)
    unknown = segment(drawn_run(40, spacing=None), predictor=predictor)
    assert unknown.vessel_area_px == known.mask.sum()
    assert unknown.vessel_area_mm2 is None


@pytest.mark.parametrize("number", [0, -1, 5])
def test_a_frame_out_of_range_is_an_input_error(predictor: Predictor, number: int) -> None:
    with pytest.raises(InputError, match=f"no frame {number}: the run has 4"):
        segment(drawn_run(*LENGTHS), frame=number, predictor=predictor)


def test_another_word_than_best_is_refused(predictor: Predictor) -> None:
    with pytest.raises(ConfigError, match="no frame 'middle'"):
        segment(drawn_run(*LENGTHS), frame="middle", predictor=predictor)


def test_all_frames_come_in_order_and_equal_single_ones(predictor: Predictor) -> None:
    run = drawn_run(*LENGTHS)
    results = list(segment_all(run, predictor))
    assert [result.frame for result in results] == [1, 2, 3, 4]
    for result in results:
        single = segment(run, frame=result.frame, predictor=predictor)
        np.testing.assert_allclose(result.probability, single.probability, atol=1e-6)
        np.testing.assert_array_equal(result.mask, single.mask)
        assert result.flags == single.flags
        assert result.vessel_curve is None


class CountedFrames:
    """Frames that are drawn when they are asked for, and say how many are alive."""

    def __init__(self) -> None:
        self.drawn: list[weakref.ref[Frame]] = []

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Frame:
        frame = drawn_frame(20 + index)
        self.drawn.append(weakref.ref(frame))
        return frame

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def alive(self) -> int:
        gc.collect()
        return sum(reference() is not None for reference in self.drawn)


def test_memory_does_not_grow_with_the_run(predictor: Predictor) -> None:
    frames = CountedFrames()
    run = Angiogram("long", frames, ROWS, COLUMNS)
    most = max(frames.alive() for _ in segment_all(run, predictor))
    assert len(frames.drawn) == 12
    assert most <= 2 * BATCH + 1
    segment(run, predictor=predictor)
    assert frames.alive() == 0
