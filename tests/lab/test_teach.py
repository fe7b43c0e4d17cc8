import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import coroseg.lab.teach as lab_teach
from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import read_manifest
from coroseg.errors import OutputError
from coroseg.io.masks import read_probability
from coroseg.lab.config import Source
from coroseg.lab.data import VesselImages, read_sources
from coroseg.lab.teach import teach
from coroseg.segmentation.predictor import Predictor
from segmentation.tiny_model import METADATA, MIDDLE, STEEPNESS, write_model


@pytest.fixture
def teachers(tmp_path: Path) -> list[Predictor]:
    """Two models: one of the logit 20 (0.4 - image), one that says it without the sigmoid."""
    other = write_model(tmp_path / "b.onnx", sigmoid=False, metadata=METADATA | {"version": "4"})
    return [Predictor(write_model(tmp_path / "a.onnx"), threads=1), Predictor(other, threads=1)]


def test_what_is_stored_is_the_mean_over_models_and_sizes(
    make_data: Callable[..., Path], tmp_path: Path, teachers: list[Predictor]
) -> None:
    manifest = make_data(3, (64, 96))
    out = tmp_path / "elsewhere" / "taught.csv"
    assert teach(manifest, out, teachers, [None, 96]) == 3
    before, after = read_manifest(manifest), read_manifest(out)
    assert [replace(sample, probability=None) for sample in after] == before
    for sample in after:
        assert sample.probability is not None
        expected = np.zeros((64, 96))
        for columns, rows in ((64, 64), (128, 64)):  # of the areas 64 ** 2 and 96 ** 2
            way = cv2.INTER_AREA if columns * rows < 64 * 96 else cv2.INTER_LINEAR
            given = cv2.resize(read_image(sample.image), (columns, rows), interpolation=way)
            logit = STEEPNESS * (MIDDLE - given)
            for map_ in (1 / (1 + np.exp(-logit)), logit):
                expected += np.clip(cv2.resize(map_, (96, 64)), 0, 1) / 4
        np.testing.assert_allclose(read_probability(sample.probability), expected, atol=0.6 / 255)
    assert {p.name for p in out.parent.iterdir()} == {"taught", "taught.csv"}
    # It can be trained on at once.
    portions = read_sources([Source(manifest=out, taught=0.7)])
    assert len(VesselImages(portions, 64)) == 3


def test_an_interrupted_teaching_goes_on(
    make_data: Callable[..., Path],
    tmp_path: Path,
    teachers: list[Predictor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest, out = make_data(4), tmp_path / "taught.csv"
    whole = tmp_path / "whole.csv"
    teach(manifest, whole, teachers, [None])
    seen: list[int] = []
    mean = lab_teach.mean_probability

    def stops_at_the_third(*arguments: object) -> object:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return mean(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lab_teach, "mean_probability", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        teach(manifest, out, teachers, [None])
    assert not out.exists()
    teach(manifest, out, teachers, [None])
    assert len(seen) == 3 + 2
    for k in range(4):
        name = f"{k:05}.png"
        assert (out.with_suffix("") / name).read_bytes() == (
            whole.with_suffix("") / name
        ).read_bytes()


def test_a_folder_of_other_files_is_left_alone(
    make_data: Callable[..., Path], tmp_path: Path, teachers: list[Predictor]
) -> None:
    manifest = make_data(2)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "00000.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="masks: holds other files: choose another --out"):
        teach(manifest, tmp_path / "masks.csv", teachers, [None])
    assert [path.read_bytes() for path in (tmp_path / "masks").iterdir()] == [b"mine"]


def test_what_other_models_or_sizes_said_is_not_mixed_in(
    make_data: Callable[..., Path], tmp_path: Path, teachers: list[Predictor]
) -> None:
    manifest, out = make_data(2), tmp_path / "taught.csv"
    teach(manifest, out, teachers, [64])
    kept = {path: path.read_bytes() for path in out.with_suffix("").iterdir()}
    for predictors, sizes in ((teachers[:1], [64]), (teachers, [96]), (teachers[::-1], [64])):
        with pytest.raises(OutputError, match="taught: holds the probabilities of other models"):
            teach(manifest, out, predictors, sizes)
    with pytest.raises(OutputError, match="other models, sizes or images"):
        teach(make_data(2, name="other"), out, teachers, [64])
    assert {path: path.read_bytes() for path in out.with_suffix("").iterdir()} == kept
    record = json.loads((out.with_suffix("") / "teachers.json").read_text())
    assert record["models"] == [teacher.info.sha256 for teacher in teachers]
