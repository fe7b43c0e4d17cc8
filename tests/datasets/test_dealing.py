from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroseg.datasets.dealing import Unit, deal
from coroseg.datasets.manifest import Sample

ARTERIES = st.sampled_from(["LCA", "RCA", None])
UNITS = st.lists(st.lists(ARTERIES, min_size=1, max_size=9), min_size=1, max_size=40)
SHARES = st.integers(2, 8).map(lambda count: [1 / count] * count) | st.floats(0.02, 0.98).map(
    lambda share: [share, 1 - share]
)


def _units(arteries: list[list[str | None]]) -> list[Unit]:
    return [
        [Sample(Path(f"/{u}-{n}"), Path("/m"), artery=artery) for n, artery in enumerate(unit)]
        for u, unit in enumerate(arteries)
    ]


@settings(max_examples=60, deadline=None)
@given(UNITS, SHARES)
def test_no_part_is_further_from_its_share_than_the_largest_unit(
    arteries: list[list[str | None]], shares: list[float]
) -> None:
    units = _units(arteries)
    parts = deal(units, shares)
    dealt = [unit for part in parts for unit in part]
    assert sorted(map(id, dealt)) == sorted(map(id, units))
    total = sum(map(len, units))
    for part, share in zip(parts, shares, strict=True):
        assert abs(sum(map(len, part)) - share * total) <= max(map(len, units)) + 1e-9


@settings(max_examples=60, deadline=None)
@given(UNITS, SHARES)
def test_no_part_is_empty_where_there_are_units_enough(
    arteries: list[list[str | None]], shares: list[float]
) -> None:
    parts = deal(_units(arteries), shares)
    assert sum(map(bool, parts)) == min(len(shares), len(arteries))


def test_a_small_part_is_not_given_a_large_unit() -> None:
    parts = deal(_units([[None] * size for size in (7, 7, 5, 3, 1, 1, 1)]), [0.95, 0.05])
    assert [len(unit) for unit in parts[1]] == [1]


@settings(max_examples=50, deadline=None)
@given(st.lists(ARTERIES, min_size=1, max_size=200), SHARES)
def test_arteries_of_single_images_are_dealt_as_evenly_as_numbers_allow(
    arteries: list[str | None], shares: list[float]
) -> None:
    parts = deal(_units([[artery] for artery in arteries]), shares)
    for artery, number in Counter(arteries).items():
        for part, share in zip(parts, shares, strict=True):
            held = sum(sample.artery == artery for unit in part for sample in unit)
            assert abs(held - share * number) < 2


@pytest.mark.parametrize("count", [2, 4])
def test_patients_with_one_artery_each_do_not_gather_in_one_part(count: int) -> None:
    parts = deal(_units([["LCA"] * 3] * 8 + [["RCA"] * 3] * 4), [1 / count] * count)
    for part in parts:
        assert Counter(unit[0].artery for unit in part) == {"LCA": 8 / count, "RCA": 4 / count}
