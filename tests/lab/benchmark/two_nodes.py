"""A benchmark on two Ray nodes, one of which is lost: `python two_nodes.py CONFIG OUT`.

OUT/lost.json then says which cell ran on the lost node and how long its epochs had taken. To be run
where there is no network but the loopback, as `test_cluster.py` does.
"""

import csv
import json
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

from coroseg.lab.benchmark.cluster import run_on_ray
from coroseg.lab.benchmark.collect import collect
from coroseg.lab.benchmark.config import read_benchmark
from coroseg.lab.benchmark.grid import LOG, TRAINING, Cell, prepare
from coroseg.lab.benchmark.run import Progress
from coroseg.lab.train import CURVES

EPOCHS = 3
"""How many epochs are trained before the node is lost."""

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


def main(config: Path, out: Path) -> None:
    grid = prepare(read_benchmark(config), out)
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    node = cluster.add_node(**NODE)
    [raylet] = node.all_processes["raylet"]
    lost: dict[str, object] = {}

    def step(progress: Progress) -> None:
        for cell in [] if lost else progress.running:
            seconds = epoch_seconds(cell)
            if len(seconds) >= EPOCHS and parent_of(process_of(cell)) == raylet.process.pid:
                lost.update(model=cell.model, fold=cell.fold, seconds=seconds)
                cluster.remove_node(node, allow_graceful=False)
                return

    try:
        progress = run_on_ray(grid, cluster.address, step=step)
    finally:
        cluster.shutdown()
    collect(grid)
    failed = {cell.name: reason for cell, reason in progress.failed.items()}
    (out / "lost.json").write_text(json.dumps(lost | {"failed": failed}))


def epoch_seconds(cell: Cell) -> list[str]:
    """Return the seconds of every whole epoch; a row begins with its validation."""
    path = cell.folder / TRAINING / CURVES
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row["epoch_seconds"] for row in csv.DictReader(file) if row.get("epoch_seconds")]


def process_of(cell: Cell) -> int:
    return int(re.findall(r"process (\d+)", (cell.folder / LOG).read_text())[-1])


def parent_of(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"PPid:\s*(\d+)", status)[0])


if __name__ == "__main__":
    # Not pytest's folder: Ray makes sockets below it, whose paths have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary:
        os.environ["RAY_TMPDIR"] = temporary
        main(Path(sys.argv[1]), Path(sys.argv[2]))
