import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto
from tiny_model import METADATA, write_model

from coroseg.errors import ModelError
from coroseg.segmentation.predictor import BATCH, ModelInfo, Predictor, network_size


def by_hand(image: NDArray[np.float32]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-20 * (0.4 - image.astype(np.float64))))


def smooth_frames(count: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Slow waves, more of them along the columns, so that resampling loses little."""
    y, x = np.mgrid[:rows, :columns]
    phases = np.arange(count)[:, None, None]
    waves = np.sin(2 * np.pi * y / rows + phases) + np.cos(4 * np.pi * x / columns)
    return (0.4 + 0.1 * waves).astype(np.float32)


def test_info_says_which_model_it_is(tiny_model: Path, predictor: Predictor) -> None:
    digest = hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert predictor.info == ModelInfo("tiny", "3", digest, 64)


def test_frames_of_the_networks_own_size_pass_unchanged(predictor: Predictor) -> None:
    frames = np.random.default_rng(0).random((3, 32, 96), dtype=np.float32)
    probability = predictor.predict(frames, input_size=round((32 * 96) ** 0.5))
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability, by_hand(frames), atol=1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(300, 170), (101, 333), (40, 40)])
def test_other_sizes_are_resampled_in_and_out(
    predictor: Predictor, rows: int, columns: int
) -> None:
    frames = smooth_frames(2, rows, columns)
    probability = predictor.predict(frames, input_size=160)
    assert probability.shape == frames.shape
    inside = np.s_[:, 4:-4, 4:-4]
    np.testing.assert_allclose(probability[inside], by_hand(frames)[inside], atol=0.03)


def test_shrinking_averages_and_does_not_drop_pixels(predictor: Predictor) -> None:
    board = (np.indices((128, 256)).sum(axis=0) % 2).astype(np.float32)
    probability = predictor.predict(board[None], input_size=64)
    np.testing.assert_allclose(probability, by_hand(np.float32([0.5]))[0], atol=0.15)


def test_probabilities_stay_within_0_and_1(tmp_path: Path) -> None:
    predictor = Predictor(write_model(tmp_path / "linear.onnx", sigmoid=False))
    frames = np.array([0.0, 0.39, 1.0], np.float32)[:, None, None] * np.ones(
        (1, 40, 50), np.float32
    )
    probability = predictor.predict(frames)
    np.testing.assert_allclose(probability[:, 3, 4], [1, 0.2, 0], atol=1e-5)


@given(rows=st.integers(1, 3000), columns=st.integers(1, 3000), size=st.integers(32, 1024))
def test_network_size_is_the_nearest_in_multiples_of_32(rows: int, columns: int, size: int) -> None:
    scale = size / (rows * columns) ** 0.5
    for got, source in zip(network_size(rows, columns, size), (rows, columns), strict=True):
        wanted = source * scale
        assert got % 32 == 0
        assert abs(got - wanted) <= 16 + 1e-6 or (got == 32 and wanted < 32)


@pytest.mark.parametrize(
    ("rows", "columns", "size", "expected"),
    [(512, 512, 384, (384, 384)), (1024, 512, 362, (512, 256)), (300, 600, 64, (32, 96))],
)
def test_network_size_examples(
    rows: int, columns: int, size: int, expected: tuple[int, int]
) -> None:
    assert network_size(rows, columns, size) == expected


def test_a_run_is_predicted_in_order_and_read_no_further_than_one_batch(
    predictor: Predictor,
) -> None:
    frames = smooth_frames(2 * BATCH + 1, 50, 70)
    read = 0

    def reading() -> Iterator[NDArray[np.float32]]:
        nonlocal read
        for frame in frames:
            read += 1
            yield frame

    expected = predictor.predict(frames)
    for index, (frame, probability) in enumerate(predictor.predict_each(reading())):
        assert read <= index + BATCH
        np.testing.assert_array_equal(frame, frames[index])
        np.testing.assert_allclose(probability, expected[index], atol=1e-6)
    assert read == len(frames)


def test_threads_reach_the_session(tiny_model: Path) -> None:
    options = Predictor(tiny_model, threads=1)._session.get_session_options()
    assert options.intra_op_num_threads == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image": "x"}, r"input is \[x tensor\(float\)"),
        ({"probability": "y"}, r"output is \[y tensor"),
        ({"shape": ("n", 3, "h", "w")}, "not one image"),
        ({"shape": ("n", 1, 64, 64)}, "free"),
        ({"shape": ("h", "w")}, "not one image"),
        ({"dtype": TensorProto.DOUBLE}, r"tensor\(double\)"),
        ({"extra_output": True}, "output is .*logit"),
        ({"metadata": {}}, "lacks name, version, input_size"),
        ({"metadata": METADATA | {"version": ""}}, "lacks version"),
        ({"metadata": METADATA | {"input_size": "384.5"}}, "'384.5'"),
        ({"metadata": METADATA | {"input_size": "0"}}, "'0'"),
    ],
)
def test_a_foreign_model_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    file = write_model(tmp_path / "foreign.onnx", **changes)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=complaint) as caught:
        Predictor(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PNG or so", b"\x08\x0a"])
def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(content)
    with pytest.raises(ModelError, match="cannot load the model") as caught:
        Predictor(file)
    assert "\n" not in str(caught.value)


def test_a_model_cut_short_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    file = tmp_path / "cut.onnx"
    file.write_bytes(tiny_model.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"cut\.onnx"):
        Predictor(file)


@pytest.mark.parametrize("path", ["nowhere/model.onnx", "model.onnx", Path("default")])
def test_a_missing_file_is_named(path: str | Path) -> None:
    with pytest.raises(ModelError, match="cannot read the model: No such file"):
        Predictor(path)


def test_an_unknown_name_is_no_path() -> None:
    with pytest.raises(ModelError, match="no model named 'defualt' in the package"):
        Predictor("defualt")
