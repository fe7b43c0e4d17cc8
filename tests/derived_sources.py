"""Angiograms of any kind whose results are written as DICOM objects, and a validator of these."""

import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.sequence import Sequence

from coroseg.io.dicom.derived import Origin, find_origin
from coroseg.segmentation.predictor import ModelInfo
from dicom_files import write_dicom

ROWS, COLUMNS, FRAMES = 67, 101, 4
"""Odd, so that frames share bytes in a BINARY segmentation; made trees fit in."""

MODEL = ModelInfo("tiny", "3", "5e" * 32, 64)
OPTIONS = {"frame": "best", "spacing_mm": None}

FULL: dict[str, Any] = {
    "PatientName": "Muster^Erika",
    "PatientBirthDate": "19500214",
    "PatientSex": "F",
    "PatientAge": "073Y",
    "PatientWeight": "71.5",
    "StudyDate": "20240229",
    "StudyTime": "101112.123456",
    "SeriesDate": "20240229",
    "SeriesTime": "101500",
    "ContentDate": "20240301",
    "ContentTime": "101530",
    "ReferringPhysicianName": "Who^Doctor",
    "StudyID": "S1",
    "AccessionNumber": "A-1",
    "StudyDescription": "Coronary angiography",
    "SeriesNumber": 3,
    "InstanceNumber": 7,
}

CONTEXTS: dict[str, dict[str, Any]] = {
    "bare": {},
    "full": FULL,
    "no_patient": {"PatientID": None},
    "empty": dict.fromkeys(FULL, ""),
    "latin_1": FULL | {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"},
    "japanese": FULL
    | {
        "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
        "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    },
    "undeclared": FULL | {"PatientName": "Müller^Jörg", "StudyDescription": "Herzkatheter für 2"},
    "unknown_charset": FULL | {"SpecificCharacterSet": "ISO_IR 999"},
    "long": FULL
    | {
        "PatientName": f"{'é' * 90}^{'b' * 90}^c^d^e^f^g",
        "PatientID": "7" * 200,
        "StudyDescription": "ü" * 300,
        "AccessionNumber": "1" * 70,
        "StudyID": "2" * 30,
        "PatientComments": "x" * 20000,
        "SpecificCharacterSet": "ISO_IR 192",
    },
    "junk": FULL
    | {
        "PatientID": "A\nB\x1b",
        "PatientSex": "female",
        "PatientAge": "73",
        "StudyDate": "20241332",
        "StudyTime": "25:61",
        "PatientBirthDate": "1950",
        "PatientWeight": "1e999",
        "SeriesNumber": 99999999,
        "InstanceNumber": -4,
    },
    "several": FULL | {"PatientID": ["A", "B"], "StudyDescription": ["one", "two"]},
    "anonymous": FULL | {"PatientIdentityRemoved": "YES", "DeidentificationMethod": "by hand"},
    "anonymous_how": FULL | {"PatientIdentityRemoved": "YES"},
    "trial": FULL
    | {
        "ClinicalTrialSponsorName": "S",
        "ClinicalTrialProtocolID": "P",
        "ClinicalTrialSubjectID": "7",
    },
    "half_a_trial": FULL | {"ClinicalTrialProtocolID": "P", "ClinicalTrialSiteName": "here"},
    "lossy": FULL
    | {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": "8.5",
        "LossyImageCompressionMethod": "ISO_10918_1",
    },
    "lossy_how": FULL | {"LossyImageCompression": "01"},
}


def _enhanced() -> dict[str, Any]:
    spacing, group = Dataset(), Dataset()
    spacing.ObjectPixelSpacingInCenterOfBeam = [0.2, 0.3]
    group.XAXRFFrameCharacteristicsSequence = Sequence([spacing])
    return {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1.1",
        "FrameOfReferenceUID": "1.2.826.0.1.3680043.10.1.9",
        "SharedFunctionalGroupsSequence": Sequence([group]),
        "PerFrameFunctionalGroupsSequence": Sequence([Dataset() for _ in range(FRAMES)]),
    }


KINDS: dict[str, dict[str, Any]] = {
    "cine": {},
    "single": {"NumberOfFrames": None},
    "single_of_one": {"NumberOfFrames": 1},
    "enhanced": _enhanced(),
    "monochrome1": {"PhotometricInterpretation": "MONOCHROME1"},
    "secondary_capture": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "NumberOfFrames": None},
    "secondary_cine": {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.3"},
}


def write_source(path: Path, kind: str = "cine", context: str = "full", **elements: Any) -> Path:
    """Write an angiogram; those that have one frame only have a black one."""
    made = KINDS[kind]
    frames = 1 if made.get("NumberOfFrames", FRAMES) != FRAMES else FRAMES
    pixels = np.zeros((frames, ROWS, COLUMNS), dtype=np.uint16)
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values break the rules
        return write_dicom(path, pixels, **(made | CONTEXTS[context] | elements))


def origin_of(path: Path, model: ModelInfo | None = MODEL, **options: Any) -> Origin:
    return find_origin(path, model, OPTIONS | options)


def asymmetric_mask(seed: int = 0) -> np.ndarray:
    """Set at (0, 0) and in one corner more, and sparsely elsewhere: no flip or shift maps it."""
    mask = np.random.default_rng(seed).random((ROWS, COLUMNS)) > 0.8
    mask[0, :5] = [True, False, True, True, False]
    mask[-1, -3:] = [False, False, True]
    return mask


def complaints(path: Path) -> list[str]:
    """Return the errors that dciodvfy finds in a file; the test is skipped where there is none."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    ended = subprocess.run([program, path], capture_output=True, check=False)
    said = (ended.stdout + ended.stderr).decode("utf-8", "replace").splitlines()
    assert any(re.fullmatch("Segmentation|ComprehensiveSR", line) for line in said), said
    return [line for line in said if line.startswith(("Error", "(0x")) or "error" in line.lower()]
