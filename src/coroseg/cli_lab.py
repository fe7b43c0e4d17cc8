"""The laboratory's commands: `coroseg train`, `teach`, `benchmark` and `export`."""

import logging
from math import isfinite
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from coroseg.errors import CorosegError, MissingPackageError
from coroseg.terminal import FAILED, UsageError, console, open_model, say


def train(
    config: Path,
    /,
    *,
    out: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Train a network.

    Parameters
    ----------
    config
        TOML file of settings.
    out
        Folder for checkpoints and curves: runs/NAME unless given.
    resume
        Go on with the run in `out` after its last whole epoch.
    """
    _need_lab()
    from coroseg.lab.config import read_config
    from coroseg.lab.train import is_helper
    from coroseg.lab.train import train as train_network

    _log_progress()
    result = train_network(read_config(config), out or _run_folder(config), resume=resume)
    if not is_helper():
        print(f"{result.best} (validation Dice {result.val_dice})")


def teach(
    manifest: Path,
    /,
    *,
    model: Annotated[list[str], Parameter(negative="")],
    size: Annotated[list[int] | None, Parameter(negative="")] = None,
    out: Path,
    threads: int | None = None,
) -> None:
    """Store what trained models say of the images of a manifest, for a network to learn from.

    Run it again to go on where it stopped.

    Parameters
    ----------
    manifest
        CSV file of images and masks.
    model
        ONNX file, or the name of a model in the package; of several, the mean is stored.
    size
        Side, in pixels, of the square whose area the models are given; of several, the mean is
        stored. Each model's own unless given.
    out
        CSV file for the manifest with the probabilities, which are kept in a folder of its name.
    threads
        Processors to use; all unless given.
    """
    from coroseg.lab.teach import teach as store
    from coroseg.segmentation.predictor import STRIDE

    if out.suffix != ".csv" or out.resolve() == manifest.resolve():
        raise UsageError(f"--out {out}: a CSV file, and not the manifest itself")
    for side in size or []:
        if side < STRIDE:
            raise UsageError(f"--size {side}: at least {STRIDE}")
    predictors = [open_model(name, threads) for name in model]
    count = store(manifest, out, predictors, size or [None])
    print(f"{out}: {count} images")


def benchmark(
    config: Path,
    /,
    *,
    out: Path | None = None,
    resume: Annotated[bool, Parameter(negative="")] = False,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    report_only: Annotated[bool, Parameter(negative="")] = False,
    ray: str | None = None,
) -> int:
    """Train and compare models over folds; write the tables, the figures and a report.

    Run it again to go on where it stopped: what is finished is not done again.

    Parameters
    ----------
    config
        TOML file of settings.
    out
        Folder of the benchmark: runs/NAME unless given.
    resume
        Insist on going on: an error where `out` holds no benchmark.
    dry_run
        Only print the grid with an estimate of time and memory, from one measured step a model.
    report_only
        Only make the tables, figures and the report anew from what is stored.
    ray
        Address of a Ray cluster whose machines share `out`: every cell becomes a task.
    """
    _need_lab()
    from coroseg.lab.benchmark.config import read_benchmark
    from coroseg.lab.benchmark.grid import SPLIT
    from coroseg.lab.benchmark.main import dry_run as estimate
    from coroseg.lab.benchmark.main import rebuild, run_benchmark
    from coroseg.report.stored import REPORT

    if dry_run and report_only:
        raise UsageError("--dry-run and --report-only: choose one")
    _log_progress()
    folder = out or _run_folder(config)
    settings = read_benchmark(config)
    if dry_run:
        Console().print(estimate(settings, console))
        return 0
    if resume and not (folder / SPLIT).exists():
        raise CorosegError(f"{folder}: holds no benchmark to go on with: leave --resume out")
    if report_only:
        failures: list[str] = []
        rebuild(settings, folder)
    else:
        failures = run_benchmark(settings, config, folder, console, ray=ray)
    for failure in failures:
        say(f"failed: {failure}")
    if (folder / REPORT).exists():
        print(folder / REPORT)
    return FAILED if failures else 0


def export(
    checkpoint: Path,
    /,
    *averaged_with: Path,
    second: Path | None = None,
    half: Annotated[bool, Parameter(negative="")] = False,
    out: Path,
    size: int | None = None,
    shift: float = 0.0,
) -> None:
    """Write a trained network as an ONNX file, kept only if it says what torch says.

    Parameters
    ----------
    checkpoint
        Checkpoint of `coroseg train`.
    averaged_with
        More checkpoints, of runs that began with the same weights: all are averaged, and one named
        twice counts double. The images that the first was trained on are read again.
    second
        Checkpoint of a run on images of other readers: its network goes into the file too, for
        images that look like those. The images of both are read again.
    half
        Store the weights in 16 bits: half the size.
    out
        ONNX file.
    size
        Side, in pixels, of the square whose area the network is given: the training's unless given.
    shift
        Added to the logit, as calibration on validation images has it: below 0 takes less for
        vessel.
    """
    _need_lab()
    from coroseg.lab.export import export as export_network
    from coroseg.segmentation.predictor import STRIDE

    if size is not None and (size < STRIDE or size % STRIDE):
        raise UsageError(f"--size {size}: a multiple of {STRIDE}")
    if not isfinite(shift):
        raise UsageError(f"--shift {shift}: a finite number")
    difference = export_network(
        checkpoint,
        out,
        averaged_with=averaged_with,
        second=second,
        half=half,
        size=size,
        shift=shift,
    )
    print(f"{out} (differs from torch by at most {difference:.2g})")


def _run_folder(config: Path) -> Path:
    return Path("runs") / config.stem


def _log_progress() -> None:
    logging.getLogger("coroseg").setLevel(logging.INFO)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def _need_lab() -> None:
    from importlib.util import find_spec

    for package in ("torch", "lightning", "segmentation_models_pytorch"):
        if find_spec(package) is None:
            raise MissingPackageError(package, "the laboratory", 'pip install "coroseg[lab]"')
