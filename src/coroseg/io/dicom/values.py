"""Single values out of a DICOM data set, wherever its kind of object keeps them.

Files from the field hold garbage; a value that does not make sense counts as absent.
"""

import math
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue


def value(dataset: Dataset, keyword: str, frame: int = 0) -> Any:
    """Return the value of `keyword` for `frame` (counted from 0), or None where it is absent.

    Looked for in the data set itself, then in the frame's own functional groups, then in the
    shared ones (enhanced objects, PS3.3 C.7.6.16).
    """
    for place in _places(dataset, frame):
        found = _read(place, keyword)
        if found is not None:
            return found
    return None


def numbers(dataset: Dataset, keyword: str, frame: int = 0) -> tuple[float, ...]:
    """Return the values of `keyword` as finite numbers; nothing where any of them is not."""
    found = value(dataset, keyword, frame)
    if found is None:
        return ()
    try:
        converted = tuple(float(x) for x in (found if isinstance(found, MultiValue) else [found]))
    except (TypeError, ValueError):
        return ()
    return converted if all(math.isfinite(x) for x in converted) else ()


def number(dataset: Dataset, keyword: str, frame: int = 0) -> float | None:
    """Return the first value of `keyword` as a finite number, or None."""
    found = numbers(dataset, keyword, frame)
    return found[0] if found else None


def text(dataset: Dataset, keyword: str) -> str:
    """Return the value of `keyword` as one line without padding, empty where it is absent."""
    found = value(dataset, keyword)
    return "" if found is None else " ".join(str(found).strip(" \0").split())


def _read(place: Dataset, keyword: str) -> Any:
    """Return the value of one element, None where it is absent, empty or cannot be parsed."""
    try:
        found = place.get(keyword)
    except Exception:  # noqa: BLE001 - elements are parsed here, by one parser a value type
        return None
    return None if found is None or found == "" else found


def _places(dataset: Dataset, frame: int) -> Iterator[Dataset]:
    yield dataset
    own = _read(dataset, "PerFrameFunctionalGroupsSequence")
    shared = _read(dataset, "SharedFunctionalGroupsSequence")
    groups = [own[frame]] if own and frame < len(own) else []
    groups += [shared[0]] if shared else []
    for group in groups:
        for element in group:
            if element.VR == "SQ" and element.value:
                yield element.value[0]
