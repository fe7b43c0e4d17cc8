"""Reading an angiogram from a file of any format, or from a folder of frames."""

import os
from dataclasses import replace
from pathlib import Path

from coroseg.angiogram import Angiogram
from coroseg.io.formats import format_of
from coroseg.spacing import PixelSpacing, SpacingSource


def load(
    source: str | Path,
    *,
    spacing_mm: float | tuple[float, float] | None = None,
    any_modality: bool = False,
    as_run: bool = False,
) -> Angiogram:
    """Return the angiogram in the file `source`; with `as_run`, in a folder of its frames.

    `spacing_mm` is the size of a pixel, one number or (row, column), and replaces the file's.
    `any_modality` reads DICOM images that are no X-ray angiograms too. Frames are decoded when
    they are asked for. Raises `InputError` for what cannot be read, its kind
    `NotAnAngiogramError` for another kind of DICOM object, and `SpacingError` for a spacing that
    is not positive.
    """
    path = Path(source)
    if as_run and os.path.isdir(path):  # noqa: PTH112  # never raises
        from coroseg.io.run_folder import read_run_folder

        run = read_run_folder(path, lambda frame: _read(frame, any_modality=any_modality))
    else:
        run = _read(path, any_modality=any_modality)
    if spacing_mm is None:
        return run
    mm = spacing_mm if isinstance(spacing_mm, tuple) else (spacing_mm, spacing_mm)
    return replace(run, spacing=PixelSpacing(mm, SpacingSource.USER))


def _read(path: Path, *, any_modality: bool) -> Angiogram:
    kind = format_of(path)
    if kind == "dicom":
        from coroseg.io.dicom import read_dicom

        return read_dicom(path, any_modality=any_modality)
    if kind == "nifti":
        from coroseg.io.nifti import read_nifti

        return read_nifti(path)
    if kind == "video":
        from coroseg.io.video import read_video

        return read_video(path)
    from coroseg.io.raster import read_raster

    return read_raster(path, kind)
