"""What each network costs: parameters, FLOPs, seconds and peak memory, as a Markdown table.

    python benchmarks/networks.py [--config TOML] [--encoder NAME] [--size 512] [--batch 4] ...

With --config the settings are its [model] and, of a benchmark, its [override.NAME]; options go
before them. Every measurement is made in a process of its own; see coroseg.lab.measure.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from coroseg.errors import ModelError
from coroseg.lab.config import Model, read_toml
from coroseg.lab.measure import measure
from coroseg.lab.models.network import NAMES, describe

DEFAULTS = {"encoder": "tu-tf_efficientnet_lite0", "encoder_weights": "none"}
OPTIONS = ("encoder", "first_stride", "width")


def main() -> None:
    """Print the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, help="a training's or benchmark's TOML file")
    parser.add_argument("--encoder")
    parser.add_argument("--first-stride", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels")
    parser.add_argument("--batch", type=int, default=4, help="images of a training step")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its own choice")
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES)
    given = parser.parse_args()
    values = read_toml(given.config) if given.config else {"model": DEFAULTS}
    options = {name: value for name in OPTIONS if (value := getattr(given, name)) is not None}
    threads = given.threads or torch.get_num_threads()
    print(
        f"{given.size} x {given.size} pixels, {threads} threads; forward of 1 image, training step "
        f"of {given.batch}\n\n"
        "| network | backbone | parameters (M) | GFLOP | forward (s) | peak (MB) "
        "| step (s) | peak (MB) |\n|---|---|---|---|---|---|---|---|"
    )
    for name in given.models:
        settings = values["model"] | values.get("override", {}).get(name, {}) | options
        settings["name"] = name
        print(_row(name, settings, given.size, given.batch, threads), flush=True)


def _row(name: str, settings: dict[str, Any], size: int, batch: int, threads: int) -> str:
    try:
        backbone, _ = describe(**settings)
        cost = measure(Model.model_validate(settings), size, batch, threads)
    except ModelError as error:
        return f"| {name} | {error} | | | | | | |"
    return (
        f"| {name} | {backbone} | {cost.parameters / 1e6:.2f} | {cost.gflops:.1f} "
        f"| {cost.forward_seconds:.3f} | {cost.forward_peak_mb:.0f} "
        f"| {cost.step_seconds:.3f} | {cost.step_peak_mb:.0f} |"
    )


if __name__ == "__main__":
    main()
