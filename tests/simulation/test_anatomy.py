from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from coroseg.errors import ConfigError
from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.branching import continuation
from coroseg.simulation.courses import tangents_of
from coroseg.simulation.scene import Anatomy, Vessel


def _anatomy(seed: int, artery: str, dominance: str = "right", *, lesions: bool = False) -> Anatomy:
    rng = np.random.default_rng(seed)
    return grow_anatomy(rng, artery=artery, dominance=dominance, lesions=lesions)


def _vessels(anatomy: Anatomy) -> dict[str, Vessel]:
    return {vessel.name: vessel for vessel in anatomy.vessels}


@pytest.fixture(scope="module", params=[(0, "LCA"), (1, "LCA"), (2, "RCA"), (3, "RCA")])
def anatomy(request: pytest.FixtureRequest) -> Anatomy:
    return _anatomy(*request.param)


def test_the_same_seed_gives_the_same_tree() -> None:
    one, two = (grow_anatomy(np.random.default_rng(8)) for _ in range(2))
    assert [vessel.name for vessel in one.vessels] == [vessel.name for vessel in two.vessels]
    for a, b in zip(one.vessels, two.vessels, strict=True):
        np.testing.assert_array_equal(a.points_mm, b.points_mm)
        np.testing.assert_array_equal(a.half_axes_mm, b.half_axes_mm)
        assert a.lesions == b.lesions


def test_every_branch_begins_on_a_parent_named_before_it(anatomy: Anatomy) -> None:
    seen: dict[str, Vessel] = {}
    for vessel in anatomy.vessels:
        assert vessel.name not in seen
        if vessel.parent is None:
            assert not seen
        else:
            gaps = np.linalg.norm(seen[vessel.parent].points_mm - vessel.points_mm[0], axis=1)
            assert gaps.min() == pytest.approx(0, abs=1e-9)
            assert vessel.path_mm[0] == pytest.approx(seen[vessel.parent].path_mm[gaps.argmin()])
        seen[vessel.name] = vessel


def test_points_axes_and_radii_keep_the_contract(anatomy: Anatomy) -> None:
    for vessel in anatomy.vessels:
        steps = np.linalg.norm(np.diff(vessel.points_mm, axis=0), axis=1)
        np.testing.assert_allclose(steps, 0.25, rtol=0.1)
        np.testing.assert_allclose(np.diff(vessel.path_mm), steps, rtol=0.1)
        np.testing.assert_allclose(np.linalg.norm(vessel.axis, axis=1), 1)
        tangents = tangents_of(vessel.points_mm)
        np.testing.assert_allclose(np.sum(vessel.axis * tangents, axis=1), 0, atol=1e-9)
        assert (vessel.healthy_radius_mm > 0.05).all()
        np.testing.assert_array_equal(vessel.half_axes_mm[:, 0], vessel.healthy_radius_mm)
        np.testing.assert_array_equal(vessel.half_axes_mm[:, 1], vessel.healthy_radius_mm)


def test_no_vessel_bends_into_itself(anatomy: Anatomy) -> None:
    for vessel in anatomy.vessels:
        turn = np.linalg.norm(np.gradient(tangents_of(vessel.points_mm), axis=0), axis=1) / 0.25
        assert (turn * vessel.healthy_radius_mm).max() < 1.2, vessel.name


def test_the_tree_lies_round_the_isocentre(anatomy: Anatomy) -> None:
    points = np.concatenate([vessel.points_mm for vessel in anatomy.vessels])
    assert np.abs((points.min(axis=0) + points.max(axis=0)) / 2).max() < 30
    assert 60 < np.ptp(points, axis=0).max() < 150


def test_the_great_vessels_have_the_published_diameters() -> None:
    # Dodge et al. 1992, normal men, right dominance (mean, SD): LM 4.5 (0.5), LAD 3.7 (0.4),
    # LCx 3.4 (0.5), RCA 3.9 (0.6).
    left = [_vessels(_anatomy(seed, "LCA")) for seed in range(12)]
    right = [_vessels(_anatomy(seed, "RCA")) for seed in range(12)]
    for name, trees, expected in [
        ("LM", left, 4.5),
        ("LAD", left, 3.7),
        ("LCx", left, 3.4),
        ("RCA", right, 3.9),
    ]:
        widths = [2 * tree[name].healthy_radius_mm[0] for tree in trees]
        assert np.mean(widths) == pytest.approx(expected, abs=0.35), name
        assert 0.1 < np.std(widths) < 0.8


