"""The frame with its vessels as an SVG picture: sharp at any size, its marks can be hidden."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from markupsafe import Markup

from coroseg.angiogram import Frame
from coroseg.geometry.tree import Points, VesselTree
from coroseg.io.overlay import ring_radius, to_gray
from coroseg.report.case.plots import main_branches
from coroseg.report.environment import template
from coroseg.segmentation.contours import Contour

_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Ring:
    """The mark of a lesion."""

    x: float
    y: float
    radius: float
    label: str
    label_left: bool


@dataclass(frozen=True)
class Name:
    """The number of a branch and where it is written."""

    x: float
    y: float
    number: int


def vessel_picture(
    image: Frame,
    contours: Sequence[Contour],
    tree: VesselTree,
    spacing_mm: Sequence[float] | None,
) -> str:
    """Return the frame with outlines, centrelines, lesions and the plotted branches' numbers.

    `spacing_mm` is (row, column): pixels that are not square are shown as long as they are.
    """
    rows, columns = image.shape
    row_mm, column_mm = spacing_mm or (1.0, 1.0)
    outlines = "".join(
        _path(polygon) + "Z" for contour in contours for polygon in (contour.outer, *contour.holes)
    )
    points = {branch.centreline.number: branch.centreline.points for branch in tree.branches}
    rings = []
    for number, lesion in enumerate(tree.lesions, start=1):
        x, y = points[lesion.branch][lesion.minimum].tolist()
        label = f"{number}: {100 * lesion.diameter_stenosis:.0f} %"
        rings.append(Ring(x, y, ring_radius(lesion), label, label_left=x > 0.85 * columns))
    names = []
    for branch in main_branches(tree):
        x, y = _clear_place(branch.centreline.points, rings).tolist()
        names.append(Name(x, y, branch.centreline.number))
    return template("vessels.svg.j2").render(
        source=_embedded(image),
        rows=rows,
        columns=columns,
        aspect=f"{columns * column_mm / (rows * row_mm):.4f}",
        unit=max(rows, columns) / 512,
        outlines=Markup(outlines),  # noqa: S704  # numbers only
        centrelines=Markup("".join(map(_path, points.values()))),  # noqa: S704
        rings=rings,
        names=names,
    )


def _clear_place(points: Points, rings: Sequence[Ring]) -> Points:
    """Return the point in a branch's inner half that is furthest from all rings, or its middle."""
    inner: Points = points[len(points) // 4 : -(len(points) // 4) or None]
    if not rings:
        middle: Points = inner[len(inner) // 2]
        return middle
    marked = np.array([(ring.x, ring.y) for ring in rings])
    away = np.linalg.norm(inner[:, None] - marked, axis=2).min(axis=1)
    place: Points = inner[away.argmax()]
    return place


def _path(points: Points) -> str:
    return "M" + " ".join(["%.1f,%.1f"] * len(points)) % tuple(points.ravel().tolist())


def _embedded(image: Frame) -> str:
    _, jpeg = cv2.imencode(".jpg", to_gray(image), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode('ascii')}"
