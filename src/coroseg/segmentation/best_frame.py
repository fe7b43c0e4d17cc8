"""Which frame of a run shows most vessel."""

from collections.abc import Sequence

import numpy as np

from coroseg.angiogram import Angiogram
from coroseg.segmentation.binarize import SURE
from coroseg.segmentation.predictor import Predictor, Probability

COARSE_SIZE = 256
"""Input size of the pass over all frames: half the resolution shows whether a vessel is there."""


def vessel_score(probability: Probability) -> float:
    """Return how much vessel a frame shows: the sum of its sure probabilities, over its area."""
    sure = probability[probability >= SURE]
    return float(sure.sum(dtype=np.float64)) / probability.size


def vessel_curve(run: Angiogram, predictor: Predictor) -> list[float]:
    """Return the `vessel_score` of every frame of a run, from one coarse pass over it."""
    size = min(COARSE_SIZE, predictor.info.input_size)
    return [vessel_score(map_) for _, map_ in predictor.predict_each(run.frames, input_size=size)]


def best_frame(curve: Sequence[float]) -> int:
    """Return the frame of the highest score, counted from 1; of equal ones the first."""
    return int(np.argmax(curve)) + 1
