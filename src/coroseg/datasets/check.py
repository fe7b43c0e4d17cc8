"""What is wrong with a data set, before a model is trained on it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coroseg.datasets.content import fingerprint, read_image
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.errors import CorosegError
from coroseg.io.masks import read_mask, read_probability, read_segments

if TYPE_CHECKING:
    from rich.table import Table

_Array = TypeVar("_Array", bound=NDArray[Any])
_COUNTED = ("dataset", "split", "artery", "projection")


@dataclass(frozen=True)
class Report:
    """What `check_manifest` found: `problems` is a line a problem, `sound` the samples to be used.

    `counts[column][value]` is a number of samples, "" where the value is not known;
    `vessel_fractions` are the vessel's parts of the image, one a sound sample.
    """

    manifest: Path
    samples: tuple[Sample, ...]
    sound: tuple[Sample, ...]
    problems: tuple[str, ...]
    vessel_fractions: tuple[float, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """The number of samples by data set, split, artery and projection."""
        return {
            column: dict(sorted(Counter(getattr(s, column) or "" for s in self.samples).items()))
            for column in _COUNTED
        }

    def table(self) -> "Table":
        """Return the counts for the terminal; the problems are printed line by line."""
        from rich.table import Table

        table = Table("", "", "images", title=str(self.manifest))
        table.add_row("all", "", str(len(self.samples)))
        for column, counts in self.counts.items():
            for value, count in counts.items():
                table.add_row(column, value or "not known", str(count))
        if self.vessel_fractions:
            low, middle, high = np.percentile(self.vessel_fractions, [0, 50, 100])
            table.add_row("vessel", f"{low:.1%} to {high:.1%} of an image", f"median {middle:.1%}")
        table.add_row("problems", "", str(len(self.problems)))
        return table


def check_manifest(path: Path) -> Report:
    """Return what is wrong with the data set of the manifest `path`: every file is read.

    Raises `DataError` only where the manifest itself cannot be read.
    """
    samples = read_manifest(path)
    problems: list[str] = []
    sound, fractions = [], []
    same: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        image = _read(read_image, sample.image, problems)
        mask = _read(read_mask, sample.mask, problems)
        if image is not None:
            same[fingerprint(image)].append(sample)
        if image is None or mask is None:
            continue
        if mask.shape != image.shape:
            problems.append(
                f"{sample.mask}: is {_size(mask)}, its image {_size(image)} (rows x columns)"
            )
            continue
        if not mask.any():
            problems.append(f"{sample.mask}: the mask is empty")
        problems += _of_segments(sample, mask)
        problems += _of_probability(sample, mask)
        sound.append(sample)
        fractions.append(float(mask.mean()))
    problems += _repeated(same.values())
    problems += _straddling(samples)
    return Report(path, tuple(samples), tuple(sound), tuple(problems), tuple(fractions))


def _of_segments(sample: Sample, mask: NDArray[np.bool_]) -> list[str]:
    """Return a line where the named segments cannot be read, or are not those of the mask."""
    if sample.segments is None:
        return []
    problems: list[str] = []
    segments = _read(read_segments, sample.segments, problems)
    if segments is None:
        return problems
    if segments.shape != mask.shape:
        return [f"{sample.segments}: is {_size(segments)}, its mask {_size(mask)} (rows x columns)"]
    differing = int(((segments > 0) != mask).sum())
    if differing:
        return [f"{sample.segments}: is not its mask divided: {differing} pixel(s) differ"]
    return []


def _of_probability(sample: Sample, mask: NDArray[np.bool_]) -> list[str]:
    """Return a line where the probability cannot be read, or is not of the mask's size."""
    if sample.probability is None:
        return []
    problems: list[str] = []
    found = _read(read_probability, sample.probability, problems)
    if found is None or found.shape == mask.shape:
        return problems
    return [f"{sample.probability}: is {_size(found)}, its mask {_size(mask)} (rows x columns)"]


def _read(read: Callable[[Path], _Array], path: Path, problems: list[str]) -> _Array | None:
    """Return what `read` makes of `path`; None, and a line more in `problems`, where it cannot."""
    try:
        return read(path)
    except CorosegError as error:
        problems.append(str(error))
        return None


def _size(array: NDArray[Any]) -> str:
    return " x ".join(map(str, array.shape))


def _repeated(same: Iterable[list[Sample]]) -> list[str]:
    """Return a line for each image that stands in several files."""
    lines = []
    for first, *others in same:
        if others:
            names = ", ".join(str(sample.image) for sample in others)
            splits = sorted({sample.split for sample in (first, *others) if sample.split})
            across = f", in the splits {' and '.join(splits)}" if len(splits) > 1 else ""
            lines.append(f"{first.image}: the same image as {names}{across}")
    return lines


def _straddling(samples: Iterable[Sample]) -> list[str]:
    """Return a line for each patient and group in several splits."""
    splits: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for sample in samples:
        for kind in ("patient", "group"):
            name = getattr(sample, kind)
            if name is not None and sample.split is not None:
                splits[(sample.dataset or "", kind, name)].add(sample.split)
    return [
        f"{dataset} {kind} {name}".strip() + f" is in the splits {' and '.join(sorted(found))}"
        for (dataset, kind, name), found in splits.items()
        if len(found) > 1
    ]
