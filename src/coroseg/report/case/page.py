"""The report of one case: an HTML page that needs nothing beside itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from coroseg.angiogram import Frame
from coroseg.geometry.tables import stenosis_row
from coroseg.geometry.tree import VesselTree
from coroseg.report.case import words
from coroseg.report.case.picture import vessel_picture
from coroseg.report.case.plots import MAIN_BRANCHES, main_branches
from coroseg.report.environment import template
from coroseg.segmentation.contours import Contour


def case_page(
    record: Mapping[str, Any],
    image: Frame,
    contours: Sequence[Contour],
    tree: VesselTree,
    plots: str,
) -> str:
    """Return the page about one frame: `record` is its result.json, `plots` an SVG picture."""
    rows = [stenosis_row(tree, stenosis) for stenosis in tree.stenoses]
    return template("case.html.j2").render(
        record=record,
        unit="mm" if tree.spacing else "px",
        finding=words.finding(record),
        notices=words.notices(record),
        view=words.view(record),
        spacing=words.spacing(record),
        calibration=words.calibration(record),
        lesions=[row for row in rows if row["lesion"]],
        not_counted=[row for row in rows if not row["lesion"]],
        flag_words=words.NOT_COUNTED,
        picture=Markup(vessel_picture(image, contours, tree, record["spacing_mm"])),  # noqa: S704  # our own
        plots=Markup(plots),  # noqa: S704
        plotted=len(main_branches(tree)),
        longest=MAIN_BRANCHES,
        branches=len(tree.branches),
    )
