"""Distances inside a mask: the same wherever it lies in memory, and with any number of threads."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from coroseg.geometry.distance import distance_inside

SHAPE = (203, 317)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(request.param)
    yield request.param
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("threads")
def test_distances_are_the_same_wherever_the_mask_lies() -> None:
    mask = np.random.default_rng(0).random(SHAPE) < 0.99
    exact = distance_transform_edt(mask)
    found = set()
    for start in range(32):
        copy = np.empty(mask.size + 32, dtype=bool)[start : start + mask.size].reshape(SHAPE)
        copy[:] = mask
        distance = distance_inside(copy)
        np.testing.assert_allclose(distance, exact, rtol=1e-5)
        found.add(distance.tobytes())
    assert len(found) == 1


def test_opencv_is_left_as_it_was() -> None:
    before = cv2.ipp.useIPP()
    distance_inside(np.ones((4, 4), dtype=bool))
    assert cv2.ipp.useIPP() == before
