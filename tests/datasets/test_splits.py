import hashlib
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coroseg.datasets.manifest import Sample
from coroseg.datasets.splits import (
    PARTS,
    Fold,
    Split,
    make_split,
    read_split,
    split_sha256,
    write_split,
)
from coroseg.errors import ConfigError, DataError

ARTERIES = [None, "LCA", "RCA"]


def _samples(patients: list[str | None], seed: int = 0) -> list[Sample]:
    arteries = np.random.default_rng(seed).choice(ARTERIES, len(patients))
    return [
        Sample(Path(f"/data/{n}.png"), Path(f"/masks/{n}.png"), patient=patient, artery=artery)
        for n, (patient, artery) in enumerate(zip(patients, arteries, strict=True))
    ]


def _paper_samples(seed: int) -> list[Sample]:
    """Return a manifest of the paper's shape: 616 images, 210 patients of 1 to 7, 405 LCA."""
    random_ = np.random.default_rng(seed)
    numbers = np.ones(210, dtype=int)
    while numbers.sum() < 616:
        numbers[random_.choice(np.flatnonzero(numbers < 7))] += 1
    patients = np.repeat(np.arange(210), numbers)
    # Half of the manifests have patients with one artery, but for one; half mix them.
    arteries = ["LCA"] * 405 + ["RCA"] * 211
    if seed % 2:
        random_.shuffle(arteries)
    return [
        Sample(Path(f"/d/{n}.png"), Path(f"/m/{n}.png"), patient=f"P{patient}", artery=artery)
        for n, (patient, artery) in enumerate(zip(patients, arteries, strict=True))
    ]


def _parts(fold: Fold) -> list[tuple[Sample, ...]]:
    return [getattr(fold, part) for part in PARTS]


def _check_whole_and_unmixed(split: Split, samples: list[Sample]) -> None:
    for fold in split.folds:
        assert sorted(s.image for part in _parts(fold) for s in part) == sorted(
            s.image for s in samples
        )
        units = [{sample.unit for sample in part} for part in _parts(fold)]
        assert all(units)
        assert len(set.union(*units)) == sum(map(len, units))


@pytest.mark.parametrize("seed", range(4))
def test_the_papers_manifest_gives_the_papers_numbers(seed: int) -> None:
    samples = _paper_samples(seed)
    largest = max(Counter(sample.patient for sample in samples).values())
    split = make_split(samples, scheme="paper", folds=10, seed=seed)
    _check_whole_and_unmixed(split, samples)
    for fold in split.folds:
        sizes = [len(part) for part in _parts(fold)]
        assert np.abs(np.subtract(sizes, (437, 49, 130))).max() <= min(largest, 2)
        for part in _parts(fold):
            lca = sum(sample.artery == "LCA" for sample in part)
            assert abs(lca - len(part) * 405 / 616) <= 3


PATIENTS = st.lists(st.sampled_from([*"abcdefgh", None]), min_size=12, max_size=50).filter(
    lambda patients: len(set(patients)) > 6
)


@settings(max_examples=50, deadline=None)
@given(PATIENTS, st.integers(2, 5), st.integers(0, 99))
def test_paper_has_one_test_set_and_every_other_image_in_validation_once(
    patients: list[str | None], folds: int, seed: int
) -> None:
    samples = _samples(patients)
    try:
        split = make_split(samples, scheme="paper", folds=folds, seed=seed)
    except DataError as error:  # large patients may leave too few beside the test set
        assert "remain beside the test set" in str(error)  # noqa: PT017
        return
    _check_whole_and_unmixed(split, samples)
    assert len({fold.test for fold in split.folds}) == 1
    validated = [sample for fold in split.folds for sample in fold.validation]
    rest = set(samples) - set(split.folds[0].test)
    assert Counter(validated) == dict.fromkeys(rest, 1)
    largest = max(Counter(sample.unit for sample in samples).values())
    assert abs(len(split.folds[0].test) - len(samples) * 130 / 616) <= largest
    for fold in split.folds:
        assert abs(len(fold.validation) - len(rest) / folds) <= largest


