"""Lesions of one branch: where the lumen is narrower than its reference, and recovers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from coroseg.angiogram import Frame
from coroseg.geometry.doubts import dips, doubts
from coroseg.geometry.tree import Centreline, Diameters, Marks, Stenosis, Values
from coroseg.metrics import Mask

LEAST_STENOSIS = 0.20
"""A lesion has at least this diameter stenosis."""

RETURNED = 0.10
"""A lesion's ends are where the diameter is within this share of the reference again."""

RECOVERY = 0.5
"""Between two lesions the diameter recovers by at least half of the shallower one's stenosis."""

SHORTEST, SHORTEST_PX = 0.5, 3.0
"""A lesion is at least half a reference diameter, and 3 px, long."""

UNEVEN = "uneven"
MILD = 0.30
NOISE_DEPTH, MILD_NOISE_DEPTH = 2.0, 4.0
"""A lesion less deep than so many standard deviations of its branch's diameters is flagged; noise
rarely makes one of 30 %, milder ones often."""

FINE, BROAD = 0.12, 0.35
"""Deviation of the Gaussians, in reference diameters, for the MLD and for finding lesions."""

BROAD_SHARE = 0.6
"""What the broad Gaussian leaves at least of the depth of a lesion."""

FEWEST_POINTS = 4
NARROWEST_PX = 3.0
"""In a vessel narrower than this no lesion can be told from noise."""


def find_stenoses(
    centreline: Centreline,
    diameters: Diameters,
    reference_px: Values,
    image: Frame,
    mask: Mask,
) -> tuple[Stenosis, ...]:
    """Return the narrowings of 20 % diameter stenosis and more, from the branch's start outward.

    A narrowing is a minimum of the smoothed diameter over the reference, on whose both sides the
    diameter recovers by half. It ends where the diameter is within 10 % of the reference, and is at
    least half a reference diameter long. Its flags say why it may be no lesion: those of `doubts`,
    and `uneven` where it is less than two standard deviations of the branch's diameters deep, below
    30 % diameter stenosis four.
    """
    known = np.isfinite(diameters.px) & np.isfinite(reference_px) & ~centreline.junction
    if known.sum() < FEWEST_POINTS or reference_px[known].max() < NARROWEST_PX:
        return ()
    step = centreline.length_px / (len(known) - 1)
    typical = float(np.median(reference_px[known]))
    relative = diameters.px / reference_px
    fine = 1 - _smooth(relative, known, FINE * typical / step)
    broad = 1 - _smooth(relative, known, BROAD * typical / step)
    noise = _noise(broad[known])
    stretches = _stretches(broad, LEAST_STENOSIS * BROAD_SHARE)
    dip = dips(centreline, diameters, image, mask) if stretches else np.empty(0)
    found = []
    for first, last in stretches:
        inside = np.flatnonzero(known[first : last + 1]) + first
        if len(inside) == 0:
            continue
        minimum = int(inside[np.argmax(fine[inside])])
        length = float(centreline.arc_px[last] - centreline.arc_px[first])
        healthy = float(reference_px[minimum])
        shortest = max(SHORTEST * healthy, SHORTEST_PX)
        if fine[minimum] < LEAST_STENOSIS or length < shortest or healthy < NARROWEST_PX:
            continue
        lesion = Stenosis(
            branch=centreline.number,
            first=first,
            minimum=minimum,
            last=last,
            minimal_diameter_px=float(1 - fine[minimum]) * healthy,
            reference_diameter_px=healthy,
            diameter_stenosis=float(fine[minimum]),
            length_px=length,
        )
        flags = doubts(lesion, centreline, diameters, broad, dip)
        enough = MILD_NOISE_DEPTH if lesion.diameter_stenosis < MILD else NOISE_DEPTH
        if broad[first : last + 1].max() < enough * noise:
            flags = (*flags, UNEVEN)
        found.append(replace(lesion, flags=flags))
    return tuple(found)


def _smooth(values: Values, known: Marks, sigma: float) -> Values:
    """Return the values smoothed over `sigma` points, those not known filled in."""
    weight = gaussian_filter1d(known.astype(float), sigma, mode="constant", truncate=3)
    total = gaussian_filter1d(np.where(known, values, 0.0), sigma, mode="constant", truncate=3)
    at = np.flatnonzero(known)
    smooth = total[at] / weight[at]
    return np.asarray(np.interp(np.arange(len(values)), at, smooth))


def _noise(stenosis: Values) -> float:
    """Return the standard deviation of healthy points, from those wider than the reference."""
    wider = -stenosis[stenosis < 0]
    return 1.5 * float(np.median(wider)) if len(wider) else 0.0


def _stretches(stenosis: Values, depth: float) -> list[tuple[int, int]]:
    """Return the first and last point of each narrowing that is deeper than `depth`."""
    peaks = deepest_points(stenosis, depth)
    if not peaks:
        return []
    healthy = np.flatnonzero(stenosis < RETURNED)
    valleys = [int(a + np.argmin(stenosis[a:b])) for a, b in pairwise(peaks)]
    stretches = []
    for peak, start, stop in zip(peaks, [0, *valleys], [*valleys, len(stenosis) - 1], strict=True):
        before, after = healthy[healthy < peak], healthy[healthy > peak]
        first = max(start, int(before[-1]) if len(before) else 0)
        last = min(stop, int(after[0]) if len(after) else len(stenosis) - 1)
        stretches.append((first, last))
    return stretches


def deepest_points(stenosis: Values, depth: float) -> list[int]:
    """Return the deepest point of every narrowing deeper than `depth`, in order.

    Towards a deeper point, on either side, the stenosis falls by at least `RECOVERY` of its own: it
    is a peak with that prominence. (`scipy.signal.find_peaks` takes half a second to load.)
    """
    padded = np.concatenate([[0.0], np.maximum(stenosis, 0), [0.0]])
    rises = padded[1:-1] > padded[:-2]
    tops = np.flatnonzero(rises & (padded[1:-1] >= np.maximum(padded[2:], depth))) + 1
    points = []
    for top in tops:
        deeper = np.flatnonzero(padded > padded[top])
        before, after = deeper[deeper < top], deeper[deeper > top]
        left = padded[before[-1] if len(before) else 0 : top].min()
        right = padded[top : after[0] + 1 if len(after) else None].min()
        if padded[top] - max(left, right) >= RECOVERY * padded[top]:
            points.append(int(top) - 1)
    return points
