"""The healthy diameter along a branch: a taper that lesions and ectasia do not pull away.

The model falls outward, or stays: linear tapers, one after the other, and a step at each junction.
It is fitted first to an upper quantile, where healthy points are in the majority although lesions
take half of the branch, then to the points that lie around that fit: their mean, without a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from coroseg.geometry.tree import Centreline, Diameters, Marks, Values

STEEPEST = 0.03
"""Taper, px of diameter a px of length: arteries have 0.01 to 0.02, foreshortening adds to it."""

TAPER_DIAMETERS, MOST_TAPERS = 20.0, 3
"""The taper may change after so many diameters, up to three tapers a branch."""

ALIKE, SMALL = 5.0, 0.2
"""How strongly tapers are held alike and steps held small, in units of one diameter's weight."""

LARGEST_STEP = 0.6
"""A junction takes away at most this share of the diameter: the line may go on into the smaller
daughter. That a lesion recovers, and a step does not, tells them apart."""

UNEVEN = 0.06
"""Of the diameter: a healthy lumen's roughness, and the least noise of a diameter."""

LEAST_SHARE = 0.2
"""Of the typical diameter: in thinner parts the unevenness falls no further, and the reference
only to the narrowest diameter."""

MOST_NODES = 150
QUANTILE, QUANTILE_ROUNDS = 0.75, 2
AROUND, AROUND_ROUNDS = 2.5, 5
"""Diameters further than so many standard deviations from the fit are no healthy ones."""

MOST_SPREAD = 2.0
"""The standard deviation of healthy diameters is one to two times `UNEVEN`: more is disease."""

SETTLED = 1e-3
"""A fit that moves by less, relative to the diameter, is the last."""


@dataclass(frozen=True)
class _Model:
    """Diameter = `least` + `basis` (nodes, terms) @ coefficients from 0 to `most` (terms,)."""

    least: float
    basis: Values
    most: Values
    penalty: Values


def reference_diameter(centreline: Centreline, diameters: Diameters) -> Values:
    """Return the healthy diameter at every point of a branch, in px, (n,).

    It never grows outward, tapers by at most 0.03 px a px, steps down only at junctions, and stays
    above 0. It is nan throughout where no diameter is known.
    """
    arc, px = centreline.arc_px, diameters.px
    known = np.isfinite(px)
    if not known.any():
        return np.full(len(px), np.nan)
    nodes = np.flatnonzero(known)
    nodes = nodes[:: -(-len(nodes) // MOST_NODES)]
    value = px[nodes]
    error = value * (1 - diameters.confidence[nodes]) / 2
    typical = float(np.quantile(value, QUANTILE))
    least = min(LEAST_SHARE * typical, float(value.min()))
    model = _model(arc, centreline.junction, typical, least)
    return model.least + model.basis @ _robust_fit(model, nodes, value, error, typical)


def _model(arc: Values, junction: Marks, typical: float, least: float) -> _Model:
    """Return the terms: the diameter at the end, tapers and steps that are added before it."""
    length = float(arc[-1])
    tapers = int(np.clip(round(length / (TAPER_DIAMETERS * typical)), 1, MOST_TAPERS))
    knots = np.linspace(0, length, tapers + 1)
    # A taper's coefficient is the diameter that it takes away, as a step's is.
    falls = [(a, b, STEEPEST * (b - a)) for a, b in pairwise(knots)]
    falls += [(arc[a], arc[b], LARGEST_STEP * typical) for a, b in _inner(junction)]
    terms = [np.ones(len(arc)), *(_fall(arc, start, end) for start, end, _ in falls)]
    penalty = np.zeros((len(terms), len(terms)))
    steps = np.arange(tapers + 1, len(terms))
    penalty[steps, steps] = SMALL
    for one in range(1, tapers):
        penalty[one : one + 2, one : one + 2] += ALIKE * np.array([[1, -1], [-1, 1]])
    most = np.array([np.inf, *(limit for *_, limit in falls)])
    return _Model(least, np.stack(terms, axis=1), most, penalty)


def _fall(arc: Values, start: float, end: float) -> Values:
    """Return 1 before `start`, 0 after `end`, linear in between."""
    return np.clip((end - arc) / max(end - start, 1e-9), 0, 1)


def _inner(junction: Marks) -> list[tuple[int, int]]:
    """Return the points just before and after each run of junction points inside the branch."""
    turns = np.flatnonzero(np.diff(junction.astype(np.int8)))
    if junction[0]:
        turns = turns[1:]
    return [(int(a), int(b) + 1) for a, b in zip(turns[::2], turns[1::2], strict=False)]


def _robust_fit(
    model: _Model, nodes: NDArray[np.intp], value: Values, error: Values, typical: float
) -> Values:
    """Return the coefficients of the healthy diameter through the `value` at `nodes`.

    What is far off is judged relative to the fit: a vessel is uneven in proportion to its width.
    """
    basis = model.basis[nodes]
    above = value - model.least
    fit = _bounded_fit(basis, above, np.ones(len(value)), model)
    for round_ in range(QUANTILE_ROUNDS + AROUND_ROUNDS):
        healthy = np.maximum(model.least + basis @ fit, LEAST_SHARE * typical)
        off = (value - healthy) / healthy
        if round_ < QUANTILE_ROUNDS:
            side = np.where(off > 0, QUANTILE, 1 - QUANTILE)
            trust = side / np.maximum(np.abs(off) / UNEVEN, 1)
        else:
            wider = off[off > 0]
            # What is wider than the fit is healthy: 1.5 times its median is a Gaussian's deviation.
            spread = 1.5 * float(np.sort(wider)[len(wider) // 2]) if len(wider) else 0.0
            spread = min(max(spread, UNEVEN), MOST_SPREAD * UNEVEN)
            trust = np.maximum(1 - (off / (AROUND * spread)) ** 2, 0.0) ** 2
        precision = typical**2 * UNEVEN**2 / (error**2 + (UNEVEN * healthy) ** 2)
        before, fit = fit, _bounded_fit(basis, above, trust * precision, model)
        if round_ > QUANTILE_ROUNDS and np.abs(fit - before).max() < SETTLED * typical:
            break
    return fit


def _bounded_fit(basis: Values, value: Values, weight: Values, model: _Model) -> Values:
    """Return the coefficients, 0 to `model.most`, of the weighted least squares."""
    weighted = basis.T * weight
    gram, target = weighted @ basis + model.penalty, weighted @ value
    gram.flat[:: len(gram) + 1] += 1e-9
    fit: Values = np.asarray(np.linalg.solve(gram, target))
    if ((fit >= 0) & (fit <= model.most)).all():
        return fit
    root = np.linalg.cholesky(gram)
    fit, _ = nnls(root.T, np.linalg.solve(root, target))
    free = np.ones(len(target), dtype=bool)
    while (over := free & (fit > model.most)).any():
        fit[over] = model.most[over]
        free &= ~over
        root = np.linalg.cholesky(gram[np.ix_(free, free)])
        rest = target[free] - gram[np.ix_(free, ~free)] @ fit[~free]
        fit[free], _ = nnls(root.T, np.linalg.solve(root, rest))
    return fit
