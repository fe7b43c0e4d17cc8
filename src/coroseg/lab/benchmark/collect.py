"""From finished cells to the benchmark's own rows, and the facts of how it was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from coroseg.datasets.splits import split_sha256
from coroseg.lab.benchmark.config import Benchmark
from coroseg.lab.benchmark.grid import SPLIT, Grid
from coroseg.lab.checkpoint import data_sha256, git_commit
from coroseg.lab.config import ModelName
from coroseg.lab.measure import count_gflops
from coroseg.lab.models.network import build_model, describe
from coroseg.report.stored import (
    CELLS,
    CURVES,
    FACTS,
    IMAGES,
    LABELS,
    CellRow,
    CurveRow,
    Facts,
    ImageRow,
    ModelFacts,
    Row,
    read_facts,
    read_rows,
    write_facts,
    write_rows,
)

_SETTINGS: dict[str, Any] = {
    "data": {"size", "batch", "spacing_mm"},
    "loss": True,
    "augmentation": True,
    "training": True,
}


def collect(grid: Grid) -> int:
    """Write the rows of all finished cells into the benchmark's folder; return their number."""
    finished = [cell for cell in grid.cells if cell.finished]
    folders = [cell.folder for cell in finished]
    _gather(folders, grid.out, IMAGES, ImageRow)
    _gather(folders, grid.out, CELLS, CellRow)
    _gather(folders, grid.out, CURVES, CurveRow)
    return len(finished)


def _gather(folders: list[Path], out: Path, name: str, kind: type[Row]) -> None:
    rows = [row for folder in folders for row in read_rows(folder / name, kind)]
    write_rows(out / name, rows, kind)


def store_facts(grid: Grid, config: Path) -> None:
    """Write how the benchmark is made, once for a config; the commit stays that of its beginning.

    Networks are built and counted for it, which takes seconds.
    """
    path = grid.out / FACTS
    text = config.read_text(encoding="utf-8")
    before = read_facts(path) if path.exists() else None
    if before and before.config == text:
        return
    benchmark = grid.benchmark
    kinds = sorted({sample.unit[1] for sample in grid.samples.values()})
    write_facts(
        path,
        Facts(
            name=config.stem,
            version=version("coroseg"),
            git_commit=git_commit(),
            seed=benchmark.seed,
            scheme=benchmark.split.scheme,
            folds=benchmark.split.folds,
            unit_kind=" and ".join(kinds),
            size=benchmark.data.size,
            spacing_source=grid.spacing_source,
            split_sha256=split_sha256(grid.out / SPLIT),
            data_sha256={path.name: data_sha256(path) for path in benchmark.data.manifests},
            hardware=hardware(),
            config=text,
            settings=benchmark.model_dump(mode="json", include=_SETTINGS),
            models=tuple(_count(benchmark, name) for name in benchmark.models),
        ),
    )


def hardware() -> dict[str, str]:
    """Return what this machine is, for people."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if torch.cuda.is_available():
        facts["gpu"] = f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return facts


def _processor() -> str:
    """Return the processor's name, as Linux tells it; elsewhere its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _count(benchmark: Benchmark, name: ModelName) -> ModelFacts:
    settings = benchmark.settings_of(name).model_dump()
    network = build_model(**settings, pretrained=False).eval()
    backbone, weights = describe(**settings)
    return ModelFacts(
        name=name,
        label=LABELS[name],
        backbone=backbone,
        weights=weights,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        gflops=count_gflops(network, benchmark.data.size),
    )
