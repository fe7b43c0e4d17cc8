"""A text of its own in every attribute that can hold one: what is left of them in the bytes?"""

import warnings
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.uid import ImplicitVRLittleEndian

from coroseg.deidentify.attributes import KEPT_DATA, KEPT_TEXT
from coroseg.deidentify.file import Request, deidentify_file
from coroseg.deidentify.key import Key
from coroseg.deidentify.profile import Options, table
from coroseg.errors import InputError
from dicom_files import scene, write_dicom
from planted_files import IMAGE, Planted, planted_file

KEY = Key(b"k" * 32)
DATES = {"DA", "DT", "TM"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    planted = Planted()
    return planted_file(tmp_path_factory.mktemp("planted") / "ZQ.dcm", planted), planted


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """Return a file with one sequence only, which is quicker."""
    planted = Planted()
    path = tmp_path_factory.mktemp("planted") / "ZQ.dcm"
    return planted_file(path, planted, sequences=False), planted


def left_of(source: tuple[Path, Planted], folder: Path, options: Options) -> dict[str, str]:
    path, planted = source
    cleaned = deidentify_file(path, Request(options), KEY)
    cleaned.write(folder / cleaned.name)
    (written,) = (file for file in folder.rglob("*") if file.is_file())
    return planted.survivors(written.read_bytes() + str(written.relative_to(folder)).encode())


def test_the_planted_file_holds_what_it_says(source: tuple[Path, Planted]) -> None:
    path, planted = source
    found = planted.survivors(path.read_bytes())
    assert set(found) == {keyword for keyword, _ in planted.tokens.values()}
    assert len(planted.tokens) > 15_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path)
        assert "ZQ" in dataset.PatientName
        assert "ZQ" in dataset.ReferencedSeriesSequence[0].PatientComments
        assert dataset.PixelData == IMAGE[0x7FE00010][1]


def test_nothing_survives_but_names_of_products(
    source: tuple[Path, Planted], tmp_path: Path
) -> None:
    left = left_of(source, tmp_path, Options())
    assert set(left) - KEPT_DATA == KEPT_TEXT


def test_shifted_dates_keep_no_date_and_no_text(flat: tuple[Path, Planted], tmp_path: Path) -> None:
    left = left_of(flat, tmp_path, Options("shift"))
    # Some moved dates fall on other planted ones; DT and TM are unique to a microsecond.
    assert {k for k, vr in left.items() if vr not in ("DA", "TM")} - KEPT_DATA == KEPT_TEXT


def test_kept_dates_keep_dates_only(flat: tuple[Path, Planted], tmp_path: Path) -> None:
    left = left_of(flat, tmp_path, Options("keep"))
    assert {k for k, vr in left.items() if vr not in DATES} - KEPT_DATA == KEPT_TEXT
    assert "StudyDate" in left
    assert "PatientBirthDate" not in left


def test_a_retained_device_keeps_what_the_table_says(
    flat: tuple[Path, Planted], tmp_path: Path
) -> None:
    left = left_of(flat, tmp_path, Options(retain_device=True))
    listed = {keyword_for_tag(tag) for tag, row in table().items() if row.device == "K"}
    assert {"DeviceSerialNumber", "StationName", "DeviceUID"} <= set(left)
    assert set(left) - KEPT_DATA - KEPT_TEXT <= listed


def test_pixels_are_the_same(flat: tuple[Path, Planted], tmp_path: Path) -> None:
    path, _ = flat
    cleaned = deidentify_file(path, Request(), KEY)
    cleaned.write(tmp_path / "out.dcm")
    assert dcmread(tmp_path / "out.dcm").PixelData == IMAGE[0x7FE00010][1]


def test_values_and_sequences_without_end_are_refused(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.dcm"
    many = {"RetrieveURL": "1\\" * 600_000, "syntax": ImplicitVRLittleEndian}
    write_dicom(numbers, scene(), **many)
    with pytest.raises(InputError, match="more than 524288 elements, items and values"):
        deidentify_file(numbers, Request(), KEY)

    item = Dataset()
    for _ in range(40):
        outer = Dataset()
        outer.ReferencedImageSequence = [item]
        item = outer
    deep = write_dicom(tmp_path / "deep.dcm", scene(), ReferencedImageSequence=[item])
    with pytest.raises(InputError, match=r"deep\.dcm: sequences are nested too deeply"):
        deidentify_file(deep, Request(), KEY)
