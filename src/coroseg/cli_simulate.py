"""The command `coroseg simulate`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from coroseg.terminal import UsageError, counted

_SEEDS = 10**18
"""A seed names a folder and a patient: neither may have too many characters."""


def simulate(
    *,
    out: Path,
    count: int,
    seed: int = 0,
    frames: int = 1,
    size: int = 512,
    least_mm: float = 0.0,
    images: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Make angiograms whose vessels are known exactly.

    Run it again to go on: what is finished is not made again.

    Parameters
    ----------
    out
        Folder for the samples, one folder each, and manifest.csv where frames are PNG.
    count
        Number of samples.
    seed
        Seed of the first sample; the next have the numbers after it.
    frames
        Frames of a sample: 1 for a single image, more for a cine run.
    size
        Side of an image in pixels.
    least_mm
        Leave vessels that are narrower than this, when healthy, out of the masks, as readers do.
    images
        Write the frames of a cine run as PNG too.
    """
    from coroseg.datasets import simulated
    from coroseg.simulation.files import is_finished, write_sample
    from coroseg.simulation.run import SIZES, draw_simulation
    from coroseg.simulation.truth_file import Request

    for name, value, lowest in (("count", count, 1), ("seed", seed, 0), ("frames", frames, 1)):
        if value < lowest:
            raise UsageError(f"--{name} {value}: at least {lowest}")
    if seed + count > _SEEDS:
        raise UsageError(f"--seed {seed}: the last seed is at most {_SEEDS - 1}")
    if not 0 <= least_mm < float("inf"):
        raise UsageError(f"--least-mm {least_mm}: 0 mm or more")
    if size not in SIZES:
        raise UsageError(f"--size {size}: {SIZES.start} to {SIZES.stop - 1} pixels")
    made = 0
    with counted(count, "angiograms") as step:
        for number in range(seed, seed + count):
            request = Request(number, frames, size, images or frames == 1, least_mm)
            folder = out / f"{number:06d}"
            if not is_finished(folder, request):
                simulation = draw_simulation(number, frames=frames, size=size, least_mm=least_mm)
                write_sample(folder, simulation, request)
                made += 1
            step()
    print(
        f"{out}: {count} samples ({count - made} before)"
        if made < count
        else f"{out}: {count} samples"
    )
    if frames == 1 or images:
        manifest = out / "manifest.csv"
        rows = simulated.build(out, manifest)
        print(f"{manifest}: {len(rows)} images")
