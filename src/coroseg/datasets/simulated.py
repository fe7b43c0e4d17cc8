"""Simulated angiograms, as `coroseg simulate` writes them."""

from pathlib import Path
from typing import Any

from coroseg.datasets.manifest import Sample, write_manifest
from coroseg.errors import DataError
from coroseg.io.sources import natural_key
from coroseg.simulation.truth_file import TRUTH, read_truth


def build(path: Path, out: Path) -> list[Sample]:
    """Write the manifest of the simulated samples in the folder `path` to `out`; return its rows.

    A row is a frame that was written as PNG and shows any vessel. The `patient` is the seed, for
    all frames of a seed show one heart. Raises `DataError` where there is none.
    """
    samples = []
    for file in sorted(path.glob(f"*/{TRUTH}"), key=lambda file: natural_key(file.parent.name)):
        truth = read_truth(file.parent)
        if truth is None:
            raise DataError(
                f"{file}: is no truth of a simulated angiogram: "
                "remove its folder and simulate it again"
            )
        samples += _samples(file.parent.resolve(), truth)
    if not samples:
        raise DataError(
            f"{path}: holds no simulated frames as PNG: make some with coroseg simulate"
        )
    write_manifest(out, samples)
    return samples


def _samples(folder: Path, truth: dict[str, Any]) -> list[Sample]:
    """Return a sample for each frame of one seed."""
    view = truth["view"]
    row_mm, column_mm = truth["spacing_mm"]
    return [
        Sample(
            image=folder / frame["files"]["image"],
            mask=folder / frame["files"]["mask"],
            patient=str(truth["request"]["seed"]),
            artery=truth["artery"],
            projection="LAO" if view["primary_deg"] >= 0 else "RAO",
            primary_angle=view["primary_deg"],
            secondary_angle=view["secondary_deg"],
            spacing_row_mm=row_mm,
            spacing_column_mm=column_mm,
            dataset="simulated",
        )
        for frame in truth["truths"]
        if "image" in frame["files"] and frame["mask_px"]
    ]
