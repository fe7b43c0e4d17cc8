"""All figures of a benchmark, from what it has stored."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from coroseg.report.figures.captions import TITLES, left_out
from coroseg.report.figures.cases import choose_cases, median_case, reference_model
from coroseg.report.figures.curves import draw_curves
from coroseg.report.figures.error_maps import draw_error_maps
from coroseg.report.figures.folds import draw_folds
from coroseg.report.figures.look import house_style, write_figure
from coroseg.report.figures.network_drawing import NetworkDrawing, draw_network
from coroseg.report.figures.overlays import draw_overlays
from coroseg.report.figures.pictures import read_picture
from coroseg.report.figures.speed import draw_speed
from coroseg.report.figures.values import scored_models
from coroseg.report.figures.views import draw_views
from coroseg.report.figures.workflow import draw_workflow
from coroseg.report.stored import Stored


def draw_figures(stored: Stored, folder: Path, network: NetworkDrawing | None) -> list[Path]:
    """Write the figures into `folder`, PNG and SVG; return their paths, in the report's order.

    Those that `captions.left_out` names are not made. Raises `DataError` for pictures that cannot
    be read or do not fit, `OutputError` for what cannot be written.
    """
    drawings: dict[str, Callable[[], Figure]] = {
        "figure1": lambda: _workflow(stored),
        "figure3": lambda: _pictures(stored, draw_overlays),
        "figure4": lambda: draw_folds(stored),
        "figure5": lambda: _pictures(stored, draw_error_maps),
        "learning_curves": lambda: draw_curves(stored),
        "dice_speed": lambda: draw_speed(stored),
        "by_view": lambda: draw_views(stored),
    }
    if network is not None:
        drawings["figure2"] = partial(draw_network, network)
    absent = left_out(stored, network=network is not None)
    written = []
    with house_style():
        for name in TITLES:
            if name not in absent:
                written += write_figure(drawings[name](), folder / name)
    return written


def _workflow(stored: Stored) -> Figure:
    model = reference_model(stored)
    picture = read_picture(stored, median_case(stored), [model.name])
    return draw_workflow(picture.image, picture.masks[model.name], model)


def _pictures(stored: Stored, draw: Callable[..., Figure]) -> Figure:
    models = scored_models(stored)
    names = [model.name for model in models]
    return draw([read_picture(stored, case, names) for case in choose_cases(stored)], models)