def test_the_left_main_divides_by_the_law() -> None:
    for seed in range(4):
        tree = _vessels(_anatomy(seed, "LCA"))
        daughters = [tree[name] for name in ("LAD", "LCx", "RI") if name in tree]
        total = sum((2 * vessel.healthy_radius_mm[0]) ** (7 / 3) for vessel in daughters)
        assert total ** (3 / 7) == pytest.approx(2 * tree["LM"].healthy_radius_mm[-1], rel=0.02)


def test_the_lad_narrows_by_the_law_at_its_first_diagonal() -> None:
    tree = _vessels(_anatomy(1, "LCA"))
    lad, diagonal = tree["LAD"], tree["D1"]
    at = int(np.argmin(np.linalg.norm(lad.points_mm - diagonal.points_mm[0], axis=1)))
    before = 2 * lad.healthy_radius_mm[at]
    after = 2 * lad.healthy_radius_mm[at + int(before / 0.25) + 1]
    # The taper and a twig may take a little more.
    on = continuation(before, 2 * diagonal.healthy_radius_mm[0])
    assert 0.85 * on < after <= on


SIDES: list[tuple[str, Callable[[Anatomy], bool]]] = [
    ("LAD", lambda a: a.artery == "LCA"),
    ("LCx", lambda a: a.artery == "LCA"),
    ("RCA", lambda a: a.artery == "RCA"),
    ("PDA", lambda a: (a.artery == "LCA") == (a.dominance == "left")),
]


@pytest.mark.parametrize("artery", ["LCA", "RCA"])
@pytest.mark.parametrize("dominance", ["right", "left", "co"])
def test_dominance_says_who_gives_the_posterior_descending(artery: str, dominance: str) -> None:
    anatomy = _anatomy(4, artery, dominance)
    assert (anatomy.artery, anatomy.dominance) == (artery, dominance)
    names = _vessels(anatomy).keys()
    for name, has in SIDES:
        assert (name in names) == has(anatomy), name
    assert ("PLV1" in names) == (artery == ("RCA" if dominance == "right" else "LCA"))


def test_vessels_run_where_they_should() -> None:
    left, right = _anatomy(5, "LCA"), _anatomy(5, "RCA")
    lcx = left.heart.to_scaled(_vessels(left)["LCx"].points_mm[-1])
    assert lcx[1] > 0.6  # round the left ventricle
    lad = left.heart.to_scaled(_vessels(left)["LAD"].points_mm)
    assert lad[:, 0].max() > 0.9  # to the apex
    assert np.abs(lad[:, 1]).max() < 0.45  # along the septum
    rca = right.heart.to_scaled(_vessels(right)["RCA"].points_mm)
    assert rca[:, 1].min() < -0.8  # round the right ventricle
    pda = right.heart.to_scaled(_vessels(right)["PDA"].points_mm)
    assert pda[:, 2].max() < 0  # on the diaphragm


def test_septals_dive_into_the_heart() -> None:
    anatomy = _anatomy(6, "LCA")
    tip = anatomy.heart.to_scaled(_vessels(anatomy)["S1"].points_mm[-1])
    assert np.linalg.norm(tip) < 0.85


def test_patients_differ() -> None:
    lengths = [_vessels(_anatomy(seed, "RCA"))["RCA"].path_mm[-1] for seed in range(8)]
    assert 5 < np.std(lengths) < 30
    kinds = {grow_anatomy(np.random.default_rng(seed)).artery for seed in range(12)}
    assert kinds == {"LCA", "RCA"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"artery": "LAD"}, "artery 'LAD': choose one of LCA, RCA"), ({"dominance": "x"}, "right")],
)
def test_unknown_choices_are_explained(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        grow_anatomy(np.random.default_rng(0), **wrong)
