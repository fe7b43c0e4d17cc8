"""Why a narrowing may be no lesion: what one projection can tell."""

from __future__ import annotations

import cv2
import numpy as np

from coroseg.angiogram import Frame
from coroseg.geometry.edge import remap
from coroseg.geometry.smoothing import normals
from coroseg.geometry.tree import Centreline, Diameters, Marks, Stenosis, Values
from coroseg.metrics import Mask

JUNCTION, END, LOW_CONTRAST = "junction", "end", "low_contrast"
OVERLAP, FORESHORTENED = "overlap", "foreshortened"

NEAR_JUNCTION = 0.25
"""A minimum within so many reference diameters of a junction may be the junction's."""

TIGHT = 0.5
"""Unless it takes half of the diameter: what vessels share is wider than each, not narrower."""

ABRUPT = 0.7
"""Another vessel, joined wrongly, begins or ends where a junction takes this share of the depth."""

TIP, TIP_PX = 1.0, 4.0
"""The last reference diameter of a branch, and the first of one without parent, is no measure."""

RECOVERY = 0.5
"""Before its end a branch must have recovered from a lesion by half."""

SURE = 3.0
"""A lesion is so many standard deviations of its own diameters deep."""

LEAST_CONFIDENCE = 0.3

NEIGHBOURS = 2.5
"""Neighbours are so many reference diameters on both sides of a lesion."""

DARKER, DARKER_SPREAD = 1.2, 2.0
"""A narrower lumen is brighter: one so much darker than its neighbours, and by so many of their
standard deviations, lies over another vessel."""

END_ON = 1.7
"""Neighbours so much denser than the branch are seen along their axis."""

BENT = 1.15
"""Length of the line over the distance of its ends: more is tortuous."""

BLACK = 0.05
"""Added to the brightness before its logarithm, which black pixels have none of."""


def doubts(
    lesion: Stenosis,
    centreline: Centreline,
    diameters: Diameters,
    stenosis: Values,
    dip: Values,
) -> tuple[str, ...]:
    """Return the flags of a narrowing.

    `stenosis` (n,) is the smoothed curve it was found on, `dip` (n,) how dark the branch is
    (`dips`).

    - `junction`: its minimum, if it takes less than half of the diameter, is within a quarter of
      the reference diameter of a junction, or it jumps to narrow where the lumen is not known (at
      a junction) and to wide at the next such place: another vessel, joined wrongly.
    - `end`: the diameter does not recover before the branch's last reference diameter (in one
      without parent, the first one too).
    - `low_contrast`: it is less than three standard deviations of its diameters deep, or the
      vessel on both sides has a median confidence below 0.3.
    - `overlap`: it is darker than its neighbours, as if another vessel or the catheter crossed.
    - `foreshortened`: its neighbours are much denser than the branch and the line is bent.
    """
    reference = lesion.reference_diameter_px
    arc = centreline.arc_px
    near = np.abs(arc - arc[lesion.minimum]) <= NEAR_JUNCTION * reference
    inside = (arc >= arc[lesion.first]) & (arc <= arc[lesion.last])
    window = (arc >= arc[lesion.first] - NEIGHBOURS * reference) & (
        arc <= arc[lesion.last] + NEIGHBOURS * reference
    )
    beside = window & ~inside & np.isfinite(diameters.px)
    checks = {
        JUNCTION: bool(lesion.diameter_stenosis < TIGHT and (centreline.junction & near).any())
        or _between_junctions(lesion, centreline, np.isnan(diameters.px), stenosis),
        END: _at_end(lesion, centreline, stenosis),
        LOW_CONTRAST: _is_faint(lesion, diameters, near & np.isfinite(diameters.px), beside),
        **_density(lesion, centreline, dip, diameters.px, window & ~centreline.junction),
    }
    return tuple(name for name, doubt in checks.items() if doubt)


def _between_junctions(
    lesion: Stenosis, centreline: Centreline, unseen: Marks, stenosis: Values
) -> bool:
    """Return whether the lumen jumps to narrow at one junction, and to wide at the next."""
    low = stenosis <= (1 - RECOVERY) * stenosis[lesion.minimum]
    before = np.flatnonzero(low[: lesion.minimum])
    after = np.flatnonzero(low[lesion.minimum :]) + lesion.minimum
    if len(after) == 0 or (len(before) == 0 and centreline.parent is None):
        return False
    # A branch that is narrow from its start on has its parent before it.
    sides = [slice(after[0], None, 1), *(slice(end, None, -1) for end in before[-1:])]
    return all(_jumps(lesion, unseen, stenosis, side) for side in sides)


