import pytest
from pydicom import Dataset
from pydicom.sr.codedict import codes

from coroseg.deidentify.terms import clean_code, clean_term, clean_text
from coroseg.spacing import SpacingSource


@pytest.mark.parametrize(
    "term",
    [
        *[
            "XA",
            "SEG",
            "SR",
            "ORIGINAL",
            "YES",
            "MONOCHROME1",
            "RGB",
            "BINARY",
            "LOG",
            "FIDUCIAL",
            "HFS",
        ],
        "SINGLE PLANE",
    ],
)
def test_terms_of_the_standard_stay(term: str) -> None:
    assert clean_term(f"{term} ") == term


@pytest.mark.parametrize("term", ["DOE", "DOE JANE", "19610214", "doe", "A\nB"])
def test_other_coded_strings_go(term: str) -> None:
    assert clean_term(term) == "REMOVED"


@pytest.mark.parametrize(
    "text", ["Branch 3", "Lesion 1, branch 2", "Coronary arteries", "model SHA-256 " + "0f" * 32]
)
def test_own_texts_stay(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize("source", SpacingSource)
def test_the_source_of_spacing_stays(source: SpacingSource) -> None:
    text = f"Pixel spacing: 0.2 x 1.25e-05 mm (row x column), source: {source}"
    assert clean_text(text) == text


@pytest.mark.parametrize("text", ["Branch of Doe", "Branch 3 Doe", "Frau Muster", "Flag: DOE"])
def test_other_texts_go(text: str) -> None:
    assert clean_text(text) == "REMOVED"


def item(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def test_a_known_code_keeps_its_own_words_only() -> None:
    artery = codes.SCT.RightCoronaryArtery
    kept, changed = (
        item(artery.value, "SCT", meaning) for meaning in ("Right coronary artery", "Doe")
    )
    clean_code(kept)
    clean_code(changed)
    assert kept.CodeMeaning == "Right coronary artery"
    assert changed.CodeMeaning == "Right Coronary Artery"
    assert changed.CodeValue == artery.value


def test_an_unknown_code_goes_whole() -> None:
    unknown = item("DOE", "99HOSPITAL", "Jane Doe")
    unknown.LongCodeValue = "Doe" * 9
    clean_code(unknown)
    assert {str(element.value) for element in unknown} == {"REMOVED", "99REMOVED"}
