"""A coronary tree drawn at random: planned by `trees`, grown by `courses` and `branching`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from coroseg.errors import ConfigError
from coroseg.simulation.branching import calibre
from coroseg.simulation.courses import Course, plot_course, unit
from coroseg.simulation.heart import Heart
from coroseg.simulation.lesions import add_drawn_lesions
from coroseg.simulation.plan import Plan
from coroseg.simulation.scene import Anatomy, Array, Vessel
from coroseg.simulation.trees import left_tree, right_tree

_ARTERIES = {"LCA": 0.6, "RCA": 0.4}
_DOMINANCES = {"right": 0.82, "left": 0.09, "co": 0.09}
_TREES = {"LCA": left_tree, "RCA": right_tree}
_OFF_CENTRE_MM = 6.0
_SHORT_TWIGS = 0.7  # of all twigs; a tree of these only looks bare
_THINNEST_MM = 0.4  # at its origin; thinner branches are left out


def grow_anatomy(
    rng: Generator,
    *,
    artery: str | None = None,
    dominance: str | None = None,
    lesions: bool = True,
) -> Anatomy:
    """Return a random coronary tree at end-diastole, its middle near the isocentre.

    Twigs are named after their parent: `D1.1`, `D1.2`. For lesions of a chosen degree grow the
    tree without and use `lesions.add_lesions`. Raise ConfigError for an unknown artery (LCA, RCA)
    or dominance (right, left, co).
    """
    artery = _chosen(rng, "artery", artery, _ARTERIES)
    dominance = _chosen(rng, "dominance", dominance, _DOMINANCES)
    heart = Heart.drawn(rng)
    vessels = _grow(rng, heart, _TREES[artery](rng, heart, dominance))
    everything = np.concatenate([vessel.points_mm for vessel in vessels])
    middle = (everything.min(axis=0) + everything.max(axis=0)) / 2
    shift = rng.normal(0.0, _OFF_CENTRE_MM, 3) - middle
    anatomy = Anatomy(
        artery,
        dominance,
        tuple(replace(vessel, points_mm=vessel.points_mm + shift) for vessel in vessels),
        replace(heart, centre_mm=(float(shift[0]), float(shift[1]), float(shift[2]))),
    )
    return add_drawn_lesions(rng, anatomy) if lesions else anatomy


def _chosen(rng: Generator, what: str, value: str | None, choices: dict[str, float]) -> str:
    if value is None:
        return str(rng.choice(list(choices), p=list(choices.values())))
    if value not in choices:
        raise ConfigError(f"{what} {value!r}: choose one of {', '.join(choices)}")
    return value


def _grow(rng: Generator, heart: Heart, plans: Sequence[Plan]) -> list[Vessel]:
    """Return the planned vessels and their twigs, parents before children."""
    courses: dict[str, Course] = {}
    grown: dict[str, Vessel] = {}
    waiting = deque(plan for plan in plans if plan.parent is None)
    while waiting:
        plan = waiting.popleft()
        mother = grown.get(plan.parent) if plan.parent else None
        origin = _leaving_index(plan, courses[plan.parent]) if plan.parent else 0
        course = _course(rng, heart, plan, courses[plan.parent] if plan.parent else None)
        children = [child for child in plans if child.parent == plan.name]
        children += _twigs(rng, heart, plan, course)
        places = [_leaving_index(child, course) for child in children]
        order = [int(k) for k in np.argsort(places, kind="stable")]
        last = len(course.arc_mm) - 1
        sideways = [k for k in order if places[k] < last]
        diameters, given = calibre(
            course.arc_mm,
            plan.diameter_mm,
            plan.tip,
            [
                (float(course.arc_mm[places[k]]), children[k].diameter_mm, children[k].widest)
                for k in sideways
            ],
            fades=len(sideways) == len(order),
        )
        widths = dict(zip(sideways, given, strict=True))
        waiting.extend(
            replace(children[k], diameter_mm=widths.get(k, children[k].diameter_mm))
            for k in order
            if widths.get(k, _THINNEST_MM) >= _THINNEST_MM
        )
        courses[plan.name] = course
        grown[plan.name] = _vessel(
            rng, plan, course, diameters, mother.path_mm[origin] if mother else 0.0
        )
    return list(grown.values())


def _course(rng: Generator, heart: Heart, plan: Plan, parent: Course | None) -> Course:
    """Return the planned vessel's course, from its place on the parent's."""
    if parent is None:
        return plot_course(rng, heart, plan.waypoints, None, plan.waviness_mm)
    index = _leaving_index(plan, parent)
    start, along = parent.points_mm[index], parent.tangents[index]
    goal = heart.to_patient(plan.waypoints[0]) - start
    sideways = unit(goal - (goal @ along) * along)
    angle = np.radians(plan.angle_deg)
    leaving = np.cos(angle) * along + np.sin(angle) * sideways
    waypoints = np.concatenate([heart.to_scaled(start)[None], plan.waypoints])
    return plot_course(rng, heart, waypoints, leaving, plan.waviness_mm)


def _leaving_index(plan: Plan, parent: Course) -> int:
    return min(int(np.searchsorted(parent.waypoint, plan.at)), len(parent.waypoint) - 1)


def _twigs(rng: Generator, heart: Heart, plan: Plan, course: Course) -> list[Plan]:
    """Return small branches over the heart's surface, to both sides; a few are not so small."""
    count = rng.poisson(plan.twigs * course.arc_mm[-1] / 100)
    twigs = []
    for number in range(1, count + 1):
        index = int(rng.uniform(0.1, 0.95) * len(course.arc_mm))
        start, along = course.points_mm[index], course.tangents[index]
        outward = unit(start - np.array(heart.centre_mm))
        side = rng.choice([-1.0, 1.0]) * unit(np.cross(outward, along))
        angle = rng.uniform(40, 75)
        bent = np.radians(0.7 * angle)  # it leaves steeply, then turns along its parent
        towards = np.cos(bent) * along + np.sin(bent) * side
        length = rng.uniform(8, 22) if rng.random() < _SHORT_TWIGS else rng.uniform(20, 40)
        end = heart.to_scaled(start + length * towards)
        end *= np.linalg.norm(heart.to_scaled(start)) / np.linalg.norm(end)
        twigs.append(
            Plan(
                f"{plan.name}.{number}",
                plan.name,
                end[None],
                diameter_mm=0.35 + 0.02 * length * rng.uniform(0.6, 1.2),
                at=float(course.waypoint[index]),
                angle_deg=angle,
                waviness_mm=plan.waviness_mm,
                widest=0.4,
            )
        )
    return twigs


def _vessel(rng: Generator, plan: Plan, course: Course, diameters: Array, path_mm: float) -> Vessel:
    turn = rng.uniform(0.0, np.pi)
    across = np.cross(course.tangents, course.normals)
    radius = diameters / 2
    return Vessel(
        name=plan.name,
        parent=plan.parent,
        points_mm=course.points_mm,
        axis=np.cos(turn) * course.normals + np.sin(turn) * across,
        half_axes_mm=np.stack([radius, radius], axis=1),
        healthy_radius_mm=radius,
        path_mm=path_mm + course.arc_mm,
    )
