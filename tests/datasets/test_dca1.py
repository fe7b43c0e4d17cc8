import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from coroseg.datasets import dca1
from coroseg.datasets.check import check_manifest
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import DataError


def test_the_layout_of_the_release(
    tmp_path: Path, save_image: Callable[..., None], save_mask: Callable[..., None]
) -> None:
    for number in (1, 2, 10):
        save_image(tmp_path / f"{number}.pgm", number)
        save_mask(tmp_path / f"{number}_gt.pgm")
    samples = dca1.build(tmp_path, tmp_path / "dca1.csv")
    assert [(s.image.name, s.mask.name, s.group, s.dataset) for s in samples] == [
        (f"{number}.pgm", f"{number}_gt.pgm", None, "dca1") for number in (1, 2, 10)
    ]
    assert check_manifest(tmp_path / "dca1.csv").ok


@pytest.fixture
def grouped(tmp_path: Path) -> Path:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for name in ("a.png", "b.png", "c.png"):
            (tmp_path / folder / name).touch()
    return tmp_path


def test_the_groups_are_taken_over(grouped: Path) -> None:
    (grouped / "groups.csv").write_text("image,group\nc.png,7\na.png,7\nb.png,x\nother.png,9\n")
    samples = dca1.build(grouped, grouped / "dca1.csv")
    assert [s.group for s in samples] == ["7", "x", "7"]
    assert len({s.unit for s in samples}) == 2
    assert read_manifest(grouped / "dca1.csv") == samples


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,group\na.png,7\nb.png,\n", r"no group for 2 image\(s\): b.png"),
        ("image,run\na.png,7\n", "no column 'group'"),
        ('image,group\n"a.png,7\n', "cannot be read"),
    ],
)
def test_bad_groups_are_refused(text: str, message: str, grouped: Path) -> None:
    (grouped / "groups.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        dca1.build(grouped, grouped / "dca1.csv")


@pytest.mark.real
def test_the_real_data_set(real_data: Path, tmp_path: Path) -> None:
    samples = dca1.build(real_data / "dca1", tmp_path / "dca1.csv")
    with (real_data / "dca1" / "groups.csv").open(newline="") as file:
        groups = {row["image"]: row["group"] for row in csv.DictReader(file)}
    assert {s.image.name: s.group for s in samples} == groups
    assert len(samples) == 40
    report = check_manifest(tmp_path / "dca1.csv")
    assert report.problems == ()
    assert 0.03 < min(report.vessel_fractions) < max(report.vessel_fractions) < 0.1
