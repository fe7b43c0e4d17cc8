"""Which test images the pictures show: chosen by rule, so that nobody picks the nice ones."""

from collections import defaultdict
from dataclasses import dataclass

from coroseg.report.figures.values import image_scores, scored_models
from coroseg.report.stored import ModelFacts, Stored


@dataclass(frozen=True)
class Case:
    """One image; `dsc` is the reference model's, averaged over folds; masks are those of `fold`."""

    role: str
    artery: str | None
    image: str
    fold: int
    dsc: float

    @property
    def label(self) -> str:
        """The artery, where it is known, and the role."""
        return " ".join(filter(None, (self.artery, self.role)))


def reference_model(stored: Stored) -> ModelFacts:
    """Return the model that chooses: the last in the paper's order, U-Net 3+ where it is there."""
    return scored_models(stored)[-1]


def choose_cases(stored: Stored) -> list[Case]:
    """Return the best, median and worst image of each artery by the reference model's DSC.

    Where no artery is known, of all images. Equal scores go by name; of an even number the lower
    of the two middle ones is the median; an image is shown once.
    """
    scores = image_scores(stored, reference_model(stored).name)
    arteries = {row.image: row.artery for row in stored.images}
    groups: dict[str | None, list[str]] = defaultdict(list)
    for image in sorted(scores, key=lambda image: (scores[image], image)):
        groups[arteries[image]].append(image)
    if len(groups) > 1:
        groups.pop(None, None)
    cases = []
    for artery in sorted(groups, key=str):
        ranked = groups[artery]
        roles = {"best": ranked[-1], "median": ranked[(len(ranked) - 1) // 2], "worst": ranked[0]}
        shown = {image: role for role, image in reversed(roles.items())}
        cases += [
            Case(role, artery, image, _fold(stored, image), scores[image])
            for role, image in roles.items()
            if shown[image] == role
        ]
    return cases


def median_case(stored: Stored) -> Case:
    """Return the median of all images, whatever their artery, by the reference model's DSC."""
    scores = image_scores(stored, reference_model(stored).name)
    ranked = sorted(scores, key=lambda image: (scores[image], image))
    image = ranked[(len(ranked) - 1) // 2]
    return Case("median", None, image, _fold(stored, image), scores[image])


def _fold(stored: Stored, image: str) -> int:
    """Return the fold of which most models have scored the image, the first of them."""
    reference = reference_model(stored).name
    models = defaultdict(set)
    for row in stored.images:
        if row.image == image:
            models[row.fold].add(row.model)
    scored_by_reference = (fold for fold in sorted(models) if reference in models[fold])
    return max(scored_by_reference, key=lambda fold: len(models[fold]))
