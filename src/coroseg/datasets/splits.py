"""The folds of a benchmark and the file that fixes them; no patient or group is ever parted."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from coroseg.datasets.dealing import Unit, paper_folds, rotated_folds
from coroseg.datasets.manifest import Sample
from coroseg.datasets.names import name_samples
from coroseg.errors import ConfigError, DataError
from coroseg.io.files import write_whole

Scheme = Literal["paper", "rotate"]

PAPER_TEST_FRACTION: Final = 130 / 616
PARTS: Final = ("train", "validation", "test")

_SCHEMA_VERSION = 1
_MIN_FOLDS = 2


@dataclass(frozen=True)
class Fold:
    """What one model of every row is trained, chosen and scored on."""

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]


@dataclass(frozen=True)
class Split:
    """The folds, and the samples by their names."""

    scheme: Scheme
    seed: int
    folds: tuple[Fold, ...]
    names: Mapping[str, Sample]

    def name_of(self, sample: Sample) -> str:
        """Return the name of a sample."""
        return self._name_of[sample]

    @cached_property
    def _name_of(self) -> dict[Sample, str]:
        return {sample: name for name, sample in self.names.items()}


def make_split(
    samples: Sequence[Sample],
    *,
    scheme: Scheme,
    folds: int,
    test_fraction: float = PAPER_TEST_FRACTION,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> Split:
    """Return the folds of the samples, the same for the same `seed` whatever the samples' order.

    `paper`: one test set with `test_fraction` of the images; each of the folds that the others
    make is validation once. `rotate`: each fold of all images is the test set once;
    `validation_fraction` of the other images is validation. Samples of one `unit` stay together,
    and every part shows the arteries in about the same proportion.
    Raises `ConfigError` for a setting out of range and `DataError` for too few units.
    """
    if folds < _MIN_FOLDS:
        raise ConfigError(f"folds is {folds}: it must be {_MIN_FOLDS} or more")
    names = name_samples(samples)
    units = _shuffled_units(names, seed)
    if scheme == "paper":
        _check_fraction("test_fraction", test_fraction)
        parts = paper_folds(units, folds, test_fraction)
    elif scheme == "rotate":
        _check_fraction("validation_fraction", validation_fraction)
        parts = rotated_folds(units, folds, validation_fraction)
    else:
        raise ConfigError(f"scheme is {scheme!r}: it must be paper or rotate")
    made = tuple(Fold(*(_in_order(part, names) for part in fold)) for fold in parts)
    return Split(scheme, seed, made, names)


def write_split(path: Path, split: Split) -> None:
    """Write the split as JSON, whole or not at all, with the SHA-256 of its content."""
    content = {**_content(split), "sha256": split_sha256(split)}
    with write_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_split(path: Path, samples: Sequence[Sample]) -> Split:
    """Return the split in `path`, made of these samples.

    Raises `DataError` where the file is damaged or was edited, where the samples are not those it
    was made of, and where a unit stands in two parts of a fold.
    """
    content = _read(path)
    names = name_samples(samples)
    try:
        folds = [{part: [*map(str, fold[part])] for part in PARTS} for fold in content["folds"]]
        scheme, seed = content["scheme"], content["seed"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as a split: {error!r}: make a new one") from error
    for number, fold in enumerate(folds, start=1):
        place = f"{path}, fold {number}"
        _check_images(fold, names, place)
        _check_leaks(fold, names, place)
    split = Split(
        scheme,
        seed,
        tuple(
            Fold(**{part: tuple(names[n] for n in fold[part]) for part in PARTS}) for fold in folds
        ),
        names,
    )
    if _content(split) != {key: value for key, value in content.items() if key != "sha256"}:
        raise DataError(
            f"{path}: the samples' patients, groups or arteries are not those it was made with: "
            "make a new split (remove the file), or bring the old manifest back"
        )
    return split


def split_sha256(split: Split | Path) -> str:
    """Return the SHA-256 of a split's content, of a file too; one that does not fit is refused."""
    return str(_read(split)["sha256"]) if isinstance(split, Path) else _sha256(_content(split))


