"""DICOM files with a text of its own in every attribute that can hold one."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pydicom.datadict import DicomDictionary, RepeatersDictionary
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage

ROWS, COLUMNS = 32, 48
TEXT = ("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "AS")
BULK = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
DATES = ("DA", "DT", "TM")
MALFORMED = ("AS", "DS", "IS", "OD", "OF", "OL", "OV")
"""Here a text breaks the form of the value."""
IMAGE: dict[int, tuple[str, bytes]] = {
    0x00080016: ("UI", XRayAngiographicImageStorage.encode()),
    0x00280002: ("US", struct.pack("<H", 1)),
    0x00280004: ("CS", b"MONOCHROME2 "),
    0x00280008: ("IS", b"2 "),
    0x00280010: ("US", struct.pack("<H", ROWS)),
    0x00280011: ("US", struct.pack("<H", COLUMNS)),
    0x00280100: ("US", struct.pack("<H", 8)),
    0x00280101: ("US", struct.pack("<H", 8)),
    0x00280102: ("US", struct.pack("<H", 7)),
    0x00280103: ("US", struct.pack("<H", 0)),
    0x00280301: ("CS", b"NO"),
    0x7FE00010: ("OW", bytes(range(256)) * (2 * ROWS * COLUMNS // 256)),
}
"""What makes an image of it; nothing is planted there."""

NESTING = 0x00081115
"""Referenced Series Sequence: it stays, and within it everything is planted once more."""

_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT")
_START = date(1901, 1, 1)


@dataclass
class Planted:
    """`tokens` maps each planted text to the place it was planted in: keyword and VR.

    Without `malformed`, nothing is planted where a text breaks the value's form (numbers, ages).
    """

    tokens: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    malformed: bool = True

    def value(self, keyword: str, vr: str) -> bytes:
        """Return a value that occurs nowhere else."""
        number = len(self.tokens)
        stem = f"ZQ{number:05d}X"
        forms = {
            "UI": [f"1.2.826.0.1.77.{number}.9"],
            "DA": [f"{_START + timedelta(days=number):%Y%m%d}"],
            "TM": [f"123456.{number:06d}"],
            "DT": [f"20110203040506.{number:06d}"],
            "PN": [f"{stem}A^{stem}B={stem}C^{stem}D={stem}E"],
            "DS": [stem],
            "IS": [stem],
        }
        (text,) = forms.get(vr, [stem])
        for part in text.replace("=", "^").split("^"):
            self.tokens[part.encode()] = (keyword, vr)
        return text.encode()

    def survivors(self, content: bytes) -> dict[str, str]:
        """Return keyword and VR of every planted text that is found in `content`."""
        joined = b"\n".join(set(re.findall(rb"[A-Z0-9.]{5,}", content)))
        return dict(
            place
            for token, place in self.tokens.items()
            # Eight digits of a date are also found within long numbers.
            if (b"DA\x08\0" + token in content if place[1] == "DA" else token in joined)
        )


def element(tag: int, vr: str, value: bytes) -> bytes:
    """Return one element, Explicit VR Little Endian."""
    value += b"\0" * (len(value) % 2) if vr in (*BULK, "UI") else b" " * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in _LONG:
        return head + struct.pack("<HL", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def item(content: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content


def attributes() -> Iterator[tuple[int, str, str]]:
    """Yield tag, VR and keyword of every attribute of a data set, first of those that repeat."""
    for tag, (vr, _, name, _, keyword) in DicomDictionary.items():
        if 0x0008 <= tag >> 16 < 0xFFFE and vr != "NONE":
            yield tag, vr.split(" or ")[-1], keyword or name
    for mask, (vr, _, name, _, _) in RepeatersDictionary.items():
        yield int(mask.replace("x", "0"), 16), vr.split(" or ")[-1], f"{mask} {name}"


def planted_dataset(planted: Planted, *, depth: int, image: bool, sequences: bool = True) -> bytes:
    """Return a data set with a text in every attribute, `depth` sequences below too.

    With `sequences`, each sequence of an `image` holds an item.
    """
    elements = dict(IMAGE) if image else {}
    for tag, vr, keyword in attributes():
        if tag in IMAGE or (image and tag == NESTING) or keyword == "SpecificCharacterSet":
            continue
        if vr == "SQ" and image and sequences:
            elements[tag] = (vr, item(_few(planted, keyword)))
        elif vr in MALFORMED and not planted.malformed:
            continue
        elif vr in (*TEXT, *BULK, *DATES, "PN", "UI", "DS", "IS"):
            elements[tag] = (vr, planted.value(keyword, vr))
    if depth:  # everything once more, within a sequence that stays
        nested = planted_dataset(planted, depth=depth - 1, image=False)
        elements[NESTING] = ("SQ", item(nested))
    for tag, content in _private(planted).items():
        elements[tag] = content
    return b"".join(element(tag, *elements[tag]) for tag in sorted(elements))


def _few(planted: Planted, keyword: str) -> bytes:
    """Return what is planted in the item of each sequence."""
    fields = {
        0x00080104: "LO",  # Code Meaning
        0x00081155: "UI",  # Referenced SOP Instance UID
        0x00100010: "PN",  # Patient's Name
        0x00110010: "LO",  # private
        0x00111001: "UT",
        0x0040A121: "DA",  # Date
        0x0040A160: "UT",  # Text Value
    }
    return b"".join(
        element(tag, vr, planted.value(f"{keyword}.{tag:08X}", vr)) for tag, vr in fields.items()
    )


def _private(planted: Planted) -> dict[int, tuple[str, bytes]]:
    vrs = [
        vr for vr in (*TEXT, *BULK, *DATES, "PN", "UI") if planted.malformed or vr not in MALFORMED
    ]
    elements = {
        0x00091000 + index: (vr, planted.value(f"private {vr}", vr))
        for index, vr in enumerate(vrs, start=1)
    }
    elements[0x00090010] = ("LO", planted.value("private creator", "LO"))
    nested = element(0x00100010, "PN", planted.value("private SQ.PatientName", "PN"))
    elements[0x000910FF] = ("SQ", item(nested))
    return elements


def planted_file(path: Path, planted: Planted, *, sequences: bool = True) -> Path:
    """Write such a file, with texts in its preamble and its file meta information too."""
    preamble = planted.value("preamble", "LT").ljust(128, b".")
    meta = [
        element(0x00020001, "OB", b"\0\1"),
        element(0x00020002, "UI", XRayAngiographicImageStorage.encode()),
        element(0x00020003, "UI", planted.value("MediaStorageSOPInstanceUID", "UI")),
        element(0x00020010, "UI", ExplicitVRLittleEndian.encode()),
        element(0x00020012, "UI", planted.value("ImplementationClassUID", "UI")),
        element(0x00020013, "SH", planted.value("ImplementationVersionName", "SH")),
        *(
            element(tag, "AE", planted.value(f"meta {tag:08X}", "AE"))
            for tag in (0x00020016, 0x00020017, 0x00020018)
        ),
        element(0x00020100, "UI", planted.value("PrivateInformationCreatorUID", "UI")),
        element(0x00020102, "OB", planted.value("PrivateInformation", "OB")),
    ]
    head = element(0x00020000, "UL", struct.pack("<L", sum(map(len, meta))))
    body = planted_dataset(planted, depth=1, image=True, sequences=sequences)
    path.write_bytes(preamble + b"DICM" + head + b"".join(meta) + body)
    return path
