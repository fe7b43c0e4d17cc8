"""The commands `coroseg data ...`."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App
from rich.console import Console

from coroseg.terminal import FAILED, say

if TYPE_CHECKING:
    from coroseg.datasets.manifest import Sample

data_app = App(name="data", help="Make and check manifests of annotated images.")


@data_app.command
def check(manifest: Path, /, *, sheet: Path | None = None) -> int:
    """Find what is wrong with a manifest, and draw some of its images.

    Exit status 1 if anything is wrong.

    Parameters
    ----------
    manifest
        CSV file of images and masks.
    sheet
        PNG file for a contact sheet.
    """
    from coroseg.datasets.check import check_manifest
    from coroseg.datasets.contact_sheet import draw_contact_sheet

    report = check_manifest(manifest)
    Console().print(report.table())
    for problem in report.problems:
        say(problem)
    if sheet:
        draw_contact_sheet(report.sound, sheet)
        print(sheet)
    return 0 if report.ok else FAILED


@data_app.command
def arcade(path: Path, /, *, out: Path) -> None:
    """Make a manifest of ARCADE's folder `syntax`."""
    from coroseg.datasets import arcade

    _made(arcade.build(path, out), out)


@data_app.command
def dca1(path: Path, /, *, out: Path) -> None:
    """Make a manifest of DCA1."""
    from coroseg.datasets import dca1

    _made(dca1.build(path, out), out)


@data_app.command
def xcad(path: Path, /, *, out: Path) -> None:
    """Make a manifest of XCAD."""
    from coroseg.datasets import xcad

    _made(xcad.build(path, out), out)


@data_app.command
def folder(path: Path, /, *, out: Path) -> None:
    """Make a manifest of a folder of images and masks."""
    from coroseg.datasets import pairs

    _made(pairs.build(path, out), out)


@data_app.command
def simulated(path: Path, /, *, out: Path) -> None:
    """Make a manifest of a folder of `coroseg simulate`."""
    from coroseg.datasets import simulated

    _made(simulated.build(path, out), out)


def _made(samples: "list[Sample]", out: Path) -> None:
    print(f"{out}: {len(samples)} images")
