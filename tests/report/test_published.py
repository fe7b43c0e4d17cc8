"""The paper's own sentences on its tables, as a check on what was copied from them."""

import pytest
from stored_runs import LABELS

from coroseg.report.published import PAPER_DSC, PUBLISHED


def test_every_model_of_the_paper_has_its_dsc() -> None:
    assert tuple(PAPER_DSC) == tuple(LABELS)


def test_gains_of_dsc_are_those_of_the_discussion() -> None:
    best = PAPER_DSC["unet3plus"]
    assert 100 * (best - PAPER_DSC["unet"]) == pytest.approx(1.43)
    assert 100 * (best - PAPER_DSC["unetplusplus"]) == pytest.approx(1.28)
    assert PAPER_DSC["unet3plus_no_ds_tl"] == 0.8607  # "increased from 0.8607 to 0.8942"


def test_the_last_published_row_is_the_paper() -> None:
    assert PUBLISHED[-1].dsc == PAPER_DSC["unet3plus"] == max(row.dsc or 0 for row in PUBLISHED)
    assert PUBLISHED[-1].images == 616
    assert [row.images for row in PUBLISHED] == sorted(row.images for row in PUBLISHED)
