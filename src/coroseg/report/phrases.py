"""How the tables write numbers, and the sentences that several of them share."""

from math import isnan

from coroseg.evaluation import DISTANCES
from coroseg.report.scoreboard import TITLES, Scoreboard
from coroseg.report.statistics import DRAWS
from coroseg.report.stored import Stored

UNKNOWN = "–"

_FEW = 20  # units, below which a percentile interval is clearly too narrow
_SPACING = {"manifest": "the manifest", "config": "the configuration"}
_NO_PATIENTS = {
    "images": "images of one patient",
    "runs": "runs of one patient",
    "runs and images": "runs or images of one patient",
}


def score(value: float, metric: str) -> str:
    """Return a score with four decimals as in the paper, a distance with three."""
    return UNKNOWN if isnan(value) else f"{value:.{_decimals(metric)}f}"


def signed(value: float, metric: str) -> str:
    """Return a difference with its sign and the decimals of the score."""
    if isnan(value):
        return UNKNOWN
    return f"{value:+.{_decimals(metric)}f}".replace("-", "−")


def interval(low: str, high: str) -> str:
    """Return the limits in brackets, and nothing where they are not known."""
    return "" if UNKNOWN in {low, high} else f"[{low}, {high}]"


def p_value(p: float) -> str:
    """Return a p value with three decimals."""
    return UNKNOWN if isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"  # noqa: PLR2004


def distance_unit(stored: Stored) -> str:
    """Return the unit of the distances, mm or px."""
    if stored.images:
        return stored.images[0].distance_unit
    return "px" if stored.facts.spacing_source is None else "mm"


def heading(metric: str, stored: Stored) -> str:
    """Return the heading of a metric's column, with the unit of a distance."""
    unit = f" ({distance_unit(stored)})" if metric in DISTANCES else ""
    return TITLES[metric] + unit


def distances(stored: Stored) -> str:
    """Return what the distances are in and where that is from."""
    if distance_unit(stored) == "px":
        return "distances in pixels (px), as no pixel spacing is known"
    source = stored.facts.spacing_source or ""
    return f"distances in mm, pixel spacing from {_SPACING.get(source, source)}"


def images_of_units(images: int, units: int, board: Scoreboard) -> str:
    """Return the number of images and of what they are of: `12 images of 6 patients`."""
    if board.unit_name == "images":
        return f"{images} images"
    return f"{images} images of {units} {board.unit_name}"


def design(stored: Stored, board: Scoreboard) -> str:
    """Return the sentence on folds and test images."""
    how = {
        "paper": "every fold's model scores the same test images, and an image counts once, with "
        "the average of its scores",
        "rotate": "every fold is the test set once",
    }[stored.facts.scheme]
    return (
        f"{images_of_units(len(board.unit), unit_count(board), board)} in the test; scheme "
        f"{stored.facts.scheme}, {stored.facts.folds} folds: {how}."
    )


def bootstrap(stored: Stored, board: Scoreboard) -> str:
    """Return the sentence on the intervals."""
    whole = "" if board.unit_name == "images" else ", each with all its images"
    units = unit_count(board)
    narrow = f" With only {units} {board.unit_name} they are too narrow." if units < _FEW else ""
    return (
        f"Intervals in brackets: 95 %, percentile bootstrap over {board.unit_name}{whole}, "
        f"{DRAWS:,} draws, seed {stored.facts.seed}.{narrow}"
    )


def wilcoxon(board: Scoreboard, family: str) -> str:
    """Return the sentence on the tests; `family` is what Holm's correction is for."""
    return (
        f"p: paired Wilcoxon signed-rank test, two-sided, of the mean differences of the "
        f"{board.unit_name}, corrected after Holm for the {family}."
    )


def unknown_patients(board: Scoreboard) -> list[str]:
    """Return the warning where some of the data come without patients."""
    others = board.unit_name.replace("patients and ", "")
    if others == "patients":
        return []
    known = "No patients are" if others == board.unit_name else "Not all patients are"
    warning = (
        f"{known} known: {_NO_PATIENTS[others]} may be in training and in test, and count as "
        "independent, so that scores may be too good and intervals and p too small."
    )
    return [warning]


def unit_count(board: Scoreboard) -> int:
    """Return the number of units that were tested."""
    return len(set(board.unit.tolist()))


def _decimals(metric: str) -> int:
    return 3 if metric in DISTANCES else 4
