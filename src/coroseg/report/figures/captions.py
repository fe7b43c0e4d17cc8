"""What is written below the figures, and why one is left out."""

from collections.abc import Mapping
from typing import Final

from coroseg.report.figures.cases import choose_cases, median_case, reference_model
from coroseg.report.figures.pictures import missing_pictures
from coroseg.report.figures.views import view_of
from coroseg.report.stored import Stored

TITLES: Final[Mapping[str, str]] = {
    "figure1": "Figure 1. The workflow on one case",
    "figure2": "Figure 2. The network, drawn from the code",
    "figure3": "Figure 3. The outlines of every model",
    "figure4": "Figure 4. The folds",
    "figure5": "Figure 5. Where the models are right and wrong",
    "learning_curves": "Learning curves",
    "dice_speed": "Dice against speed",
    "by_view": "Results by view",
}
"""The figures' file names, in the report's order, and their titles."""

PICTURES: Final = ("figure1", "figure3", "figure5")


def left_out(stored: Stored, *, network: bool) -> dict[str, str]:
    """Return why each figure that cannot be made is left out, by its file name."""
    reasons = {}
    if not network:
        reasons["figure2"] = "the benchmark has no U-Net 3+"
    if reason := missing_pictures(stored):
        reasons |= dict.fromkeys(PICTURES, reason)
    if not stored.images:
        reasons |= dict.fromkeys(("figure4", "dice_speed", "by_view"), "no cell is finished")
    elif not any(map(view_of, stored.images)):
        reasons["by_view"] = "artery and projection of the images are not known"
    if not stored.curves:
        reasons["learning_curves"] = "no cell is finished"
    return reasons


def caption(name: str, stored: Stored) -> str:
    """Return the text below the figure of that file name."""
    return _CAPTIONS[name] if name in _CAPTIONS else _picture_caption(name, stored)


_CAPTIONS: Final = {
    "figure2": (
        "Every full-scale connection and every supervised output of the network, as built: "
        "'ch' are channels, the fraction is the size of a map against the image."
    ),
    "figure4": (
        "A box a model over its folds: quartiles and median, whiskers to the lowest and the "
        "highest fold. A point is one fold's mean over its test images."
    ),
    "learning_curves": (
        "Thin lines are the folds, thick ones their mean, as far as every fold goes. "
        "Losses of networks with and without deep supervision sum different numbers of outputs."
    ),
    "dice_speed": (
        "Mean DSC of the test images, as in Table 2, against the median time of the network for "
        "one image on the hardware named below. A marker's area grows with the number of "
        "parameters."
    ),
    "by_view": (
        "Median DSC and quartiles over the test images of each view; an image scored by the "
        "models of several folds is averaged first."
    ),
}


def _picture_caption(name: str, stored: Stored) -> str:
    reference = reference_model(stored).label
    if name == "figure1":
        case = median_case(stored)
        return (
            f"The case is the median of all test images by the DSC of {reference}: {case.image} "
            f"(DSC {case.dsc:.3f}), mask of fold {case.fold}."
        )
    cases = choose_cases(stored)
    shown = "; ".join(f"{case.label}: {case.image}, fold {case.fold}" for case in cases)
    of_each = "of each artery " if cases[0].artery else ""
    rule = (
        f"The cases are chosen by rule, the best, the median and the worst {of_each}by the DSC "
        f"of {reference} ({shown})."
    )
    if name == "figure3":
        return f"{rule} Truth in blue, predictions in amber, their DSC below."
    return (
        f"{rule} True positive pixels are yellow, false negative ones green and false positive "
        "ones red, as in the paper; yellow is light, green of middle lightness and red dark, so "
        "that they can be told apart without their hue."
    )
