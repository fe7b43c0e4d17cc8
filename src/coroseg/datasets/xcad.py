"""XCAD: angiograms of 512 x 512 pixels; those of its test set have vessel masks.

Source: Ma et al., Self-Supervised Vessel Segmentation via Adversarial Learning, ICCV 2021.
"""

from pathlib import Path

from coroseg.datasets.manifest import Sample, write_manifest
from coroseg.datasets.pairs import find_pairs
from coroseg.errors import DataError


def build(path: Path, out: Path) -> list[Sample]:
    """Write XCAD's manifest to `out` and return its samples: the images with a mask.

    `path` is the folder that holds `test/images` and `test/masks`, or its parent. The training
    images (`train/trainA` to `trainC`) have no masks and are passed over.
    Raises `DataError` where the layout is another or a file has no partner.
    """
    test = next(
        (folder for folder in (path / "test", path / "XCAD" / "test") if folder.is_dir()), None
    )
    if test is None:
        raise DataError(f"{path}: not XCAD: no folder test/ with images/ and masks/")
    samples = [
        Sample(image, mask, dataset="xcad", split="test") for image, mask in find_pairs(test)
    ]
    write_manifest(out, samples)
    return samples
