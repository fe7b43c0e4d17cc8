"""Sources done by two Ray nodes, one of which is lost: `lose_a_machine.py IN OUT MODEL LOST.json`.

LOST.json then says how many sources had ended when it was lost, how many it was at, how many
outcomes were reported, and why any failed. IN and OUT are folders or URLs. To be run where there is
no network but the loopback, as `test_tasks.py` does.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

from coroseg.batch import process
from coroseg.io.sources import find_sources
from coroseg.io.urls import is_url
from coroseg.records import Request
from coroseg.segmentation.predictor import Predictor
from coroseg.summary import Outcome
from coroseg.workers import Limits

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
ENDED = 6
"""How many sources have ended before the node is lost, the next time that it is at one."""


def main(place: Path | str, out: Path | str, model: Path, told: Path) -> None:
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    node = cluster.add_node(**NODE)
    [raylet] = node.all_processes["raylet"]
    lost: dict[str, object] = {}
    reported = 0

    def report(_: Outcome) -> None:
        nonlocal reported
        reported += 1
        if not lost and reported >= ENDED and (doing := tasks_of(raylet.process.pid)):
            lost.update(before=reported, doing=doing)
            cluster.remove_node(node, allow_graceful=False)

    try:
        outcomes = process(
            find_sources([place]).sources,
            out,
            Request("best", None, as_run=False, any_modality=False),
            Predictor(model, threads=1),
            ray=cluster.address,
            limits=Limits(seconds=60),
            report=report,
        )
    finally:
        cluster.shutdown()
    failed = [outcome.reason for outcome in outcomes if outcome.status == "failed"]
    told.write_text(json.dumps(lost | {"reported": reported, "failed": failed}))


def tasks_of(raylet: int) -> int:
    """Return how many tasks the processes of a node are at: Ray gives them the task's name."""
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    names = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return sum(name.startswith(b"ray::do_source") for name in names)


if __name__ == "__main__":
    here, there = (one if is_url(one) else Path(one) for one in sys.argv[1:3])
    # Not pytest's folder: Ray makes sockets below it, whose paths have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary:
        os.environ["RAY_TMPDIR"] = temporary
        main(here, there, Path(sys.argv[3]), Path(sys.argv[4]))
