"""The lumen cut into thin slices across the vessels, each an ellipse seen in one view."""

from dataclasses import dataclass

import numpy as np

from coroseg.simulation.camera import project, project_vectors
from coroseg.simulation.scene import Array, Mask, View
from coroseg.simulation.sections import Index, Sections, across, cross, dot, neighbours


@dataclass(frozen=True)
class Slices:
    """Slices (n) of all vessels, close together in the image.

    A slice's points are `middle + p * wide + q * deep` (mm) with p² + q² <= 1: `wide` spans its
    projected width, `deep` is seen along the vessel. The same in px: `middle_px`, `wide_px`,
    `deep_px` (n, 2). `iodine` is contrast x volume, as much as it adds to the image: mm x px².
    Where the vessel bends, the element at (p, q) is 1 - (p, q) · `bend` as thick as the middle.
    `step_px` (n, 2) leads from one slice to the next; where it is long enough, they are `closed`:
    they leave no gaps in the image, however few the elements along `deep`.
    """

    vessel: Index
    middle: Array
    wide: Array
    deep: Array
    middle_px: Array
    wide_px: Array
    deep_px: Array
    bend: Array
    iodine: Array
    step_px: Array
    closed: Mask


def cut(sections: Sections, contrast: Array, view: View, spacing_px: float) -> Slices:
    """Return the slices of all vessels; `contrast` is that of the sections' points.

    Neighbours are seen not more than `spacing_px` apart, |dx| + |dy|.
    """
    start = np.flatnonzero(neighbours(sections.vessel))
    axis = sections.middle[start + 1] - sections.middle[start]
    ends = project(sections.middle, view).points
    moved = np.abs(ends[start + 1] - ends[start]).sum(axis=1)
    count = np.maximum(np.ceil(moved / spacing_px), 1).astype(np.intp)
    order = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    segment = np.repeat(np.arange(len(start)), count)
    share = ((order + 0.5) / count[segment])[:, None]
    first = start[segment]

    def between(values: Array) -> Array:
        mixed: Array = values[first] * (1 - share) + values[first + 1] * share
        return mixed

    middle, first_mm, second_mm = map(between, (sections.middle, sections.first, sections.second))
    bend = between(sections.bend)
    seen = project(middle, view)
    first_px, second_px, step = (
        project_vectors(v, seen, view) for v in (first_mm, second_mm, axis[segment])
    )
    normal = across(step)
    # Of all pairs of conjugate half axes, the one whose second is seen along the vessel.
    cos, sin = dot(first_px, normal), dot(second_px, normal)
    size = np.hypot(cos, sin)
    size = np.where(size > 0, size, 1)
    cos, sin = (cos / size)[:, None], (sin / size)[:, None]
    wide, deep = first_mm * cos + second_mm * sin, second_mm * cos - first_mm * sin
    ellipse = cross(wide, deep)
    thickness = np.sqrt(dot(axis, axis)) / count
    volume = np.pi * np.sqrt(dot(ellipse, ellipse)) * thickness[segment]
    return Slices(
        vessel=sections.vessel[first],
        middle=middle,
        wide=wide,
        deep=deep,
        middle_px=seen.points,
        wide_px=first_px * cos + second_px * sin,
        deep_px=second_px * cos - first_px * sin,
        bend=np.column_stack([dot(bend, wide), dot(bend, deep)]),
        iodine=between(contrast[:, None])[:, 0] * volume * seen.px_per_mm**2 / seen.slant,
        step_px=((ends[start + 1] - ends[start]) / count[:, None])[segment],
        closed=(moved / count > spacing_px / 2)[segment],
    )
