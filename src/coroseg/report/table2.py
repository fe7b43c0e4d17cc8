"""Table 2: every model's scores with intervals and tests, and the same by fold."""

from dataclasses import dataclass

from coroseg.evaluation import DISTANCES
from coroseg.report import phrases
from coroseg.report.comparison import Comparison, Summary, compare, summarise
from coroseg.report.scoreboard import METRICS, Scoreboard
from coroseg.report.stored import ModelFacts, Stored
from coroseg.report.writers import Cell, Table


@dataclass(frozen=True)
class Results:
    """What Table 2 is made of: summaries by model and metric, comparisons with the reference."""

    board: Scoreboard
    summaries: dict[tuple[str, str], Summary]
    comparisons: dict[tuple[str, str], Comparison]
    complete: frozenset[str]

    def best(self, metric: str) -> float | None:
        """Return the best mean of the complete models, None where there are not two of them."""
        means = [self.summaries[model, metric].mean for model in self.complete]
        if len(means) < 2:  # noqa: PLR2004
            return None
        return min(means) if metric in DISTANCES else max(means)


def results(stored: Stored, board: Scoreboard) -> Results:
    """Return the summary of every model, and its comparison with the reference."""
    seed, reference = stored.facts.seed, board.reference
    contrasts = [(model.name, reference) for model in board.models if model.name != reference]
    compared = compare(board, contrasts, METRICS, seed)
    return Results(
        board,
        summarise(board, seed),
        {(c.model, metric): c for metric, those in compared.items() for c in those},
        frozenset(
            model.name
            for model in board.models
            if len(board.folds(model.name)) == stored.facts.folds
        ),
    )


def table2(stored: Stored, found: Results) -> Table:
    """Return the scores of all models; see its notes for what a cell holds."""
    metrics = tuple(phrases.heading(metric, stored) for metric in METRICS)
    return Table(
        title=f"Table 2. Scores of the models on {stored.facts.name}; {phrases.distances(stored)}",
        header=("Model", "Backbone", "Weights", "Parameters (M)", "Folds", *metrics),
        rows=tuple(
            (*_model_cells(model, stored, found), *(_cell(model, m, found) for m in METRICS))
            for model in found.board.models
        ),
        notes=tuple(_notes(stored, found)),
    )


def table2_folds(stored: Stored, board: Scoreboard) -> Table:
    """Return the mean scores of every model in every fold."""
    cells = {(cell.model, cell.fold): cell for cell in stored.cells}
    rows = []
    for model in board.models:
        means = {metric: board.fold_means(model.name, metric) for metric in METRICS}
        for i, fold in enumerate(board.folds(model.name)):
            cell = cells.get((model.name, fold))
            facts = {
                "fold": fold,
                "train_images": cell.train_images if cell else None,
                "validation_images": cell.validation_images if cell else None,
                "test_images": int((board.scored(model.name) & (board.fold == fold)).sum()),
                "best_epoch": cell.best_epoch if cell else None,
            }
            rows.append(
                (
                    Cell(model.label),
                    *(Cell(_count(number), numbers={k: number}) for k, number in facts.items()),
                    *(
                        Cell(phrases.score(means[m][i], m), numbers={m: float(means[m][i])})
                        for m in METRICS
                    ),
                )
            )
    metrics = tuple(phrases.heading(metric, stored) for metric in METRICS)
    counts = ("Fold", "Training images", "Validation images", "Test images", "Best epoch")
    return Table(
        title=f"Table 2 by fold. Mean scores on {stored.facts.name}; {phrases.distances(stored)}",
        header=("Model", *counts, *metrics),
        rows=tuple(rows),
        notes=(phrases.design(stored, board), _UNDEFINED),
    )


_UNDEFINED = (
    "A distance that an empty mask leaves undefined is the image diagonal in every mean, interval "
    "and test, so that a missed vessel never improves a distance; where truth and mask are both "
    "empty, the answer is right (distance 0, DSC and clDice 1)."
)


