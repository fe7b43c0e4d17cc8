"""Parting samples into folds of about the same size without parting a patient or a group."""

from collections.abc import Sequence

from coroseg.datasets.manifest import Sample
from coroseg.errors import DataError


def group_folds(samples: Sequence[Sample], count: int) -> list[list[Sample]]:
    """Return `count` folds; every sample is in one, and samples of one `unit` are in the same.

    The largest units are dealt out first, each to the smallest fold, so that the result depends on
    the samples alone. Raises `DataError` for fewer units than folds.
    """
    units: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in samples:
        units.setdefault(sample.unit, []).append(sample)
    if not 1 <= count <= len(units):
        raise DataError(f"{count} folds: there are {len(units)} patients, groups or images to part")
    folds: list[list[Sample]] = [[] for _ in range(count)]
    for key in sorted(units, key=lambda unit: (-len(units[unit]), unit)):
        min(folds, key=len).extend(units[key])
    return folds
