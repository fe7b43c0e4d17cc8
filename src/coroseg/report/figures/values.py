"""The numbers behind the figures, the same as in the tables."""

from collections import defaultdict

from coroseg.report.scoreboard import paper_order, settled
from coroseg.report.stored import ModelFacts, Stored


def scored_models(stored: Stored) -> list[ModelFacts]:
    """Return the models that have scored images, in the paper's order."""
    scored = {row.model for row in stored.images}
    return [model for model in paper_order(stored.facts.models) if model.name in scored]


def image_scores(stored: Stored, model: str) -> dict[str, float]:
    """Return the DSC of each test image, averaged over the folds whose model scored it."""
    images = defaultdict(list)
    for row in stored.images:
        if row.model == model:
            images[row.image].append(settled(row, "dsc"))
    return {image: sum(scores) / len(scores) for image, scores in images.items()}
