"""A methods section for a paper, from what a benchmark knows of itself; the rest is left open."""

from collections.abc import Iterable
from statistics import median
from typing import Any, Final

from coroseg.report import phrases
from coroseg.report.scoreboard import Scoreboard, paper_order, scoreboard
from coroseg.report.statistics import DRAWS
from coroseg.report.stored import CellRow, ModelFacts, Stored

_OPTIMISERS: Final = {"rmsprop": "RMSProp", "adamw": "AdamW", "adam": "Adam", "sgd": "SGD"}
_TOGETHER: Final = {
    "patients": "All images of one patient were in one part.",
    "runs": "All frames of one run were in one part; the patients are not known.",
}


def write_methods(stored: Stored) -> list[str]:
    """Return the paragraphs; what only the authors know reads `[to be filled in: ...]`."""
    board = scoreboard(stored)
    return [
        _data(stored, board),
        _networks(stored),
        _training(stored),
        _evaluation(stored, board),
    ]


def to_fill_in(what: str) -> str:
    """Return the mark that stands for something unknown."""
    return f"[to be filled in: {what}]"


def _data(stored: Stored, board: Scoreboard) -> str:
    facts, cells = stored.facts, stored.cells
    if not cells:
        return f"The data were {to_fill_in('images, patients, split')}."
    total = _spread(cell.train_images + cell.validation_images + cell.test_images for cell in cells)
    arteries = {row.image: row.artery for row in stored.images if row.artery}
    counts = [
        f"{list(arteries.values()).count(artery)} {artery}"
        for artery in sorted(set(arteries.values()))
    ]
    tested = phrases.images_of_units(len(board.unit), phrases.unit_count(board), board)
    shown = f" ({', '.join(counts)})" if counts else ""
    together = _TOGETHER.get(board.unit_name, " ".join(phrases.unknown_patients(board)))
    return (
        f"The data were {total} X-ray coronary angiograms "
        f"{to_fill_in('source, years, inclusion and exclusion criteria, ethics approval')}, "
        f"in which {to_fill_in('who, with what experience and tool')} outlined the arteries. "
        f"The scores are of {tested}{shown}. {_scheme(stored)} {together} "
        f"The folds were drawn with the seed {facts.seed}."
    )


def _scheme(stored: Stored) -> str:
    folds = stored.facts.folds
    train, validation, test = (
        _spread(getattr(cell, f"{part}_images") for cell in stored.cells)
        for part in ("train", "validation", "test")
    )
    if stored.facts.scheme == "paper":
        return (
            f"A test set of {test} images was put aside. The other images were divided into "
            f"{folds} folds, each of which was once the validation set ({train} training and "
            f"{validation} validation images), so that {folds} models of every network were "
            "scored on the same test set."
        )
    return (
        f"In {folds}-fold cross-validation every fold was once the test set ({train} training, "
        f"{validation} validation and {test} test images)."
    )


def _networks(stored: Stored) -> str:
    models = [_network(model) for model in paper_order(stored.facts.models)]
    return f"These networks were compared: {'; '.join(models)}."


def _network(model: ModelFacts) -> str:
    start = {"none": "trained from random weights", "ImageNet": "ImageNet weights"}
    weights = start.get(model.weights, f"weights from {model.weights}")
    return (
        f"{model.label} (backbone {model.backbone}, {weights}, "
        f"{model.parameters / 1e6:.1f} million parameters)"
    )


def _training(stored: Stored) -> str:
    settings = stored.facts.settings
    training, focal = settings["training"], settings["loss"]["focal_gamma"]
    weighted = f", weighted by a focal factor (gamma {focal})" if focal else ""
    optimiser = _OPTIMISERS.get(training["optimizer"], training["optimizer"])
    decay, schedule = (training[name].replace("_", "-") for name in ("decay", "schedule"))
    return (
        f"Images were brought to {stored.facts.size} x {stored.facts.size} pixels. "
        f"Every network was trained for at most {training['epochs']} epochs in batches of "
        f"{settings['data']['batch']} images with {optimiser} (learning rate "
        f"{training['learning_rate']}, {decay} decay {training['decay_rate']}, schedule "
        f"{schedule}), on the sum "
        f"of binary cross-entropy{weighted} and Dice loss on every supervised output. "
        f"Training images were changed at random ({_augmentation(settings['augmentation'])}). "
        "The weights of the epoch with the best validation Dice were kept"
        f"{_best_epoch(stored.cells)}."
    )


def _augmentation(settings: dict[str, Any]) -> str:
    """Return the settings that change anything."""
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value)


def _best_epoch(cells: tuple[CellRow, ...]) -> str:
    if not cells:
        return ""
    return f" (epoch {median(cell.best_epoch for cell in cells):g} in the median)"


def _evaluation(stored: Stored, board: Scoreboard) -> str:
    facts = stored.facts
    units = board.unit_name
    reference = next(m.label for m in board.models if m.name == board.reference)
    commit = f", commit {facts.git_commit[:12]}" if facts.git_commit else ""
    machine = ", ".join(f"{name} {value}" for name, value in facts.hardware.items())
    return (
        "Each probability map was brought to the size of its image and cut at Otsu's threshold. "
        "Masks were scored by the Dice similarity coefficient (DSC), sensitivity (SN), "
        "specificity (SP), centreline Dice (clDice), Hausdorff distance (HD), its 95th percentile "
        f"(HD95) and average surface distance (ASD), with {phrases.distances(stored)}. "
        "A distance that an empty mask leaves undefined counted as the diagonal of the image. "
        "Scores are means over the images, an image that the models of several folds scored being "
        "averaged first, with the standard deviation of the folds' means. "
        f"The 95 % confidence intervals are from a percentile bootstrap over {units} "
        f"({DRAWS:,} draws). Models were compared with {reference} by two-sided paired Wilcoxon "
        f"signed-rank tests of the mean differences of the {units}, corrected after Holm. "
        f"All was done with coroseg {facts.version}{commit} ({machine})."
    )


def _spread(counts: Iterable[int]) -> str:
    """Return one number, or the lowest and the highest."""
    values = sorted(set(counts))
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"