def _check_fraction(name: str, fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ConfigError(f"{name} is {fraction}: it must be above 0 and below 1")


def _shuffled_units(names: Mapping[str, Sample], seed: int) -> list[Unit]:
    """Return the units in an order that hangs on the seed and the names alone."""
    units: dict[tuple[str, str, str], list[str]] = {}
    for name, sample in names.items():
        units.setdefault(sample.unit, []).append(name)

    def key(unit: list[str]) -> bytes:
        return hashlib.sha256(f"{seed} {unit[0]}".encode()).digest()

    return [[names[name] for name in unit] for unit in sorted(units.values(), key=key)]


def _in_order(units: Sequence[Unit], names: Mapping[str, Sample]) -> tuple[Sample, ...]:
    held = {sample for unit in units for sample in unit}
    return tuple(sample for sample in names.values() if sample in held)


def _content(split: Split) -> dict[str, Any]:
    """Return what the file holds, but for its hash."""
    return {
        "schema_version": _SCHEMA_VERSION,
        "scheme": split.scheme,
        "seed": split.seed,
        "counts": _counts(split.names.values()),
        "folds": [
            {
                "counts": {part: _counts(getattr(fold, part)) for part in PARTS},
                **{part: [split.name_of(s) for s in getattr(fold, part)] for part in PARTS},
            }
            for fold in split.folds
        ],
    }


def _counts(samples: Iterable[Sample]) -> dict[str, Any]:
    """Return the number of images, of units of each kind, and of images of each artery."""
    samples = list(samples)
    units = _tally(kind for _, kind, _ in {sample.unit for sample in samples})
    arteries = _tally(sample.artery or "unknown" for sample in samples)
    return {"images": len(samples), "units": units, "arteries": arteries}


def _tally(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """Return what the file holds. Raises `DataError` where that is not what was written to it."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stated = content["sha256"]
        computed = _sha256({key: value for key, value in content.items() if key != "sha256"})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as a split: {error!r}: make a new one") from error
    if stated != computed:
        raise DataError(
            f"{path}: its content has SHA-256 {computed[:12]}, not {str(stated)[:12]} as it says: "
            "it was edited or damaged: bring the old file back, or remove it for a new split"
        )
    if content.get("schema_version") != _SCHEMA_VERSION:
        raise DataError(
            f"{path}: is a split of version {content.get('schema_version')}, this coroseg reads "
            f"{_SCHEMA_VERSION}: use the coroseg that wrote it, or make a new split"
        )
    return content


def _check_images(
    fold: Mapping[str, Sequence[str]], names: Mapping[str, Sample], place: str
) -> None:
    """Refuse a fold that does not hold every sample once."""
    held = Counter(name for part in PARTS for name in fold[part])
    missing, unknown = sorted(names.keys() - held), sorted(held.keys() - names)
    twice = sorted(name for name, times in held.items() if times > 1)
    for wrong, problem in [
        (missing, "are not in it"),
        (unknown, "are no longer among the samples"),
        (twice, "are in it twice"),
    ]:
        if wrong:
            raise DataError(
                f"{place}: {len(wrong)} image(s) {problem} ({wrong[0]}): bring back the manifest "
                "it was made of, or make a new split (remove the file)"
            )


def _check_leaks(
    fold: Mapping[str, Sequence[str]], names: Mapping[str, Sample], place: str
) -> None:
    """Refuse a fold with a unit in two parts."""
    found: dict[tuple[str, str, str], str] = {}
    for part in PARTS:
        for name in fold[part]:
            _, kind, unit = names[name].unit
            first = found.setdefault(names[name].unit, part)
            if first != part:
                raise DataError(
                    f"{place}: leak: the {kind} {unit} is in {first} and in {part} ({name}): "
                    "make a new split (remove the file)"
                )
