"""What is known of one frame: where each vessel is seen, how wide, and which lesions it has."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from coroseg.simulation.lumen import LumenMaps
from coroseg.simulation.scene import (
    Anatomy,
    Array,
    BranchTruth,
    FrameTruth,
    LesionTruth,
    Mask,
    Vessel,
    View,
)
from coroseg.simulation.sections import Sections, dot, join, see
from coroseg.simulation.silhouette import VISIBLE_CONTRAST, vessel_masks
from coroseg.simulation.widths import width_px

_IN_MASK = 0.5  # of a pixel covered


def frame_truth(  # noqa: PLR0917
    anatomy: Anatomy,
    contrast: Sequence[Array],
    view: View,
    maps: LumenMaps,
    catheter: Mask,
    field: Mask,
) -> FrameTruth:
    """Return the truth of the frame in which `contrast[k]` is at the points of `vessels[k]`.

    `catheter` and `field` (what the beam shows) are masks of the image; outside the field there is
    neither lumen nor catheter.
    """
    vessels = anatomy.vessels
    sections, amount = join(vessels), np.concatenate(contrast)
    seen = see(sections, view)
    widths_px = width_px(seen, sections.vessel)
    pixel = np.rint(seen.place.points).astype(np.intp)
    in_image = ((pixel >= 0) & (pixel < view.size)).all(axis=1)
    column, row = np.clip(pixel, 0, view.size - 1).T
    covering = vessel_masks(sections, seen, amount, view.size)[:, row, column]
    _leave_out_shared(covering, sections, vessels)
    branches = _branches(
        vessels,
        {
            "points": seen.place.points,
            "width_px": widths_px,
            "healthy_width_px": _healthy_widths_px(vessels, view, widths_px),
            "diameter_3d_mm": np.concatenate([v.half_axes_mm.sum(axis=1) for v in vessels]),
            "contrast": amount,
            "along_view": np.abs(dot(sections.direction, seen.place.ray)),
            "overlapped": in_image & (covering.any(axis=0) | catheter[row, column]),
            "visible": in_image & field[row, column] & (amount >= VISIBLE_CONTRAST),
        },
    )
    coverage = np.where(field, maps.coverage, 0).astype(np.float32)
    return FrameTruth(
        coverage=coverage,
        mask=coverage >= _IN_MASK,
        catheter=catheter & field,
        branches=branches,
        lesions=tuple(
            lesion
            for vessel, branch in zip(vessels, branches, strict=True)
            for lesion in _lesions(vessel, branch)
        ),
    )


def _healthy_widths_px(vessels: Sequence[Vessel], view: View, widths_px: Array) -> Array:
    """Return the widths (n,) that all points would have without lesions; `widths_px` with them."""
    healthy = [
        replace(vessel, half_axes_mm=np.column_stack([vessel.healthy_radius_mm] * 2))
        for vessel in vessels
    ]
    diseased = [
        not np.array_equal(one.half_axes_mm, other.half_axes_mm)
        for one, other in zip(vessels, healthy, strict=True)
    ]
    if not any(diseased):
        return widths_px
    sections = join(list(compress(healthy, diseased)))
    healthy_px = widths_px.copy()
    changed = np.repeat(diseased, [len(vessel.points_mm) for vessel in vessels])
    healthy_px[changed] = width_px(see(sections, view), sections.vessel)
    return healthy_px


def _leave_out_shared(covering: Mask, sections: Sections, vessels: Sequence[Vessel]) -> None:
    """Keep only true overlap in `covering[k, i]`: vessel k's lumen is seen over point i.

    Not a point's own vessel, and not those that share one lumen with it: a vessel, its parent and
    the parent's other branches there, within the parent's radius of where the vessel begins.
    """
    covering[sections.vessel, np.arange(len(sections.vessel))] = False
    numbers = {vessel.name: number for number, vessel in enumerate(vessels)}
    for vessel in vessels:
        if vessel.parent is None:
            continue
        apart = sections.middle - vessel.points_mm[0]
        squared = dot(apart, apart)
        parent = sections.vessel == numbers[vessel.parent]
        radius = vessels[numbers[vessel.parent]].healthy_radius_mm[squared[parent].argmin()]
        near = squared <= radius**2
        family = [
            numbers[other.name]
            for other in vessels
            if other.name == vessel.parent
            or (other.parent == vessel.parent and _begins_near(other, vessel, radius))
        ]
        points = np.flatnonzero(near & np.isin(sections.vessel, family))
        covering[np.array(family)[:, None], points] = False


def _begins_near(other: Vessel, vessel: Vessel, radius: float) -> bool:
    return bool(np.linalg.norm(other.points_mm[0] - vessel.points_mm[0]) <= radius)


def _branches(vessels: Sequence[Vessel], values: dict[str, Any]) -> tuple[BranchTruth, ...]:
    """Return the values of all points, in the vessels' order, vessel by vessel."""
    ends = np.cumsum([len(vessel.points_mm) for vessel in vessels])[:-1]
    parts = {name: np.split(value, ends) for name, value in values.items()}
    return tuple(
        BranchTruth(
            name=vessel.name,
            parent=vessel.parent,
            **{name: part[number] for name, part in parts.items()},
        )
        for number, vessel in enumerate(vessels)
    )


def _lesions(vessel: Vessel, branch: BranchTruth) -> list[LesionTruth]:
    """Return the vessel's lesions as they are seen, by the arc length it has at rest."""
    arc = vessel.path_mm - vessel.path_mm[0]
    found = []
    for lesion in vessel.lesions:
        inside = np.flatnonzero(np.abs(arc - lesion.middle_mm) <= lesion.length_mm / 2)
        if not len(inside):  # it lies beyond an occlusion, where the vessel ends
            continue
        minimum = int(inside[branch.width_px[inside].argmin()])
        width = float(branch.width_px[minimum])
        healthy = float(branch.healthy_width_px[minimum])
        found.append(
            LesionTruth(
                branch=vessel.name,
                first=int(inside[0]),
                minimum=minimum,
                last=int(inside[-1]),
                minimal_width_px=width,
                healthy_width_px=healthy,
                diameter_stenosis=1 - width / healthy,
                lesion=lesion,
            )
        )
    return found
