"""Short names of the samples: the same on every machine, and safe as file names."""

import re
from collections.abc import Callable, Sequence

from coroseg.datasets.manifest import Sample
from coroseg.datasets.pairs import stem
from coroseg.errors import DataError
from coroseg.io.sources import natural_key

_UNSAFE = re.compile(r"[^\w .,+=@~()-]")


def name_samples(samples: Sequence[Sample]) -> dict[str, Sample]:
    """Return the samples by name, in natural order of the names, whatever order they came in.

    A name is the data set, then as few of the last parts of the image's path as tell the data
    set's images apart, with its extension only where that is shorter. Upper and lower case are
    one, as on some file systems. Raises `DataError` where two images cannot be told apart.
    """
    sets: dict[str | None, list[Sample]] = {}
    for sample in samples:
        sets.setdefault(sample.dataset, []).append(sample)
    named = [
        (name, sample)
        for same in sets.values()
        for name, sample in zip(_shortest(same), same, strict=True)
    ]
    taken: dict[str, Sample] = {}
    for name, sample in named:
        other = taken.setdefault(name.casefold(), sample)
        if other is not sample:
            raise DataError(
                f"{sample.image} and {other.image}: both would be called {name}: "
                "list an image once, name the data sets, or rename one of the two"
            )
    return dict(sorted(named, key=lambda item: natural_key(item[0])))


def _shortest(samples: Sequence[Sample]) -> list[str]:
    """Return the names of one data set's samples, all of them with the same number of parts."""
    names: list[str] = []
    endings: tuple[Callable[[Sample], str], ...] = (
        lambda sample: stem(sample.image),
        lambda sample: sample.image.name,
    )
    for folders in range(max(len(sample.image.parts) for sample in samples)):
        for ending in endings:
            names = [_name(sample, folders, ending(sample)) for sample in samples]
            if len({name.casefold() for name in names}) == len(names):
                return names
    return names


def _name(sample: Sample, folders: int, ending: str) -> str:
    """Return the data set, the last `folders` of the image's path and the `ending`."""
    parents = sample.image.parent.relative_to(sample.image.anchor).parts
    parts = [*parents[max(0, len(parents) - folders) :], ending]
    if sample.dataset:
        parts.insert(0, sample.dataset)
    return "/".join(_UNSAFE.sub("_", part).strip(". ") or "_" for part in parts)
