"""What a network costs on this machine: parameters, FLOPs, seconds and memory.

A forward pass and a training step are measured each in a fresh process, which is this module run
with a request as JSON on its standard input: only so is a peak of memory one network's own.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from coroseg.errors import CorosegError, ModelError
from coroseg.lab.config import Model
from coroseg.lab.losses import HybridLoss
from coroseg.lab.models.network import build_model

REPEATS = 3
ENOUGH_SECONDS = 20.0
"""No call is repeated after this time: the large networks take long enough to be measured once."""


@dataclass(frozen=True)
class Measured:
    """What a network costs. Times are medians after a first call, in seconds.

    `forward_*` are of one image in use, and `gflops` counts its convolutions and matrix products, a
    multiplication and an addition as two. `step_*` are of a training step on a batch: the hybrid
    loss, its gradients, RMSProp. The peaks are the whole process's, with Python, torch and the
    weights in it, in MB of 2**20 bytes.
    """

    parameters: int
    gflops: float
    forward_seconds: float
    forward_peak_mb: float
    step_seconds: float
    step_peak_mb: float


def measure(model: Model, size: int, batch: int, threads: int = 0) -> Measured:
    """Return what the network of `model`, with random weights, costs on images of `size` pixels.

    `threads` is torch's number of them, 0 its own choice. Raises `ModelError` where the network
    cannot be built or a process ends early, as for want of memory.
    """
    request = {"model": model.model_dump(), "size": size, "batch": batch, "threads": threads}
    return Measured(**_in_a_process("forward", request), **_in_a_process("step", request))


def count_gflops(network: nn.Module, size: int) -> float:
    """Return the 10**9 operations of a forward pass of one image, (size, size)."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 1, size, size))
    operations: int = counter.get_total_flops()
    return operations / 1e9


def _in_a_process(kind: str, request: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "coroseg.lab.measure", kind],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        result: dict[str, Any] = json.loads(done.stdout)
        return result
    place = f"model {request['model']['name']!r}, a {kind} at {request['size']} pixels"
    if kind == "step":
        place += f", batch {request['batch']}"
    if done.returncode < 0:
        raise ModelError(
            f"{place}: its process was ended by signal {-done.returncode}, as happens where memory "
            "runs out: choose a smaller size or batch"
        )
    raise ModelError(f"{place}: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def _forward(network: nn.Module, size: int, _batch: int) -> dict[str, float]:
    network.eval()
    image = torch.rand(1, 1, size, size)
    with torch.no_grad():
        seconds = _median_seconds(lambda: network(image))
    peak = peak_memory_mb()
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "gflops": count_gflops(network, size),
        "forward_seconds": seconds,
        "forward_peak_mb": peak,
    }


def _step(network: nn.Module, size: int, batch: int) -> dict[str, float]:
    image = torch.rand(batch, 1, size, size).contiguous(memory_format=torch.channels_last)
    truth = (image < 0.1).float()  # noqa: PLR2004
    loss = HybridLoss()
    optimizer = torch.optim.RMSprop(network.parameters())

    def step() -> None:
        optimizer.zero_grad()
        loss(network(image), truth).backward()
        optimizer.step()

    return {"step_seconds": _median_seconds(step), "step_peak_mb": peak_memory_mb()}


def _median_seconds(call: Callable[[], object]) -> float:
    call()
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < ENOUGH_SECONDS:
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def peak_memory_mb() -> float:
    """Return the largest resident memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts the parent's memory into a child's ru_maxrss; VmHWM is the process's own.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def _main(kind: str) -> None:
    request = json.load(sys.stdin)
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    try:
        network = build_model(**request["model"], pretrained=False)
        work = {"forward": _forward, "step": _step}[kind]
        result = work(network, request["size"], request["batch"])
    except CorosegError as error:
        sys.exit(str(error))
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1])
