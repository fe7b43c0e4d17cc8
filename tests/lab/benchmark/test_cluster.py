"""Cells as Ray tasks; on two nodes: `pytest -m long tests/lab/benchmark/test_cluster.py`.

That needs Ray (`pip install "coroseg[cluster]"`) and a network namespace of its own (`unshare` and
`ip`, in the packages util-linux and iproute2): Ray then finds the loopback only.
"""

import csv
import json
import re
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coroseg.errors import ConfigError, CorosegError, MissingPackageError
from coroseg.lab.benchmark.cluster import _failure, run_on_ray
from coroseg.lab.benchmark.collect import collect
from coroseg.lab.benchmark.config import read_benchmark
from coroseg.lab.benchmark.grid import LOG, TRAINING, Grid, prepare
from coroseg.lab.benchmark.run import Progress, run
from coroseg.lab.checkpoint import read_checkpoint
from coroseg.lab.train import CURVES
from coroseg.report.stored import IMAGES, ImageRow, cell_folder, read_rows

SCRIPT = Path(__file__).with_name("two_nodes.py")
EPOCHS = 40


def never(_: Progress) -> None:
    raise AssertionError("a cell was begun")


def alone(*command: str) -> list[str]:
    """Return `command` in a network that has nothing but the loopback."""
    return ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


def need_a_network_of_our_own() -> None:
    pytest.importorskip("ray", reason='Ray is missing: pip install "coroseg[cluster]"')
    for tool, package in {"unshare": "util-linux", "ip": "iproute2"}.items():
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: apt-get install {package}")
    tried = subprocess.run(alone("true"), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network namespace may be made here: {tried.stderr.strip()}")


@pytest.mark.long
def test_a_grid_that_loses_one_of_two_nodes_ends_like_the_sequential_run(
    write_benchmark: Callable[..., Path], tmp_path: Path
) -> None:
    need_a_network_of_our_own()
    config, sequential, out = write_benchmark(epochs=EPOCHS), tmp_path / "one", tmp_path / "two"
    script = [sys.executable, "-W", "error", str(SCRIPT), str(config), str(out)]
    ended = subprocess.run(alone(*script), capture_output=True, text=True, timeout=500, check=False)
    assert ended.returncode == 0, ended.stderr
    lost = json.loads((out / "lost.json").read_text())
    assert lost["failed"] == {}
    assert lost["model"] == "cgnet"
    assert 3 <= len(lost["seconds"]) < EPOCHS  # it was in the middle

    folder = cell_folder(out, lost["model"], lost["fold"])
    with (folder / TRAINING / CURVES).open(newline="") as file:
        seconds = [row["epoch_seconds"] for row in csv.DictReader(file)]
    assert len(seconds) == EPOCHS
    # The last one may have been lost with the node, between its row and its checkpoint.
    assert seconds[: len(lost["seconds"]) - 1] == lost["seconds"][:-1]
    log = (folder / LOG).read_text()
    assert len(re.findall(r"process \d+", log)) == 2
    assert log.count(f"epoch 1 of {EPOCHS}") == 1
    assert log.count(f"epoch {EPOCHS} of {EPOCHS}") == 1

    grid = prepare(read_benchmark(config), sequential)
    assert not run(grid, step=lambda _: None).failed
    assert collect(grid) == len(grid.cells) == 2
    rows, expected = (
        [replace(row, seconds=0) for row in read_rows(where / IMAGES, ImageRow)]
        for where in (out, sequential)
    )
    assert rows == expected


def test_where_nothing_answers_it_says_so_at_once(make_grid: Callable[..., Grid]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(CorosegError) as caught:
            run_on_ray(make_grid(), address, step=never)
    assert str(caught.value).startswith(f"--ray {address}: no cluster there (")
    assert "\n" not in str(caught.value)
    assert "ray start --head" in str(caught.value)


def test_several_devices_a_cell_are_refused(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(more="devices = 2\n")
    with pytest.raises(ConfigError, match=r"training\.devices = 2: on Ray a cell has one device"):
        run_on_ray(grid, "auto", step=never)


def test_a_missing_ray_is_named_with_its_install_command(
    make_grid: Callable[..., Grid], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r'pip install "coroseg\[cluster\]"'):
        run_on_ray(make_grid(), "auto", step=never)


def test_a_failed_task_is_one_line_and_its_traceback_is_in_the_log(
    make_grid: Callable[..., Grid], monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason='Ray is missing: pip install "coroseg[cluster]"')
    cell = make_grid().cells[0]
    try:
        read_checkpoint(cell.folder / "a.ckpt")
    except ConfigError as error:
        cause, traced = error, traceback.format_exc()
    errors = {
        "a.ckpt: cannot be read as a checkpoint": ray.exceptions.RayTaskError(
            "_run_cell", traced, cause
        ).as_instanceof_cause(),
        "The worker died": ray.exceptions.WorkerCrashedError(),
    }
    for said, error in errors.items():

        def get(_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(ray, "get", get)
        reason = _failure(object(), cell)
        assert reason is not None
        assert said in reason
        assert reason.endswith(f"({cell.folder / LOG})")
        assert "\n" not in reason
    assert "in read_checkpoint" in (cell.folder / LOG).read_text()
    monkeypatch.setattr(ray, "get", lambda _: None)
    assert _failure(object(), cell) == f"{cell.folder} cannot be seen from here: share its path"
