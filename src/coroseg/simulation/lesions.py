"""Narrowings of the lumen.

With w the profile (1 + cos) / 2 along the lesion (1 at its middle, 0 at its ends), r the healthy
radius, DS the diameter stenosis and e the eccentricity, the half axes are r (1 - DS (1 + k) w) and
r (1 - DS (1 - k) w), where k = min(1, e (1 - DS) / DS). Hence at the middle their mean is
r (1 - DS), and their difference over their sum is e, but for the limit k = 1: plaque never widens
the lumen. DS 1 is an occlusion: the lumen, and the vessel, ends there, and what leaves beyond it is
not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from coroseg.errors import ConfigError
from coroseg.simulation.scene import Anatomy, Array, Lesion, Vessel

_NARROWEST_MM = 1.5  # a lesion begins in vessels at least this wide
_END_OF_LUMEN = 0.02  # of the healthy diameter: an occluded vessel ends here
_OCCLUSIONS = 0.02
_DETOUR_MM = 0.5  # how far from a vessel's end a branch may still leave it


def add_drawn_lesions(rng: np.random.Generator, anatomy: Anatomy) -> Anatomy:
    """Return the anatomy with as many and as tight lesions as patients have: none to five."""
    count = int(rng.choice(6, p=[0.3, 0.25, 0.2, 0.12, 0.08, 0.05]))
    drawn = np.where(rng.random(count) < _OCCLUSIONS, 1.0, 0.1 + 0.87 * rng.beta(1.6, 1.6, count))
    return add_lesions(rng, anatomy, drawn.tolist())


def add_lesions(rng: np.random.Generator, anatomy: Anatomy, stenoses: Sequence[float]) -> Anatomy:
    """Return the anatomy with a lesion, somewhere, of each diameter stenosis (0 to 1).

    They lie where the lumen is 1.5 mm or wider, clear of each other. Raise ConfigError for a
    stenosis out of range and where there is no room left.
    """
    lesions: dict[str, list[Lesion]] = {v.name: list(v.lesions) for v in anatomy.vessels}
    for stenosis in stenoses:
        length = float(np.clip(rng.lognormal(np.log(10.0), 0.4), 4.0, 25.0))
        eccentricity = rng.uniform(0.0, 0.6)
        rooms = [
            (vessel, _room(vessel, lesions[vessel.name], length)) for vessel in anatomy.vessels
        ]
        places = [(vessel.name, float(at)) for vessel, room in rooms for at in room]
        if not places:
            raise ConfigError(
                f"lesions {list(stenoses)}: no room for so many in one tree; ask for fewer"
            )
        name, middle = places[rng.integers(len(places))]
        lesions[name].append(Lesion(middle, length, float(stenosis), float(eccentricity)))
    return narrowed(anatomy, lesions)


def narrowed(anatomy: Anatomy, lesions: dict[str, list[Lesion]]) -> Anatomy:
    """Return the anatomy with exactly these lesions, by the vessel's name.

    Raise ConfigError for a stenosis or an eccentricity out of range.
    """
    kept: dict[str, Vessel] = {}
    for vessel in anatomy.vessels:
        parent = kept.get(vessel.parent) if vessel.parent else None
        if vessel.parent and (parent is None or not _leaves(vessel, parent)):
            continue
        kept[vessel.name] = narrow(vessel, lesions.get(vessel.name, []))
    return replace(anatomy, vessels=tuple(kept.values()))


def narrow(vessel: Vessel, lesions: Sequence[Lesion]) -> Vessel:
    """Return the vessel with exactly these lesions; the first half axis is the shorter."""
    arc = arc_mm(vessel)
    narrowing = np.zeros((len(arc), 2))
    for lesion in lesions:
        _check(vessel.name, lesion)
        off = np.clip((arc - lesion.middle_mm) / lesion.length_mm, -0.5, 0.5)
        profile = lesion.diameter_stenosis * (1 + np.cos(2 * np.pi * off)) / 2
        uneven = _unevenness(lesion)
        narrowing += profile[:, None] * [1 + uneven, 1 - uneven]
    half_axes = vessel.healthy_radius_mm[:, None] * (1 - np.minimum(narrowing, 1.0))
    shut = [lesion.middle_mm for lesion in lesions if lesion.diameter_stenosis == 1]
    end = len(arc)
    if shut:
        closed = half_axes.min(axis=1) < _END_OF_LUMEN * vessel.healthy_radius_mm
        end = max(2, int(np.argmax(closed | (arc >= min(shut)))))
    return replace(
        vessel,
        points_mm=vessel.points_mm[:end],
        axis=vessel.axis[:end],
        half_axes_mm=half_axes[:end],
        healthy_radius_mm=vessel.healthy_radius_mm[:end],
        path_mm=vessel.path_mm[:end],
        lesions=tuple(sorted(lesions, key=lambda lesion: lesion.middle_mm)),
    )


def arc_mm(vessel: Vessel) -> Array:
    """Return the arc length (n,) from the vessel's start."""
    arc: Array = vessel.path_mm - vessel.path_mm[0]
    return arc


def _unevenness(lesion: Lesion) -> float:
    """Return k of the module's text."""
    stenosis = lesion.diameter_stenosis
    if stenosis == 0:
        return 0.0
    return min(1.0, lesion.eccentricity * (1 - stenosis) / stenosis)


def _room(vessel: Vessel, lesions: Sequence[Lesion], length_mm: float) -> Array:
    """Return the arc lengths at which a lesion may have its middle."""
    arc = arc_mm(vessel)
    free = (arc >= length_mm / 2) & (arc <= arc[-1] - length_mm / 2)
    free &= 2 * vessel.healthy_radius_mm >= _NARROWEST_MM
    for lesion in lesions:
        free &= np.abs(arc - lesion.middle_mm) >= (lesion.length_mm + length_mm) / 2
    room: Array = arc[free]
    return room


def _leaves(child: Vessel, parent: Vessel) -> bool:
    """Return whether the parent's lumen reaches the place where the child leaves it."""
    return bool(parent.path_mm[-1] >= child.path_mm[0] - _DETOUR_MM)


def _check(name: str, lesion: Lesion) -> None:
    if not 0 <= lesion.diameter_stenosis <= 1:
        raise ConfigError(
            f"{name}: diameter stenosis {lesion.diameter_stenosis:g}: give a share from 0 to 1"
        )
    if not 0 <= lesion.eccentricity < 1:
        raise ConfigError(f"{name}: eccentricity {lesion.eccentricity:g}: give 0 to less than 1")
