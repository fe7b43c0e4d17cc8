"""DCA1: 134 angiograms of 300 x 300 pixels with vessel masks.

Source: Cervantes-Sanchez et al., Applied Sciences 9(24):5507, 2019.
"""

import csv
from dataclasses import replace
from pathlib import Path

from coroseg.datasets.manifest import Sample, write_manifest
from coroseg.datasets.pairs import find_pairs
from coroseg.errors import DataError

_GROUPS = "groups.csv"


def build(path: Path, out: Path) -> list[Sample]:
    """Write DCA1's manifest to `out` and return its samples.

    `path` holds the release (`7.pgm` beside `7_gt.pgm`) or `images/` and `masks/`. A file
    `groups.csv` (image, group) there names the frames of one run, which must not be split;
    the release has none. Raises `DataError` where a file has no partner or no group.
    """
    samples = [
        Sample(image, mask, dataset="dca1") for image, mask in find_pairs(path, ending="_gt")
    ]
    if (path / _GROUPS).is_file():
        groups = _read_groups(path / _GROUPS)
        if lonely := [sample.image.name for sample in samples if sample.image.name not in groups]:
            raise DataError(
                f"{path / _GROUPS}: no group for {len(lonely)} image(s): {lonely[0]}, ..."
            )
        samples = [replace(sample, group=groups[sample.image.name]) for sample in samples]
    write_manifest(out, samples)
    return samples


def _read_groups(path: Path) -> dict[str, str]:
    """Return the group of each image by its file name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
            return {row["image"]: row["group"] for row in rows if row["group"]}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise DataError(f"{path}: no column {error}: it needs image and group") from error
