"""The measures of real frames: sane numbers, in time."""

import time
from pathlib import Path

import numpy as np
import pytest

import coroseg
from coroseg.segmentation.predictor import Predictor

IMAGES = Path(__file__).parents[2] / "shared" / "data" / "arcade" / "syntax" / "val" / "images"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not IMAGES.is_dir(), reason="no real angiograms beside the project"),
]


@pytest.mark.parametrize("number", [1, 40, 100, 101])
def test_a_real_frame_is_measured(number: int) -> None:
    run = coroseg.load(IMAGES / f"{number}.png", spacing_mm=0.3)
    result = coroseg.segment(run, predictor=Predictor(threads=1))
    tree = coroseg.measure(result)
    start = time.thread_time()
    coroseg.measure(result)
    assert time.thread_time() - start < 0.6  # 0.15 on a machine with nothing else to do
    assert tree.branches
    points = np.concatenate([branch.centreline.points for branch in tree.branches])
    columns, rows = np.rint(points).astype(int).T
    assert result.mask[rows.clip(0, 511), columns.clip(0, 511)].mean() > 0.97
    diameters = np.concatenate([branch.diameters.px for branch in tree.branches])
    assert np.isfinite(diameters).mean() > 0.8  # none where vessels cross
    length = sum(branch.centreline.length_px for branch in tree.branches)
    assert np.nanmean(diameters) * length == pytest.approx(result.vessel_area_px, rel=0.3)
    for lesion in tree.lesions:
        assert 0.2 <= lesion.diameter_stenosis <= 1
        assert lesion.first <= lesion.minimum <= lesion.last
