"""From a mask that someone corrected, and its angiogram, to the measures and their report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coroseg.errors import DataError, InputError, OutputError
from coroseg.geometry.measure import measure_mask
from coroseg.io.files import sha256_of
from coroseg.io.load import load
from coroseg.io.masks import read_mask
from coroseg.measuring import Catheter, Record, calibrate, calibration_record, tree_record
from coroseg.records import Request, run_record, spacing_record
from coroseg.results import write_corrected
from coroseg.segmentation.binarize import NO_VESSEL
from coroseg.segmentation.contours import find_contours
from coroseg.segmentation.flags import quality_flags

if TYPE_CHECKING:
    from coroseg.io.dicom.derived import Origin


def measure_corrected(
    mask_path: Path,
    image_path: Path,
    out: Path,
    *,
    frame: int | None = None,
    spacing_mm: float | None = None,
    catheter: Catheter | None = None,
    dicom: bool = False,
) -> Record:
    """Write the measures of a mask to the folder `out`; return the record that is among them.

    `frame` says which of a run the mask is of; `dicom` asks for DICOM objects too. Raises
    `InputError` for an angiogram or frame that cannot be read, or, with `dicom`, that is no DICOM,
    `DataError` for a mask that is none of it, `OutputError`, and what calibrating or measuring
    raises: nothing is then written.
    """
    if image_path.resolve().is_relative_to(out.resolve()):
        raise OutputError(
            f"{out}: holds the angiogram, and `segment` would pass it over as earlier results: "
            "choose another folder with --out"
        )
    run = load(image_path, spacing_mm=spacing_mm)
    if frame is None and len(run.frames) > 1:
        raise InputError(
            f"{image_path}: has {len(run.frames)} frames: pass the mask's, counted from 1: --frame"
        )
    number = 1 if frame is None else frame
    image = run.frame(number)
    mask = read_mask(mask_path)
    if mask.shape != image.shape:
        raise DataError(
            f"{mask_path}: has {mask.shape[1]} x {mask.shape[0]} pixels and {image_path} "
            f"{image.shape[1]} x {image.shape[0]}: pass the mask of this image"
        )
    request = Request(
        str(number), spacing_mm, as_run=False, any_modality=False, catheter=catheter, dicom=dicom
    )
    origin = _origin(image_path, request) if dicom else None
    start = time.perf_counter()
    spacing, calibration = run.spacing, None
    if catheter is not None:
        spacing, calibration = calibrate(image, mask, spacing, catheter)
    tree = measure_mask(mask, image, spacing)
    measures = tree_record(tree)
    measures["seconds"] = round(time.perf_counter() - start, 4)
    area_px = int(mask.sum())
    record = run_record(run, sha256_of(image_path), None, request) | spacing_record(spacing)
    record |= {
        "mask": mask_path.name,
        "mask_sha256": sha256_of(mask_path),
        "frame": number,
        "vessel_area_px": area_px,
        "vessel_area_mm2": round(area_px * float(np.prod(spacing.mm)), 4) if spacing else None,
        "flags": [*([] if mask.any() else [NO_VESSEL]), *quality_flags(image, mask)],
        "calibration": calibration and calibration_record(calibration),
        "measures": measures,
    }
    contours = find_contours(mask, mask.astype(np.float32), 0.5)
    objects = {}
    if origin:
        from coroseg.dicom_results import frame_objects

        objects = frame_objects(origin, mask, number, tree, spacing)
    return write_corrected(out, image, contours, tree, record, objects=objects)


def _origin(image_path: Path, request: Request) -> Origin:
    from coroseg.io.dicom.derived import find_origin

    return find_origin(image_path, None, request.recorded)
