"""One source's results: the files of its folder, written whole with their record."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter

from coroseg.angiogram import Frame
from coroseg.errors import OutputError
from coroseg.geometry.tree import VesselTree
from coroseg.io.contour_files import contours_json, contours_svg
from coroseg.io.files import explained
from coroseg.io.leftovers import temporary_beside
from coroseg.io.overlay import draw_overlay
from coroseg.io.png import write_png
from coroseg.io.tree_files import branches_csv, stenoses_csv
from coroseg.records import (
    NOT_WHOLE,
    RECORD,
    SEG,
    SR,
    Record,
    any_record,
    frame_record,
    read_record,
    write_record,
)
from coroseg.report.case.page import case_page
from coroseg.report.case.plots import diameter_plots
from coroseg.segmentation.contours import Contour
from coroseg.segmentation.segment import Segmentation

if TYPE_CHECKING:
    from pydicom import Dataset

    from coroseg.dicom_results import RunObjects

FRAME_FILES = ("mask.png", "probability.png", "overlay.png", "contours.json", "contours.svg")
MEASURE_FILES = ("branches.csv", "stenoses.csv", "diameters.svg", "report.html")
RUN_FILES = ("mask.tif", "overlay.png", "contours.json")
SEGMENTED = (*FRAME_FILES, *MEASURE_FILES, *RUN_FILES, SEG, SR)
"""Of any request: one that a request does not write is stale where it lies."""
_CORRECTED = (*MEASURE_FILES, "overlay.png", SEG, SR)


def write_frame(
    folder: Path,
    result: Segmentation,
    record: Record,
    tree: VesselTree | None = None,
    objects: Mapping[str, Dataset] | None = None,
) -> Record:
    """Write the files of one segmented frame and `record` to `folder`; return the record.

    Those of its measures are written where there is a tree, and DICOM `objects` under their names.
    Raises `OutputError` for what the system refuses. The folder is then as it was before, or, where
    the moving of the files was refused, with a record that has an `error`.
    """
    with _new_files(folder, record) as new:
        write_png(new / "mask.png", result.mask.view(np.uint8) * np.uint8(255))
        write_png(
            new / "probability.png",
            np.rint(result.probability * np.float32(65535)).astype(np.uint16),
        )
        _write_overlay(new, result.image, result.contours, tree)
        (new / "contours.json").write_text(contours_json(result), encoding="utf-8")
        (new / "contours.svg").write_text(contours_svg(result), encoding="utf-8")
        if tree is not None:
            _write_measures(new, result.image, result.contours, tree, record)
        _write_objects(new, objects or {})
    return record


def write_corrected(
    folder: Path,
    image: Frame,
    contours: list[Contour],
    tree: VesselTree,
    record: Record,
    *,
    objects: Mapping[str, Dataset],
) -> Record:
    """Write the measures of a mask that came from elsewhere, and `record`, as `write_frame` does.

    Raises `OutputError` where `folder` holds the results of a segmentation, or files of these names
    that are of no earlier results: they would be lost.
    """
    before = read_record(folder)
    if before is not None and before["model"] is not None:
        raise OutputError(
            f"{folder}: holds what the model {before['model']['name']} found: choose another folder"
        )
    with _new_files(folder, record, _CORRECTED) as new:
        _write_overlay(new, image, contours, tree)
        _write_measures(new, image, contours, tree, record)
        _write_objects(new, objects)
    return record


def write_run(
    folder: Path,
    results: Iterable[Segmentation],
    record: Record,
    start: float,
    objects: RunObjects | None = None,
) -> Record:
    """Write the masks of a run's frames as one stack, and their outlines; return the whole record.

    The frames are taken one by one and none is kept but the one that shows most vessel, whose
    overlay is drawn. `start` is when the work began, by `time.perf_counter`. The masks are added to
    the DICOM `objects`, which keep them at one bit a pixel. Raises `OutputError` as `write_frame`
    does.
    """
    frames: list[Record] = []
    best: Segmentation | None = None
    with _new_files(folder, record) as new:
        with (
            AppendingTiffWriter(str(new / "mask.tif"), new=True) as stack,
            (new / "contours.json").open("w", encoding="utf-8") as outlines,
        ):
            for result in results:
                page = Image.fromarray(result.mask.view(np.uint8) * np.uint8(255))
                page.save(stack, format="TIFF", compression="tiff_adobe_deflate")
                stack.newFrame()
                outlines.write(("," if frames else "[") + contours_json(result))
                frames.append(frame_record(result))
                if best is None or result.vessel_area_px > best.vessel_area_px:
                    best = result
                if objects is not None:
                    objects.add(result.frame, result.mask)
            outlines.write("]\n")
        if best is not None:
            record |= {"best_frame": best.frame, "frame_results": frames}
            record["seconds"] = round(time.perf_counter() - start, 4)
            _write_overlay(new, best.image, best.contours, tree=None)
            if objects is not None:
                _write_objects(new, objects.whole())
    return record


def _write_overlay(
    folder: Path, image: Frame, contours: list[Contour], tree: VesselTree | None
) -> None:
    write_png(folder / "overlay.png", draw_overlay(image, contours, tree))


def _write_measures(
    folder: Path, image: Frame, contours: list[Contour], tree: VesselTree, record: Record
) -> None:
    plots = diameter_plots(tree)
    texts = {
        "branches.csv": branches_csv(tree),
        "stenoses.csv": stenoses_csv(tree),
        "diameters.svg": plots,
        "report.html": case_page(record, image, contours, tree, plots),
    }
    for name, text in texts.items():
        # The page names its source, and a file's name need not be UTF-8.
        (folder / name).write_text(text, encoding="utf-8", errors="replace")


def _write_objects(folder: Path, objects: Mapping[str, Dataset]) -> None:
    for name, dataset in objects.items():
        dataset.save_as(folder / name, enforce_file_format=True)


@contextmanager
def _new_files(folder: Path, record: Record, names: Sequence[str] = SEGMENTED) -> Iterator[Path]:
    """Return a context with an empty folder whose files, and `record`, move to `folder` at its end.

    A new `folder` appears whole. Of the files that it had before, those of `names` are replaced or
    removed, and no others; while they move, the record there has an `error`: that of a folder that
    is whole has none. Raises `OutputError` where `folder` has files of these names and no record of
    ours: a user's own.
    """
    with explained(folder):
        foreign = [name for name in (RECORD, *names) if (folder / name).exists()]
        if foreign and any_record(folder) is None:
            raise OutputError(
                f"{folder}: holds a {foreign[0]} that is of no earlier results: "
                "choose another folder"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_beside(folder) as new:
            yield new
            if folder.exists():
                _replace(folder, new, record, names)
            else:
                write_record(new, record)
                new.rename(folder)


def _replace(folder: Path, new: Path, record: Record, names: Sequence[str]) -> None:
    write_record(new, record | NOT_WHOLE).replace(folder / RECORD)
    for name in set(names):
        if (new / name).exists():
            (new / name).replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)  # an earlier request left it
    write_record(new, record).replace(folder / RECORD)
