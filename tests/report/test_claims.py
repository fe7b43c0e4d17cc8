from dataclasses import replace

import numpy as np
import pytest
from stored_runs import LABELS, make_stored, without

from coroseg.report.claims import Claim, claims, claims_table
from coroseg.report.scoreboard import scoreboard
from coroseg.report.stored import Stored


def set_dsc(stored: Stored, **dsc: float) -> Stored:
    """Return the benchmark with the images of a model around this DSC."""
    random = np.random.default_rng(0)
    rows = tuple(
        replace(row, dsc=dsc[row.model] + random.normal(0, 0.01)) if row.model in dsc else row
        for row in stored.images
    )
    return replace(stored, images=rows)


def by_text(stored: Stored) -> dict[str, Claim]:
    return {claim.text: claim for claim in claims(stored)}


def test_the_claims_of_the_paper_all_hold_in_the_paper(stored: Stored) -> None:
    found = claims(stored)
    assert [claim.text for claim in found] == [
        "U-Net 3+ > U-Net++",
        "U-Net++ > U-Net",
        "U-Net > DeepLabV3+",
        "DeepLabV3+ > DeepLabV3",
        "DeepLabV3 > PSPNet",
        "PSPNet > CGNet",
        "deep supervision helps: U-Net 3+ > U-Net 3+ w/o DS",
        "transfer learning helps: U-Net 3+ w/o DS > U-Net 3+ w/o DS and TL",
    ]
    assert all(claim.paper_difference > 0 for claim in found)


def test_verdicts() -> None:
    drawn = make_stored(models=["cgnet", "pspnet", "deeplabv3", "unet"], units=30)
    drawn = set_dsc(drawn, cgnet=0.5, pspnet=0.6, deeplabv3=0.55)
    found = by_text(drawn)
    assert found["PSPNet > CGNet"].verdict == "held"
    assert found["PSPNet > CGNet"].comparison.difference == pytest.approx(0.1, abs=0.01)
    assert found["DeepLabV3 > PSPNet"].verdict == "not held"
    assert len(found) == 2  # the others need a model that is not in the grid
    assert by_text(set_dsc(drawn, deeplabv3=0.6))["DeepLabV3 > PSPNet"].verdict == "not shown"


def test_few_units_show_nothing_however_large_the_difference() -> None:
    drawn = set_dsc(make_stored(models=["cgnet", "pspnet"], units=5), cgnet=0.1, pspnet=0.9)
    (claim,) = claims(drawn)
    assert claim.comparison.low > 0.7
    assert claim.comparison.p == pytest.approx(2 / 2**5)
    assert claim.verdict == "not shown"


def test_a_model_that_has_not_run() -> None:
    drawn = make_stored(models=["cgnet", "pspnet"])
    (claim,) = claims(without(drawn, "cgnet", 1, 2, 3))
    assert claim.verdict == "not run"


def test_p_is_corrected_for_the_claims(stored: Stored) -> None:
    found = claims(stored)
    smallest = min(found, key=lambda claim: claim.comparison.p).comparison
    assert smallest.p_holm == pytest.approx(min(1, 8 * smallest.p))


def test_the_table_has_a_row_a_claim(stored: Stored) -> None:
    table = claims_table(stored, scoreboard(stored))
    assert len(table.rows) == len(LABELS) - 1
    first = table.rows[0]
    assert len(first) == len(table.header)
    assert first[1].text == "+0.0128"
    assert first[2].text.startswith("+0.06")
    assert first[4].text == "12 images of 6 patients"
    assert any("With only 6 patients they are too narrow" in note for note in table.notes)