def _jumps(lesion: Stenosis, shared: Marks, stenosis: Values, outward: slice) -> bool:
    """Return whether most of a lesion's depth is lost in the junction where `outward` starts."""
    inward = slice(outward.start, lesion.minimum, -outward.step)
    outside, inside = (np.flatnonzero(~shared[side]) for side in (outward, inward))
    if not shared[outward.start] or len(outside) == 0 or len(inside) == 0:
        return False
    lost = stenosis[inward][inside[0]] - stenosis[outward][outside[0]]
    return bool(lost > ABRUPT * stenosis[lesion.minimum])


def _at_end(lesion: Stenosis, centreline: Centreline, stenosis: Values) -> bool:
    arc, enough = centreline.arc_px, (1 - RECOVERY) * stenosis[lesion.minimum]
    tip = max(TIP * lesion.reference_diameter_px, TIP_PX)
    after = (arc > arc[lesion.minimum]) & (arc <= arc[-1] - tip)
    before = (arc < arc[lesion.minimum]) & (arc >= tip)
    open_start = centreline.parent is None and not (stenosis[before] <= enough).any()
    return open_start or not (stenosis[after] <= enough).any()


def _is_faint(lesion: Stenosis, diameters: Diameters, near: Marks, beside: Marks) -> bool:
    error = diameters.px[near] * (1 - diameters.confidence[near]) / 2
    depth = lesion.reference_diameter_px - lesion.minimal_diameter_px
    if depth < SURE * float(np.median(error)):
        return True
    return bool(beside.any() and np.median(diameters.confidence[beside]) < LEAST_CONFIDENCE)


def _density(
    lesion: Stenosis,
    centreline: Centreline,
    dip: Values,
    diameter_px: Values,
    window: Marks,
) -> dict[str, bool]:
    """Return whether the vessel's darkness in the `window` speaks of overlap or foreshortening."""
    index = np.arange(len(dip))
    inside = window & (index >= lesion.first) & (index <= lesion.last) & np.isfinite(dip)
    beside = window & ~inside & np.isfinite(dip)
    if not (inside.any() and beside.any()):
        return {}
    neighbours = float(np.median(dip[beside]))
    spread = 1.5 * float(np.median(np.abs(dip[beside] - neighbours)))
    # The middle half: at its ends a lesion is as dark as what is beside it.
    core = np.median(np.sort(dip[inside])[inside.sum() // 2 :])
    darker = core > max(DARKER * neighbours, neighbours + DARKER_SPREAD * spread)
    chord = np.hypot(*(centreline.points[window][-1] - centreline.points[window][0]))
    bent = np.ptp(centreline.arc_px[window]) > BENT * chord
    thickness = dip / diameter_px
    dense = np.quantile(thickness[beside], 0.8) > END_ON * np.nanmedian(thickness)
    return {OVERLAP: bool(darker), FORESHORTENED: bool(dense and bent)}


def dips(centreline: Centreline, diameters: Diameters, image: Frame, mask: Mask) -> Values:
    """Return how dark the vessel is against the background beside it, (n,): logarithms; nan."""
    radius = np.maximum(diameters.px, centreline.mask_diameter_px) / 2
    inner = (diameters.px / 2)[:, None] * np.array([-0.3, 0.0, 0.3])
    outer = radius[:, None] + np.array([2.0, 3.0, 4.0])
    offset = np.concatenate([inner, outer, -outer], axis=1)
    offset = np.nan_to_num(offset)
    x, y = (
        (centreline.points[:, k, None] + normals(centreline.points)[:, k, None] * offset).astype(
            np.float32
        )
        for k in (0, 1)
    )
    value = np.log(np.maximum(remap(image, x, y, cv2.INTER_LINEAR), 0) + BLACK)
    vessel = remap(mask.astype(np.float32), x, y, cv2.INTER_LINEAR) > 0
    rows, columns = image.shape
    outside = (x < 0) | (y < 0) | (x > columns - 1) | (y > rows - 1)
    beside = np.where(vessel | outside, np.nan, value)[:, 3:]
    seen = np.isfinite(beside).sum(axis=1)
    level = np.nansum(beside, axis=1) / np.maximum(seen, 1)
    usable = (seen > 0) & np.isfinite(diameters.px)
    return np.where(usable, level - value[:, :3].mean(axis=1), np.nan)
