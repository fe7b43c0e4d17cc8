"""What does de-identification leave behind? coroseg, dicognito and dicom-anonymizer side by side.

    pip install dicognito==0.19.0 dicom-anonymizer==2.1.0
    python benchmarks/deidentify.py

Every tool gets the same file, which has a text of its own in every attribute that can hold one,
and the same pair of an angiogram and its segmentation, each with its default settings. The table
(Markdown) counts the attributes whose text is found in the bytes that a tool wrote.
"""

import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pydicom import Dataset, dcmread

from coroseg.deidentify.file import Request, deidentify_file
from coroseg.deidentify.key import Key

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dicom_files import scene, write_dicom
from planted_files import DATES, Planted, planted_file

Tool = Callable[[list[Path], Path], list[Path]]

KINDS: dict[str, Callable[[str, str], bool]] = {
    "names (PN)": lambda keyword, vr: vr == "PN" and "private" not in keyword,
    "UIDs": lambda keyword, vr: vr == "UI" and "private" not in keyword,
    "dates and times": lambda keyword, vr: vr in DATES and "private" not in keyword,
    "coded strings (CS)": lambda keyword, vr: vr == "CS" and "private" not in keyword,
    "private attributes": lambda keyword, _: "private" in keyword or ".0011" in keyword,
    "curves and overlays": lambda keyword, _: keyword.startswith(("50xx", "60xx")),
    "bulk data (OB, OW, UN...)": lambda _, vr: vr[0] == "O" or vr == "UN",
    "other text": lambda *_: True,
}


def coroseg(sources: list[Path], out: Path) -> list[Path]:
    """De-identify with coroseg."""
    written = []
    for source in sources:
        cleaned = deidentify_file(source, Request(), Key(b"k" * 32))
        written.append(out / cleaned.name)
        cleaned.write(written[-1])
    return written


def dicognito(sources: list[Path], out: Path) -> list[Path]:
    """De-identify with dicognito, one anonymizer for all files as its command has it."""
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer(seed="k")
    written = []
    for source in sources:
        dataset = dcmread(source)
        anonymizer.anonymize(dataset)
        written.append(_saved(dataset, out / source.name))
    return written


def dicom_anonymizer(sources: list[Path], out: Path) -> list[Path]:
    """De-identify with dicom-anonymizer; its command deletes private attributes by default."""
    from dicomanonymizer import anonymize_dataset

    written = []
    for source in sources:
        dataset = dcmread(source)
        anonymize_dataset(dataset)
        written.append(_saved(dataset, out / source.name))
    return written


def main() -> None:
    """Print the table."""
    logging.disable()
    warnings.simplefilter("ignore")
    tools: dict[str, Tool] = {
        "coroseg": coroseg,
        "dicognito": dicognito,
        "dicom-anonymizer": dicom_anonymizer,
    }
    with tempfile.TemporaryDirectory() as folder:
        columns = {name: _column(tool, Path(folder) / name) for name, tool in tools.items()}
    titles = [f"{name} {version(name)}" for name in tools]
    print(f"| attributes whose text is left | planted | {' | '.join(titles)} |")
    print("|---" * (len(titles) + 2) + "|")
    for row in columns["coroseg"]:
        planted, _ = columns["coroseg"][row]
        found = [columns[name][row][1] for name in tools]
        print(f"| {row} | {planted} | {' | '.join(found)} |")


def _column(tool: Tool, folder: Path) -> dict[str, tuple[str, str]]:
    """Return what was planted and what is left, for each row of the table."""
    folder.mkdir()
    planted = Planted(malformed=False)
    source = planted_file(folder / "planted.dcm", planted)
    (written,) = tool([source], folder / "out")
    content = written.read_bytes()
    before, after = (
        Counter(map(_kind, found.items()))
        for found in (dict(planted.tokens.values()), planted.survivors(content))
    )
    column = {kind: (str(before[kind]), str(after[kind])) for kind in KINDS}
    image, segments = _pair(folder)
    new_image, new_segments = (dcmread(path) for path in tool([image, segments], folder / "pair"))
    reference = new_segments.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0]
    linked = reference.ReferencedSOPInstanceUID == new_image.SOPInstanceUID
    renamed = new_image.file_meta.MediaStorageSOPInstanceUID == new_image.SOPInstanceUID
    column["segmentation still refers to its image"] = ("", _said(yes=linked))
    column["file meta information has the new UID"] = ("", _said(yes=renamed))
    same = new_image.PixelData == dcmread(image).PixelData
    column["pixels unchanged"] = ("", _said(yes=same))
    return column


def _pair(folder: Path) -> tuple[Path, Path]:
    image = write_dicom(folder / "xa.dcm", scene(), PatientName="DOE^JANE", StudyDate="20240229")
    read = dcmread(image)
    instance, series = Dataset(), Dataset()
    instance.ReferencedSOPClassUID = read.SOPClassUID
    instance.ReferencedSOPInstanceUID = read.SOPInstanceUID
    series.SeriesInstanceUID = read.SeriesInstanceUID
    series.ReferencedInstanceSequence = [instance]
    segments = write_dicom(
        folder / "seg.dcm",
        scene(),
        PatientName="DOE^JANE",
        StudyDate="20240229",
        SOPInstanceUID="1.2.826.0.1.3680043.10.1.5",
        ReferencedSeriesSequence=[series],
    )
    return image, segments


def _kind(place: tuple[str, str]) -> str:
    keyword, vr = place
    return next(kind for kind, is_kind in KINDS.items() if is_kind(keyword, vr))


def _said(*, yes: bool) -> str:
    return "yes" if yes else "no"


def _saved(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


if __name__ == "__main__":
    main()
