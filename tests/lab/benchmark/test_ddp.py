"""Two processes on the CPU by Lightning's DDP: `pytest -m long tests/lab/benchmark/test_ddp.py`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from coroseg.lab.benchmark import run
from coroseg.lab.benchmark.grid import LOG, TRAINING, Grid
from coroseg.lab.config import Config
from coroseg.report.stored import CurveRow, read_rows

SCRIPT = Path(__file__).with_name("ddp_gradients.py")


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the processes' talk on this machine, whose outer address may be closed."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")


@pytest.mark.long
def test_two_processes_have_the_gradients_of_one_with_the_same_total_batch(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    def gradients(devices: int, batch: int) -> list[dict[str, Tensor]]:
        config = make_config(data={"batch": batch}, training={"epochs": 1, "devices": devices})
        out = tmp_path / f"{devices} devices"
        out.mkdir()
        path = out / "config.json"
        path.write_text(config.model_dump_json())
        subprocess.run([sys.executable, str(SCRIPT), str(path), str(out)], check=True, timeout=300)
        return [torch.load(file) for file in sorted(out.glob("gradients*.pt"))]

    [expected] = gradients(devices=1, batch=4)
    assert all(gradient.abs().max() > 0 for gradient in expected.values())
    assert max(float(gradient.abs().max()) for gradient in expected.values()) > 0.1
    shared = gradients(devices=2, batch=2)
    assert len(shared) == 2
    for gradient in shared:
        torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=0)


@pytest.mark.long
def test_a_cell_on_two_devices_leaves_one_set_of_files(make_grid: Callable[..., Grid]) -> None:
    cell = make_grid(epochs=2, more="devices = 2\n").cells[0]
    status = run._start(cell, None).wait(timeout=300)
    log = (cell.folder / LOG).read_text()
    assert status == 0, log
    assert cell.finished
    assert [row.epoch for row in read_rows(cell.curves_csv, CurveRow)] == [1, 2]
    assert "MEMBER: 2/2" in log
    for once in ("epoch 1 of 2", "epoch 2 of 2", "done in"):
        assert log.count(once) == 1, log
    training = cell.folder / TRAINING
    left = sorted(str(p.relative_to(training)) for p in training.rglob("*") if p.is_file())
    assert left[:2] == ["best.ckpt", "curves/metrics.csv"]
    assert left[-1] == "trained"
    assert len([name for name in left if "tfevents" in name]) == 1
