"""The outlines of a segmentation as JSON and SVG.

`contours.json`:

    {"schema": "coroseg-contours-1",
     "name": "run", "frame": 12,            the frame is counted from 1
     "rows": 512, "columns": 512,
     "spacing_mm": [0.3, 0.3],              (row, column); null where it is not known
     "spacing_source": "fiducial",          null likewise
     "contours": [{
        "outer_px": [[x, y], ...],          pixel centres at whole numbers, top left = (0, 0)
        "holes_px": [[[x, y], ...], ...],
        "outer_mm": [[x, y], ...],          from the top left pixel's centre; only with a spacing
        "holes_mm": [[[x, y], ...], ...]}]}

Polygons are closed: the last point joins the first. A pixel belongs to the mask if and only if its
centre lies in an outer outline and in none of its holes.
"""

import json
from collections.abc import Iterable

from coroseg.segmentation.contours import Contour, Polygon
from coroseg.segmentation.segment import Segmentation

SCHEMA = "coroseg-contours-1"
COLOUR = "#d55e00"


def contours_json(segmentation: Segmentation) -> str:
    """Return the outlines as JSON, in pixels (2 decimals) and, where known, mm (3 decimals)."""
    rows, columns = segmentation.mask.shape
    spacing = segmentation.spacing
    head = {
        "schema": SCHEMA,
        "name": segmentation.name,
        "frame": segmentation.frame,
        "rows": rows,
        "columns": columns,
        "spacing_mm": list(spacing.mm) if spacing else None,
        "spacing_source": str(spacing.source) if spacing else None,
    }
    mm = spacing.mm if spacing else None
    contours = ",\n".join(_contour_json(contour, mm) for contour in segmentation.contours)
    return f'{json.dumps(head)[:-1]}, "contours": [\n{contours}\n]}}\n'


def contours_svg(segmentation: Segmentation) -> str:
    """Return the outlines as an SVG picture: one path a piece, its units pixels as in the JSON.

    The view box is the image's area, so that the picture lies on the frame; it is as large as the
    image in mm where the spacing is known, else in pixels.
    """
    rows, columns = segmentation.mask.shape
    width, height = str(columns), str(rows)
    if segmentation.spacing:
        row_mm, column_mm = segmentation.spacing.mm
        width, height = f"{columns * column_mm:.3f}mm", f"{rows * row_mm:.3f}mm"
    paths = "\n".join(
        f'<path d="{" ".join(_path(polygon) for polygon in (contour.outer, *contour.holes))}"/>'
        for contour in segmentation.contours
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="-0.5 -0.5 {columns} {rows}" preserveAspectRatio="none">\n'
        f'<g fill="{COLOUR}" fill-opacity="0.25" fill-rule="evenodd" stroke="{COLOUR}" '
        f'stroke-width="1">\n{paths}\n</g>\n</svg>\n'
    )


def _contour_json(contour: Contour, mm: tuple[float, float] | None) -> str:
    fields = [
        f'"outer_px": {_points(contour.outer, 2)}',
        f'"holes_px": {_list(_points(hole, 2) for hole in contour.holes)}',
    ]
    if mm:
        scale = mm[::-1]  # (row, column) -> (x, y)
        fields += [
            f'"outer_mm": {_points(contour.outer * scale, 3)}',
            f'"holes_mm": {_list(_points(hole * scale, 3) for hole in contour.holes)}',
        ]
    return f"{{{', '.join(fields)}}}"


def _points(polygon: Polygon, decimals: int) -> str:
    return _list([_each_point(polygon, f"[%.{decimals}f, %.{decimals}f]", ", ")])


def _path(polygon: Polygon) -> str:
    return f"M{_each_point(polygon, '%.2f,%.2f', ' ')}Z"


def _each_point(polygon: Polygon, pattern: str, separator: str) -> str:
    # One pattern for all points at once: several times faster than json on nested lists.
    return separator.join([pattern] * len(polygon)) % tuple(polygon.ravel().tolist())


def _list(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"