def _model_cells(model: ModelFacts, stored: Stored, found: Results) -> tuple[Cell, ...]:
    folds = len(found.board.folds(model.name))
    incomplete = "" if model.name in found.complete else f" of {stored.facts.folds}, incomplete"
    return (
        Cell(model.label),
        Cell(model.backbone),
        Cell(model.weights),
        Cell(f"{model.parameters / 1e6:.2f}", numbers={"parameters": model.parameters}),
        Cell(f"{folds}{incomplete}", numbers={"folds": folds, "of_folds": stored.facts.folds}),
    )


def _cell(model: ModelFacts, metric: str, found: Results) -> Cell:
    summary = found.summaries[model.name, metric]
    spread = phrases.score(summary.sd, metric)
    lines = [
        phrases.score(summary.mean, metric) + (f" ± {spread}" if spread != phrases.UNKNOWN else ""),
        phrases.interval(*(phrases.score(x, metric) for x in (summary.low, summary.high))),
    ]
    numbers = {
        "mean": summary.mean,
        "sd": summary.sd,
        "low": summary.low,
        "high": summary.high,
        "undefined": summary.undefined,
        "mean_defined": summary.mean_defined,
    }
    comparison = found.comparisons.get((model.name, metric))
    if comparison is not None:
        lines += _difference(comparison, metric, found)
        numbers |= {
            "difference": comparison.difference,
            "difference_low": comparison.low,
            "difference_high": comparison.high,
            "p": comparison.p,
            "p_holm": comparison.p_holm,
            "compared_images": comparison.images,
            "compared_units": comparison.units,
            "compared_folds": comparison.folds,
        }
    if summary.undefined:
        without = phrases.score(summary.mean_defined, metric)
        lines.append(f"{summary.undefined} undefined, {without} without")
    return Cell(
        "\n".join(filter(None, lines)),
        bold=model.name in found.complete and summary.mean == found.best(metric),
        numbers={f"{metric}_{name}": number for name, number in numbers.items()},
    )


def _difference(comparison: Comparison, metric: str, found: Results) -> list[str]:
    """Return the lines on the difference to the reference."""
    if not comparison.images:
        return []
    limits = (phrases.signed(x, metric) for x in (comparison.low, comparison.high))
    lines = [
        f"{phrases.signed(comparison.difference, metric)} {phrases.interval(*limits)}".strip(),
        phrases.p_value(comparison.p_holm),
    ]
    if not {comparison.model, comparison.other} <= found.complete:
        among = phrases.images_of_units(comparison.images, comparison.units, found.board)
        lines.append(f"over {among}, folds: {comparison.folds}")
    return lines


def _notes(stored: Stored, found: Results) -> list[str]:
    board = found.board
    labels = {model.name: model.label for model in board.models}
    reference = labels[board.reference]
    notes = [
        phrases.design(stored, board),
        "In a cell: the mean over images ± the standard deviation of the folds' means; interval.",
        phrases.bootstrap(stored, board),
        _UNDEFINED + " Where there are such scores, a cell ends with their number over all folds "
        "and the mean without them.",
    ]
    if len(board.models) > 1:
        notes[2:2] = [
            f"Below it: the difference to {reference}, its interval, and p.",
            phrases.wilcoxon(board, f"{len(board.models) - 1} comparisons of a metric"),
        ]
        notes.append("Bold: the best mean of a metric among the models with all folds.")
    if len(found.complete) < len(board.models):
        notes.append(
            "Incomplete models: their means are not over the same images and folds as the others'; "
            "differences and tests are over what both have, as the cell says."
        )
    scratch = [
        m.label for m in board.models if m.weights == "none" and m.name != "unet3plus_no_ds_tl"
    ]
    if scratch:
        notes.append(
            f"Trained from scratch: {', '.join(scratch)}; the paper has transfer learning for all "
            "models but U-Net 3+ w/o DS and TL."
        )
    return notes + phrases.unknown_patients(board)


def _count(number: int | None) -> str:
    return phrases.UNKNOWN if number is None else str(number)
