"""The patient and study of a source, as they stand in what is derived from it.

Files from the field break the rules of their value types; what is derived from them must not.
Text is cut to the length that its type allows, and any other value that breaks the rules is absent.
"""

import re
import warnings
from copy import deepcopy
from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.multival import MultiValue

from coroseg.io.dicom.values import value

REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
"""Written empty where the source has none (type 2)."""

OPTIONAL = (
    "IssuerOfPatientID", "PatientBirthTime", "OtherPatientNames", "EthnicGroup", "PatientComments",
    "PatientIdentityRemoved", "LongitudinalTemporalInformationModified", "DeidentificationMethod",
    "PatientAge", "PatientSize", "PatientWeight", "StudyDescription", "TimezoneOffsetFromUTC",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
)  # fmt: skip

_CHOICES: Final = {
    "PatientSex": ("M", "F", "O"),
    "PatientIdentityRemoved": ("YES", "NO"),
    "LongitudinalTemporalInformationModified": ("UNMODIFIED", "MODIFIED", "REMOVED"),
}
_LENGTHS: Final = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
_PATTERNS: Final = {
    "AS": r"\d{3}[DWMY]",
    "CS": r"[A-Z0-9_][A-Z0-9_ ]{0,15}",
    "DA": r"(1[89]|2\d)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
    "DS": r"[+-]?(?=[\d.]{1,15}$)\d*\.?\d+",
    "IS": r"[+-]?\d{1,9}",
    "TM": r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?",
    "UI": r"(?=.{1,64}$)\d+(\.\d+)*",
}
_NAME_GROUPS, _NAME_PARTS, _NAME_LENGTH = 3, 5, 64
_TRIAL = ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialSubjectID")
"""Without these the others of a trial say nothing."""
_TRIAL_REQUIRED = ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName")


def copy_context(source: Dataset, target: Dataset) -> None:
    """Copy the attributes of the patient and the study, in UTF-8 whatever the source's text is."""
    target.SpecificCharacterSet = "ISO_IR 192"
    for keyword in REQUIRED:
        setattr(target, keyword, tidy(source, keyword))
    for keyword in OPTIONAL:
        if found := tidy(source, keyword):
            setattr(target, keyword, found)
    _complete_trial(target)
    if target.get("PatientIdentityRemoved") == "YES":
        codes = value(source, "DeidentificationMethodCodeSequence")
        if codes:
            target.DeidentificationMethodCodeSequence = deepcopy(codes)
        elif "DeidentificationMethod" not in target:
            target.DeidentificationMethod = "Not stated"


def _complete_trial(target: Dataset) -> None:
    """Remove a clinical trial that says too little, and give the others all they must have."""
    named = all(keyword in target for keyword in _TRIAL)
    for keyword in OPTIONAL:
        if keyword.startswith("ClinicalTrial") and keyword in target and not named:
            del target[keyword]
    if named:
        for keyword in _TRIAL_REQUIRED:
            setattr(target, keyword, target.get(keyword, ""))


def tidy(source: Dataset, keyword: str) -> str:
    """Return the first value of `keyword` as its type allows it; empty where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd value is either mended or left out
        found = value(source, keyword)
    if isinstance(found, MultiValue):
        found = found[0] if found else None
    if found is None:
        return ""
    kind = dictionary_VR(keyword)
    text = one_value(str(found))
    if kind == "PN":
        groups = text.split("=")[:_NAME_GROUPS]
        names = ["^".join(group.split("^")[:_NAME_PARTS]) for group in groups]
        return "=".join(_cut(name, _NAME_LENGTH) for name in names).rstrip("=")
    if kind in _LENGTHS:
        return _cut(text, _LENGTHS[kind])
    if keyword in _CHOICES:
        return text if text in _CHOICES[keyword] else ""
    return text if re.fullmatch(_PATTERNS[kind], text) else ""


def one_value(text: str, length: int | None = None) -> str:
    """Return the text as one value: without control characters and backslashes, cut to `length`."""
    clean = "".join(c for c in text if c.isprintable()).replace("\\", "/").strip()
    return clean if length is None else _cut(clean, length)


def _cut(text: str, length: int) -> str:
    """Return the text, where it is longer than allowed cut to what is short enough in bytes too.

    Lengths count characters (PS3.5 6.2), but some readers and validators count bytes.
    """
    if len(text) <= length:
        return text
    return text.encode("utf-8", "replace")[:length].decode("utf-8", "ignore").strip()
