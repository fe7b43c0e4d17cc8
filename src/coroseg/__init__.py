"""Coronary arteries from X-ray angiograms: mask, contours and measures, on a CPU, offline.

    run = coroseg.load("run.dcm")
    result = coroseg.segment(run, frame="best")
    tree = coroseg.measure(result)
    scores = coroseg.evaluate(result.mask, truth, spacing_mm=(0.3, 0.3))

Research software, not a medical device.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coroseg.angiogram import Angiogram
    from coroseg.geometry.export import to_networkx, to_pandas
    from coroseg.geometry.measure import measure
    from coroseg.geometry.tree import VesselTree
    from coroseg.io.load import load
    from coroseg.metrics import Scores, evaluate
    from coroseg.segmentation.predictor import Predictor
    from coroseg.segmentation.segment import Segmentation, segment, segment_all

__version__ = version("coroseg")
__all__ = [
    "Angiogram",
    "Predictor",
    "Scores",
    "Segmentation",
    "VesselTree",
    "evaluate",
    "load",
    "measure",
    "segment",
    "segment_all",
    "to_networkx",
    "to_pandas",
]

_HOMES = {
    "Angiogram": "coroseg.angiogram",
    "Predictor": "coroseg.segmentation.predictor",
    "Scores": "coroseg.metrics",
    "Segmentation": "coroseg.segmentation.segment",
    "VesselTree": "coroseg.geometry.tree",
    "evaluate": "coroseg.metrics",
    "load": "coroseg.io.load",
    "measure": "coroseg.geometry.measure",
    "segment": "coroseg.segmentation.segment",
    "segment_all": "coroseg.segmentation.segment",
    "to_networkx": "coroseg.geometry.export",
    "to_pandas": "coroseg.geometry.export",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line's --help needs none of them.
    if name not in _HOMES:
        raise AttributeError(f"module 'coroseg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
