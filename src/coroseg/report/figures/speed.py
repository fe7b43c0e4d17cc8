"""What a better Dice costs: mean DSC against the time of the network for one image."""

from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from coroseg.report.figures.look import LOOKS
from coroseg.report.figures.values import scored_models
from coroseg.report.scoreboard import scoreboard
from coroseg.report.statistics import column_means
from coroseg.report.stored import Stored

_LARGEST = 420.0  # area of the marker of the model with most parameters, in square points
_SMALLEST = 20.0
_PLACES = [
    (x * distance, y * distance)
    for distance in (1.0, 1.6, 2.4, 3.4)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
]
"""Where a label may stand about its marker, the best places first."""


def draw_speed(stored: Stored) -> Figure:
    """Return the figure: a labelled marker a model, its area by the number of parameters.

    The time is the median over images and folds, the DSC the mean of Table 2.
    """
    figure = Figure((6.4, 4.6), layout="constrained")
    axes = figure.subplots()
    board, models = scoreboard(stored), scored_models(stored)
    largest = max(model.parameters for model in models)
    points, sizes = [], []
    for model in models:
        dsc = board.by_image(board.scores(model.name, "dsc")[:, None])
        seconds = median(row.seconds for row in stored.images if row.model == model.name)
        points.append((seconds, float(column_means(dsc)[0])))
        sizes.append(max(_SMALLEST, _LARGEST * model.parameters / largest))
        look = LOOKS[model.name]
        axes.scatter(
            *points[-1], s=sizes[-1], c=look.colour, marker=look.marker, alpha=0.85,
            edgecolors="black", linewidths=0.5, label=model.label,
        )  # fmt: skip
    axes.set(xlabel="Seconds an image (network alone)", ylabel="Mean DSC of the test images")
    axes.set_xlim(left=0, right=1.12 * max(x for x, _ in points))
    axes.margins(y=0.12)
    axes.grid(lw=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    labels = [f"{model.label} ({_millions(model.parameters)})" for model in models]
    _label(axes, points, sizes, labels)
    return figure


def _label(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    sizes: Sequence[float],
    labels: Sequence[str],
) -> None:
    """Write each label beside its marker, where it hides least of the others."""
    figure = axes.figure
    canvas = FigureCanvasAgg(figure)  # type: ignore[arg-type]
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    inside = axes.get_window_extent(renderer)
    taken = []
    for point, size in zip(points, sizes, strict=True):
        x, y = axes.transData.transform(point)
        half = (size**0.5 / 2 + 1) * figure.dpi / 72
        taken.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    for point, size, label in zip(points, sizes, labels, strict=True):
        reach = size**0.5 / 2 + 3
        best: tuple[float, Annotation, Bbox] | None = None
        for x, y in _PLACES:
            text = axes.annotate(
                label, point, (x * reach, y * reach), textcoords="offset points",
                ha=_aligned(x, "left", "right"), va=_aligned(y, "bottom", "top"), fontsize=7,
            )  # fmt: skip
            box = text.get_window_extent(renderer)
            hidden = sum(_overlap(box, other) for other in taken)
            hidden += box.width * box.height - _overlap(box, inside)
            if best is None or hidden < best[0]:
                if best is not None:
                    best[1].remove()
                best = (hidden, text, box)
            else:
                text.remove()
        if best is not None:
            taken.append(best[2])


def _aligned(offset: float, after: str, before: str) -> str:
    return after if offset > 0 else before if offset < 0 else "center"


def _overlap(box: Bbox, other: Bbox) -> float:
    """Return the area that two boxes share, in square pixels."""
    shared = Bbox.intersection(box, other)
    return 0.0 if shared is None else float(shared.width * shared.height)


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M"