@settings(max_examples=50, deadline=None)
@given(PATIENTS, st.integers(2, 5), st.integers(0, 99))
def test_rotate_tests_every_image_once(patients: list[str | None], folds: int, seed: int) -> None:
    samples = _samples(patients)
    try:
        split = make_split(
            samples, scheme="rotate", folds=folds, validation_fraction=0.3, seed=seed
        )
    except DataError as error:
        assert "ask for more folds" in str(error)  # noqa: PT017
        return
    _check_whole_and_unmixed(split, samples)
    assert Counter(s for fold in split.folds for s in fold.test) == dict.fromkeys(samples, 1)
    largest = max(Counter(sample.unit for sample in samples).values())
    for fold in split.folds:
        assert abs(len(fold.test) - len(samples) / folds) <= largest
        others = len(samples) - len(fold.test)
        assert abs(len(fold.validation) - 0.3 * others) <= largest


def test_no_two_folds_of_rotate_choose_by_the_same_validation_set() -> None:
    split = make_split(_samples([None] * 100), scheme="rotate", folds=4)
    assert len({fold.validation for fold in split.folds}) == 4


@settings(max_examples=20, deadline=None)
@given(PATIENTS, st.sampled_from(["paper", "rotate"]), st.randoms(use_true_random=False))
def test_a_split_depends_on_seed_and_names_and_not_on_order_or_place(
    patients: list[str | None], scheme: Any, random_: random.Random
) -> None:
    samples = _samples(patients + [None] * 20)
    moved = [replace(sample, image=Path("/else") / sample.image.name) for sample in samples]
    random_.shuffle(moved)
    first, second = (make_split(s, scheme=scheme, folds=3, seed=5) for s in (samples, moved))
    assert split_sha256(first) == split_sha256(second)
    assert first == make_split(samples, scheme=scheme, folds=3, seed=5)


def test_another_seed_is_another_split() -> None:
    samples = _samples([None] * 60)
    seeds = [make_split(samples, scheme="rotate", folds=3, seed=seed) for seed in range(5)]
    assert len({split.folds[0].test for split in seeds}) == 5


def test_twelve_images_and_two_folds_are_enough() -> None:
    for scheme in ("paper", "rotate"):
        _check_whole_and_unmixed(
            make_split(samples := _samples([None] * 12), scheme=scheme, folds=2), samples
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "rotate", "folds": 7}, r"folds is 7: there are 6 patients: ask for fewer"),
        ({"scheme": "paper", "folds": 6}, r"folds is 6 and test_fraction is 0.211: \d patients of"),
        ({"scheme": "paper", "folds": 2, "test_fraction": 0.9}, r"is 0.9: 1 patients of 6 remain"),
    ],
)
def test_too_few_patients_are_refused_in_one_line(settings: Any, message: str) -> None:
    samples = _samples([*"aaaaaabbbbbccccdddef"])
    with pytest.raises(DataError, match=message) as caught:
        make_split(samples, **settings)
    assert "\n" not in str(caught.value)


