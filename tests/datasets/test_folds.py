from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.datasets.folds import group_folds
from coroseg.datasets.manifest import Sample
from coroseg.errors import DataError


def _samples(groups: list[str | None]) -> list[Sample]:
    return [
        Sample(Path(f"/{n}.png"), Path(f"/{n}-mask.png"), group=group)
        for n, group in enumerate(groups)
    ]


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d", "e", None]), min_size=1, max_size=40),
    st.integers(1, 6),
)
def test_every_sample_is_in_one_fold_and_no_unit_in_two(
    groups: list[str | None], count: int
) -> None:
    samples = _samples(groups)
    units = {sample.unit for sample in samples}
    if count > len(units):
        with pytest.raises(DataError, match=f"{count} folds"):
            group_folds(samples, count)
        return
    folds = group_folds(samples, count)
    assert len(folds) == count
    assert sorted(sample.image for fold in folds for sample in fold) == sorted(
        sample.image for sample in samples
    )
    assert sum(len({sample.unit for sample in fold}) for fold in folds) == len(units)


def test_folds_differ_by_no_more_than_the_largest_unit() -> None:
    samples = _samples(["a"] * 5 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2 + [None] * 7)
    sizes = [len(fold) for fold in group_folds(samples, 4)]
    assert sizes == [5, 5, 5, 5]


def test_folds_depend_on_the_samples_and_not_on_their_order() -> None:
    samples = _samples(["a", "a", "b", "c", "c", None, None])
    forward = [{s.image for s in fold} for fold in group_folds(samples, 3)]
    backward = [{s.image for s in fold} for fold in group_folds(samples[::-1], 3)]
    assert forward == backward
