"""The elements of a data set, one by one: removed, replaced or kept.

What Table E.1-1 lists goes by its row. What it does not list stays where it cannot name anybody:
numbers, the standard's terms and codes, UIDs as hashes. Other text becomes `REMOVED`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydicom import DataElement, Dataset
from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_VR,
    keyword_for_tag,
)
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from coroseg.deidentify.dates import DUMMY, moved
from coroseg.deidentify.key import Key
from coroseg.deidentify.profile import Action, Options, action_for
from coroseg.deidentify.terms import (
    CODE_KEYWORDS,
    REMOVED,
    clean_code,
    clean_scheme,
    clean_term,
    clean_text,
    is_code,
    names_product,
)
from coroseg.deidentify.uids import new_uid, pseudonym
from coroseg.errors import InputError

KEPT_TEXT: Final = frozenset(
    {
        "AlgorithmName",
        "AlgorithmSource",
        "AlgorithmVersion",
        "Manufacturer",
        "ManufacturerModelName",
        "SegmentAlgorithmName",
        "SoftwareVersions",
    }
)
"""Names of products that are kept as they are."""

KEPT_DATA: Final = frozenset(
    {
        "AlphaPaletteColorLookupTableData",
        "BluePaletteColorLookupTableData",
        "DoubleFloatPixelData",
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
        "FloatPixelData",
        "GreenPaletteColorLookupTableData",
        "LUTData",
        "PixelData",
        "RedPaletteColorLookupTableData",
    }
)
"""Bulk data that is kept as it is; any other goes."""

MAX_DEPTH: Final = 32
_FIRST_GROUP: Final = 0x0008  # below it: commands, meta information, directories
_NUMBER_TEXT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TIMEZONE: Final = re.compile(r"[+-]\d{4}")
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF

_NUMBERS: Final = ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")
_BULK: Final = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_TEXT: Final = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")


@dataclass(frozen=True)
class Cleaner:
    """Cleans the data sets of one patient, whose dates move by `days`."""

    key: Key
    options: Options
    days: int

    def clean(self, dataset: Dataset, depth: int = 0) -> Dataset:
        """Return a new data set; the old one stays as it is. It is `depth` sequences deep.

        Raises `InputError`, without the file's name, where an element is cut short, or in more
        than `MAX_DEPTH` sequences: each level is a copy of all that it holds.
        """
        if depth > MAX_DEPTH:
            raise InputError("sequences are nested too deeply")
        cleaned = Dataset()
        for tag in dataset.keys():  # noqa: SIM118  # iterating would convert, and raise
            element = self._element(dataset, tag, depth)
            if element is not None:
                cleaned.add(element)
        if is_code(cleaned):
            clean_code(cleaned)
        if "TextValue" in cleaned and names_product(dataset):
            cleaned.TextValue = dataset.TextValue
        return cleaned

    def _element(self, dataset: Dataset, tag: BaseTag, depth: int) -> DataElement | None:
        keyword = keyword_for_tag(tag)
        # Private tags, 50xx and 60xx are not in the dictionary by their own number.
        unknown = not dictionary_has_tag(tag) or tag.group < _FIRST_GROUP
        if unknown or keyword == "SpecificCharacterSet":
            return None
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and _is_cut(raw):
            raise InputError(f"{keyword} {tag} is cut short")
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001 - pydicom has a parser a value type; no value, no text
            return None
        if element.VR not in (known := dictionary_VR(tag)).split(" or ") and known != element.VR:
            return None
        action = action_for(tag, element.VR, self.options)
        if element.VR == "SQ":
            return self._sequence(element, action, depth)
        return self._value(element, action)

    def _sequence(self, element: DataElement, action: Action, depth: int) -> DataElement | None:
        if action is Action.REMOVE:
            return None
        kept = () if action is Action.EMPTY else element.value
        items = [self.clean(item, depth + 1) for item in kept]
        return DataElement(element.tag, "SQ", items)

    def _value(self, element: DataElement, action: Action) -> DataElement | None:
        if element.VR == "UI" and action not in (Action.REMOVE, Action.EMPTY, Action.KEEP):
            return _with(element, _each(element, lambda uid: new_uid(self.key, uid)))
        if element.keyword == "PatientID":
            return _with(element, pseudonym(self.key, str(element.value or "")))
        changes: dict[Action, Callable[[], DataElement | None]] = {
            Action.EMPTY: lambda: _with(element, ""),
            Action.DUMMY: lambda: _dummy(element),
            Action.SHIFT: lambda: _kept(element, self.days),
            Action.KEEP: lambda: _kept(element, 0),
            Action.UNLISTED: lambda: _unlisted(element),
        }
        change = changes.get(action)
        return change() if change else None


def _is_cut(raw: RawDataElement) -> bool:
    """Return whether the file ends before the value does."""
    return raw.length != _UNDEFINED_LENGTH and len(raw.value or b"") < raw.length


def _kept(element: DataElement, days: int) -> DataElement | None:
    """Return an element that an option retains; dates move by `days`, and bulk data goes."""
    if element.VR in DUMMY:
        return _with(element, _each(element, lambda value: moved(value, element.VR, days)))
    if element.keyword == "TimezoneOffsetFromUTC" and not _TIMEZONE.fullmatch(str(element.value)):
        return None
    return None if element.VR in _BULK else element


def _dummy(element: DataElement) -> DataElement | None:
    if element.VR in DUMMY:
        return _with(element, DUMMY[element.VR])
    if element.VR in (*_TEXT, "CS"):
        return _with(element, REMOVED)
    return None


def _unlisted(element: DataElement) -> DataElement | None:
    vr, keyword = element.VR, keyword_for_tag(element.tag)
    if vr == "CS":
        return _with(element, _each(element, clean_term))
    if vr in _TEXT and keyword not in KEPT_TEXT:
        return _with(element, _clean_text(keyword, str(element.value or "")))
    stays = (
        keyword in KEPT_DATA
        or keyword in KEPT_TEXT
        or vr in _NUMBERS
        or vr == "US or SS"
        or (vr in ("DS", "IS") and _is_number(element))
    )
    return element if stays else None


def _is_number(element: DataElement) -> bool:
    values = _each(element, str)
    texts = values if isinstance(values, list) else [values]
    return all(not text or _NUMBER_TEXT.fullmatch(text.strip()) for text in texts)


def _clean_text(keyword: str, value: str) -> str:
    if keyword in CODE_KEYWORDS:
        return value  # all of them together, once the item is complete
    if keyword in ("CodingSchemeDesignator", "CodingSchemeVersion"):
        return clean_scheme(keyword, value)
    return clean_text(value)


def _each(element: DataElement, change: Callable[[str], str]) -> str | list[str]:
    """Return the values of an element, each as a text that `change` was applied to."""
    if element.value is None:
        return ""
    if isinstance(element.value, MultiValue | list):
        return [change(str(value)) for value in element.value]
    return str(change(str(element.value)))


def _with(element: DataElement, value: str | list[str]) -> DataElement:
    return DataElement(element.tag, element.VR, value)
