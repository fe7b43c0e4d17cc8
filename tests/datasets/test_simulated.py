import json
from pathlib import Path
from typing import Any

import pytest

from coroseg.datasets import simulated
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import DataError

FILES = {"image": "image.png", "mask": "mask.png"}


def write_truth(folder: Path, seed: int, frames: list[dict[str, Any]], **values: Any) -> None:
    folder.mkdir(parents=True)
    truth = {
        "schema": "coroseg-truth-1",
        "request": {"seed": seed},
        "artery": "RCA",
        "spacing_mm": [0.25, 0.3],
        "view": {"primary_deg": -32.5, "secondary_deg": 4.0},
        "truths": frames,
        **values,
    }
    (folder / "truth.json").write_text(json.dumps(truth))


def test_frames_with_vessel_are_rows_of_what_is_known(tmp_path: Path) -> None:
    write_truth(tmp_path / "s" / "10", 10, [{"files": FILES, "mask_px": 7}])
    write_truth(
        tmp_path / "s" / "9",
        9,
        [
            {"files": {"image": "images/001.png", "mask": "masks/001.png"}, "mask_px": 0},
            {"files": {"image": "images/002.png", "mask": "masks/002.png"}, "mask_px": 3},
        ],
        artery="LCA",
        view={"primary_deg": 45.0, "secondary_deg": -30.0},
    )
    write_truth(tmp_path / "s" / "11", 11, [{"files": {"mask": "masks/001.png"}, "mask_px": 3}])
    samples = simulated.build(tmp_path / "s", tmp_path / "lists" / "all.csv")
    shown = [
        (s.image.relative_to(tmp_path / "s").as_posix(), s.patient, s.artery, s.projection)
        for s in samples
    ]
    assert shown == [("9/images/002.png", "9", "LCA", "LAO"), ("10/image.png", "10", "RCA", "RAO")]
    last = samples[-1]
    assert last.mask == tmp_path / "s" / "10" / "mask.png"
    assert (last.primary_angle, last.secondary_angle) == (-32.5, 4)
    assert (last.spacing_row_mm, last.spacing_column_mm) == (0.25, 0.3)
    assert last.dataset == "simulated"
    assert read_manifest(tmp_path / "lists" / "all.csv") == samples


def test_a_folder_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no simulated frames as PNG: make some with"):
        simulated.build(tmp_path, tmp_path / "all.csv")


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "another"}'])
def test_a_broken_truth_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "truth.json").write_text(content)
    with pytest.raises(DataError, match=r"4.truth\.json: is no truth"):
        simulated.build(tmp_path, tmp_path / "all.csv")
