"""What a de-identified file says about how that was done (PS3.15 E.1.1, PS3.3 C.7.1.1, C.12.1)."""

from importlib.metadata import version
from typing import Final

from pydicom import Dataset

from coroseg.deidentify.profile import Options

_CODES: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113104": "Clean Structured Content Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113109": "Retain Device Identity Option",
}
"""Of CID 7050."""

_DATES: Final = {
    "remove": ("REMOVED", None),
    "shift": ("MODIFIED", "113107"),
    "keep": ("UNMODIFIED", "113106"),
}


def state_method(dataset: Dataset, options: Options, *, masked: bool) -> None:
    """Put the method into `dataset`; where pixels were `masked`, no annotation is left in them."""
    longitudinal, dates_code = _DATES[options.dates]
    used = ["113100", "113104"]
    used += ["113101"] if masked else []
    used += [dates_code] if dates_code else []
    used += ["113109"] if options.retain_device else []
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        f"coroseg {version('coroseg')}",
        "DICOM PS3.15 Basic Profile, Table E.1-1 of edition 2026c",
    ]
    dataset.DeidentificationMethodCodeSequence = [_code(value) for value in sorted(used)]
    dataset.LongitudinalTemporalInformationModified = longitudinal
    if masked:
        dataset.BurnedInAnnotation = "NO"


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", _CODES[value]
    return item
