"""Which of the paper's claims on the order of the models hold in a benchmark."""

from dataclasses import dataclass
from typing import Final, Literal

from coroseg.report import phrases
from coroseg.report.comparison import Comparison, compare
from coroseg.report.published import PAPER, PAPER_DSC
from coroseg.report.scoreboard import Scoreboard, scoreboard
from coroseg.report.stored import Stored
from coroseg.report.writers import Cell, Table

_ALPHA: Final = 0.05

Verdict = Literal["held", "not held", "not shown", "not run"]

_ORDER: Final = ("unet3plus", "unetplusplus", "unet", "deeplabv3plus", "deeplabv3", "pspnet")
_CLAIMS: Final = (
    *((better, worse, "") for better, worse in zip(_ORDER, (*_ORDER[1:], "cgnet"), strict=True)),
    ("unet3plus", "unet3plus_no_ds", "deep supervision helps: "),
    ("unet3plus_no_ds", "unet3plus_no_ds_tl", "transfer learning helps: "),
)
"""The better model, the worse, and what that means."""


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, its difference in DSC there and the comparison here.

    It `held` if the whole 95 % interval of the difference is above 0 and the corrected p is below
    0.05, and did not if the interval is below 0 and p too; else the data are too few to tell.
    """

    text: str
    paper_difference: float
    comparison: Comparison

    @property
    def verdict(self) -> Verdict:
        """Return whether the claim held here."""
        if not self.comparison.images:
            return "not run"
        if self.comparison.p_holm < _ALPHA and self.comparison.low > 0:
            return "held"
        if self.comparison.p_holm < _ALPHA and self.comparison.high < 0:
            return "not held"
        return "not shown"


def claims(stored: Stored) -> list[Claim]:
    """Return the claims of which the grid has both models, their p corrected for their number."""
    return claims_of(scoreboard(stored), stored.facts.seed)


def claims_of(board: Scoreboard, seed: int) -> list[Claim]:
    """Return the claims of which the scoreboard has both models."""
    labels = {model.name: model.label for model in board.models}
    tested = [claim for claim in _CLAIMS if set(claim[:2]) <= labels.keys()]
    comparisons = compare(board, [claim[:2] for claim in tested], ["dsc"], seed)["dsc"]
    return [
        Claim(
            f"{meaning}{labels[better]} > {labels[worse]}",
            PAPER_DSC[better] - PAPER_DSC[worse],
            comparison,
        )
        for (better, worse, meaning), comparison in zip(tested, comparisons, strict=True)
    ]


def claims_table(stored: Stored, board: Scoreboard) -> Table:
    """Return the claims as a table."""
    checked = claims_of(board, stored.facts.seed)
    return Table(
        title=f"The paper's claims on DSC, checked on {stored.facts.name}",
        header=("Claim", "Difference in the paper", "Difference here", "p (Holm)", "Over", "Here"),
        rows=tuple(_row(claim, board) for claim in checked),
        notes=(
            phrases.design(stored, board),
            phrases.bootstrap(stored, board),
            f"Held: the whole interval is above 0 and p < {_ALPHA}; not held: below 0, same p.",
            phrases.wilcoxon(board, f"{len(checked)} claims"),
            f"In the paper: {PAPER}, Table 2, where no interval is given.",
            *phrases.unknown_patients(board),
        ),
    )


def _row(claim: Claim, board: Scoreboard) -> tuple[Cell, ...]:
    found = claim.comparison
    limits = (phrases.signed(x, "dsc") for x in (found.low, found.high))
    difference = f"{phrases.signed(found.difference, 'dsc')} {phrases.interval(*limits)}".strip()
    paper = claim.paper_difference
    return (
        Cell(claim.text),
        Cell(phrases.signed(paper, "dsc"), numbers={"paper_difference": paper}),
        Cell(
            difference,
            numbers={"difference": found.difference, "low": found.low, "high": found.high},
        ),
        Cell(phrases.p_value(found.p_holm), numbers={"p": found.p, "p_holm": found.p_holm}),
        Cell(
            phrases.images_of_units(found.images, found.units, board),
            numbers={"images": found.images, "units": found.units, "folds": found.folds},
        ),
        Cell(claim.verdict),
    )
