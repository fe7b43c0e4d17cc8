"""Dealing units (patients, groups of frames, images) to the parts of folds, none of them parted."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from coroseg.datasets.manifest import Sample
from coroseg.errors import DataError

Unit = Sequence[Sample]
Parts = tuple[list[Unit], list[Unit], list[Unit]]  # train, validation, test

_IMAGES: Final = "images"
_ROUNDING: Final = 1e-9
_TRAIN_AND_VALIDATION: Final = 2


def paper_folds(units: Sequence[Unit], folds: int, test_fraction: float) -> list[Parts]:
    """Return folds with one test set; each share of the other units is validation once."""
    rest, test = deal(units, [1 - test_fraction, test_fraction])
    if len(rest) < folds:
        raise DataError(
            f"folds is {folds} and test_fraction is {test_fraction:.4g}: {_number(rest)} of "
            f"{len(units)} remain beside the test set: ask for fewer folds or a smaller test set"
        )
    dealt = deal(rest, [1 / folds] * folds)
    return [(_others(dealt, turn), dealt[turn], test) for turn in range(folds)]


def rotated_folds(units: Sequence[Unit], folds: int, validation_fraction: float) -> list[Parts]:
    """Return folds each of which tests its own share of the units; some others are validation."""
    if len(units) < folds:
        raise DataError(f"folds is {folds}: there are {_number(units)}: ask for fewer folds")
    dealt = deal(units, [1 / folds] * folds)
    made = []
    for turn, test in enumerate(dealt):
        others = _others(dealt, turn)
        if len(others) < _TRAIN_AND_VALIDATION:
            raise DataError(
                f"folds is {folds}: fold {turn + 1} has {_number(others)} beside its test set and "
                "needs one to train on and one for validation: ask for more folds"
            )
        train, validation = deal(others, [1 - validation_fraction, validation_fraction])
        made.append((train, validation, test))
    return made


def deal(units: Sequence[Unit], shares: Sequence[float]) -> list[list[Unit]]:
    """Return a part of the `units` for each of the `shares`, which add up to 1.

    The largest units are dealt first, each to the part that lacks most, of images and of the
    arteries that the unit shows (not known is one more artery). Two parts, and any number with
    equal shares, end no further from their share than the largest unit has images, and none is
    empty if there are units enough. Units alike in size and arteries go in the order given.
    """
    counted = [(unit, _counts(unit)) for unit in units]
    total = sum((counts for _, counts in counted), Counter[str]())
    lacks = [{kind: share * number for kind, number in total.items()} for share in shares]
    parts: list[list[Unit]] = [[] for _ in shares]
    largest = max(map(len, units), default=0)
    counted.sort(key=lambda pair: (-len(pair[0]), sorted(pair[1].items())))
    for left, (unit, counts) in zip(range(len(units), 0, -1), counted, strict=True):
        open_parts = [number for number, part in enumerate(parts) if not part]
        if len(open_parts) < left:
            open_parts = _open_parts([lack[_IMAGES] for lack in lacks], shares, unit, largest)
        chosen = max(open_parts, key=lambda part: _gain(lacks[part], counts) / shares[part])
        parts[chosen].append(unit)
        for kind, number in counts.items():
            lacks[chosen][kind] -= number
    return parts


def _open_parts(
    lacks: Sequence[float], shares: Sequence[float], unit: Unit, largest: int
) -> list[int]:
    """Return the parts that may take the unit, so that all end within `largest` of their share.

    None may overflow by more. Of those that still lack more, what another part got last it got at
    a time when it was about as empty, so that none of them can be left behind.
    """
    rows = list(zip(lacks, shares, strict=True))
    emptiest = max((lack / share for lack, share in rows if lack > largest), default=0.0)
    slack = largest - len(unit) + _ROUNDING
    return [part for part, (lack, share) in enumerate(rows) if lack >= emptiest * share - slack]


def _gain(lack: dict[str, float], counts: Counter[str]) -> float:
    """Return by how much a part's sum of squared lacks falls if it takes the unit."""
    return sum(number * (2 * lack[kind] - number) for kind, number in counts.items())


def _counts(unit: Unit) -> Counter[str]:
    """Return the number of images of a unit, and of its images of each artery."""
    return Counter({_IMAGES: len(unit)}) + Counter(sample.artery or "unknown" for sample in unit)


def _others(dealt: Sequence[list[Unit]], turn: int) -> list[Unit]:
    """Return the units of the other folds, the next one's first, so that no two turns are alike."""
    return [unit for fold in (*dealt[turn + 1 :], *dealt[:turn]) for unit in fold]


def _number(units: Sequence[Unit]) -> str:
    """Return how many units there are and of what kind, for people."""
    kinds = {"patient": "patients", "group": "groups", "image": "images"}
    there = {unit[0].unit[1] for unit in units}
    return f"{len(units)} {' or '.join(word for kind, word in kinds.items() if kind in there)}"