def test_a_fold_with_one_patient_beside_its_test_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"fold 1 has 1 patients beside .* ask for more folds"):
        make_split(_samples([*"aaaab"]), scheme="rotate", folds=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scheme": "paper", "folds": 1}, "folds is 1"),
        ({"scheme": "paper", "folds": 3, "test_fraction": 1.0}, "test_fraction is 1.0"),
        ({"scheme": "rotate", "folds": 3, "validation_fraction": 0.0}, "validation_fraction is 0"),
        ({"scheme": "rotated", "folds": 3}, "scheme is 'rotated'"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_split(_samples([None] * 20), **settings)


@pytest.fixture
def samples() -> list[Sample]:
    return _samples([f"P{n % 12}" for n in range(40)])


@pytest.fixture
def path(samples: list[Sample], tmp_path: Path) -> Path:
    path = tmp_path / "new" / "split.json"
    write_split(path, make_split(samples, scheme="rotate", folds=3, seed=7))
    return path


def _rewrite(path: Path, change: dict[str, Any]) -> None:
    """Put `change` into the file with a hash that fits, as only a program would."""
    content = {**json.loads(path.read_text()), **change}
    del content["sha256"]
    path.write_text(json.dumps({**content, "sha256": _sha256(content)}))


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def test_a_split_comes_back_from_its_file(path: Path, samples: list[Sample]) -> None:
    split = read_split(path, samples[::-1])
    assert split == make_split(samples, scheme="rotate", folds=3, seed=7)
    assert split_sha256(path) == split_sha256(split)
    assert [split.names[split.name_of(sample)] for sample in samples] == samples
    assert "/data" not in path.read_text()


def test_the_file_says_what_is_in_every_part(path: Path, samples: list[Sample]) -> None:
    content = json.loads(path.read_text())
    assert content["schema_version"] == 1
    assert (content["scheme"], content["seed"]) == ("rotate", 7)
    assert content["counts"]["images"] == 40
    assert content["counts"]["units"] == {"patient": 12}
    names = [n for fold in content["folds"] for n in fold["test"]]
    assert sorted(names) == sorted(sample.image.stem for sample in samples)
    for fold in content["folds"]:
        for part in PARTS:
            counts = fold["counts"][part]
            assert counts["images"] == len(fold[part]) == sum(counts["arteries"].values())


def test_an_edited_file_is_refused(path: Path, samples: list[Sample]) -> None:
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    for read in (split_sha256, lambda path: read_split(path, samples)):
        with pytest.raises(DataError, match=r"split\.json: .* edited or damaged: bring"):
            read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "3", '{"sha256": "0"'])
def test_a_file_that_is_no_split_is_refused(path: Path, samples: list[Sample], text: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError, match=r"split\.json: cannot be read as a split"):
        read_split(path, samples)
    path.unlink()
    with pytest.raises(DataError, match=r"split\.json: cannot be read as a split"):
        split_sha256(path)


def test_a_file_of_another_version_or_without_folds_is_refused(
    path: Path, samples: list[Sample]
) -> None:
    _rewrite(path, {"folds": [{"train": []}]})
    with pytest.raises(DataError, match="cannot be read as a split"):
        read_split(path, samples)
    _rewrite(path, {"schema_version": 2})
    with pytest.raises(DataError, match="a split of version 2, this coroseg reads 1"):
        read_split(path, samples)


def test_other_images_than_those_of_the_split_are_refused(
    path: Path, samples: list[Sample]
) -> None:
    more = [*samples, Sample(Path("/data/new.png"), Path("/masks/new.png"))]
    with pytest.raises(DataError, match=r"fold 1: 1 image\(s\) are not in it \(new\)"):
        read_split(path, more)
    with pytest.raises(DataError, match=r"fold 1: 2 image\(s\) are no longer .* \(0\)"):
        read_split(path, samples[2:])


def test_an_image_in_two_parts_is_refused(path: Path, samples: list[Sample]) -> None:
    folds = json.loads(path.read_text())["folds"]
    name = folds[1]["test"][0]
    folds[1]["train"].append(name)
    _rewrite(path, {"folds": folds})
    with pytest.raises(DataError, match=rf"fold 2: 1 image\(s\) are in it twice \({name}\)"):
        read_split(path, samples)


def test_a_patient_in_two_parts_is_refused(path: Path, samples: list[Sample]) -> None:
    fold = read_split(path, samples).folds[0]
    same = {fold.train[0], fold.test[0]}
    leaking = [replace(s, patient="one and the same") if s in same else s for s in samples]
    with pytest.raises(DataError, match=r"leak: the patient one and the same is in train and in"):
        read_split(path, leaking)


def test_patients_that_changed_without_a_leak_are_refused(
    path: Path, samples: list[Sample]
) -> None:
    own = [replace(sample, patient=sample.image.stem) for sample in samples]
    with pytest.raises(DataError, match="patients, groups or arteries are not those"):
        read_split(path, own)
