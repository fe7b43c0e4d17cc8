"""The whole command on drawn images."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import PROGRAM, Command
from coroseg.report.figures import look
from coroseg.report.stored import IMAGES, ImageRow, read_rows

RESULTS = ("table1.md", "table2.csv", "table2.tex", "table3.md", "figure4.png", "report.html")


def test_a_benchmark_runs_once_and_its_report_is_made_again_from_what_it_stored(
    coroseg: Command,
    write_benchmark: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(look, "PNG_DPI", 60)  # quicker; test_figures_draw has them as they are
    path, out = write_benchmark(models=("unet3plus", "cgnet"), epochs=1), tmp_path / "out"
    ended = coroseg("benchmark", path, "--out", out)
    assert ended.status == 0, ended.err
    rows = read_rows(out / IMAGES, ImageRow)
    assert {(row.model, row.fold) for row in rows} == {
        (model, fold) for model in ("unet3plus", "cgnet") for fold in (1, 2)
    }
    assert len(rows) == 2 * 8
    results = {name: (out / name).read_bytes() for name in RESULTS}
    for name in RESULTS:
        (out / name).unlink()
    checkpoints = {p: p.stat().st_mtime_ns for p in out.rglob("best.ckpt")}
    assert len(checkpoints) == 4
    assert coroseg("benchmark", path, "--out", out, "--report-only").status == 0
    assert {name: (out / name).read_bytes() for name in RESULTS} == results
    assert coroseg("benchmark", path, "--out", out, "--resume").status == 0
    assert {p: p.stat().st_mtime_ns for p in out.rglob("best.ckpt")} == checkpoints


@pytest.mark.parametrize(
    "bad",
    [
        (("unet4",), "", "Input should be 'cgnet'"),
        (
            ("deeplabv3",),
            '[override.deeplabv3]\nencoder = "inceptionresnetv2"',
            "inceptionresnetv2",
        ),
    ],
)
def test_a_bad_config_ends_before_anything_is_trained(
    coroseg: Command,
    write_benchmark: Callable[..., Path],
    tmp_path: Path,
    bad: tuple[tuple[str, ...], str, str],
) -> None:
    models, more, said = bad
    ended = coroseg("benchmark", write_benchmark(models=models, more=more), "--out", tmp_path / "o")
    assert ended.status == 1
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_manifest_without_masks_is_refused_in_one_line(
    coroseg: Command, write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_benchmark()
    manifest = tmp_path / "images" / "manifest.csv"
    manifest.write_text("image\n0.png\n")
    ended = coroseg("benchmark", path, "--out", tmp_path / "out")
    assert ended.status == 1
    assert ended.err.splitlines() == [f"{manifest}: no column mask in: image"]


def test_resuming_where_nothing_is_is_an_error(
    coroseg: Command, write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    ended = coroseg("benchmark", write_benchmark(), "--out", tmp_path / "out", "--resume")
    assert ended.status == 1
    assert "holds no benchmark to go on with" in ended.err


def test_a_dry_run_prints_the_grid_and_writes_nothing(
    coroseg: Command, write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    ended = coroseg("benchmark", write_benchmark(), "--out", tmp_path / "out", "--dry-run")
    assert ended.status == 0, ended.err
    assert "1 models x 2 folds = 2 cells" in " ".join(ended.out.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_killed_again_and_again_a_benchmark_ends_with_the_same_scores(
    write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_benchmark(models=("unet3plus",), epochs=12)
    command = [*PROGRAM, "benchmark", str(path), "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, timeout=300)
    out = tmp_path / "killed"
    for epochs in (2, 7, 14):  # in the first cell, later in it, and in the second
        process = subprocess.Popen([*command, str(out)], start_new_session=True)
        deadline = time.monotonic() + 200
        while _epochs(out) < epochs and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run([*command, str(out)], check=True, timeout=300)
    rows, expected = (
        [replace(row, seconds=0) for row in read_rows(folder / IMAGES, ImageRow)]
        for folder in (out, tmp_path / "whole")
    )
    assert rows == expected


def _epochs(out: Path) -> int:
    return sum(len(p.read_text().splitlines()) - 1 for p in out.rglob("curves/metrics.csv"))
