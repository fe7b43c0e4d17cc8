"""What a case's record says, in words that a cardiologist uses."""

from collections.abc import Mapping
from typing import Any, Final

Record = Mapping[str, Any]

NOT_COUNTED: Final = {
    "overlap": "vessels overlap here",
    "foreshortened": "the vessel runs towards the viewer here",
    "low_contrast": "too little contrast here",
    "junction": "at a bifurcation",
    "end": "at the end of the branch",
    "small": "in a small vessel",
    "uneven": "no deeper than the branch is uneven",
}
_FLAGS: Final = {
    "no_vessel": "No vessel was found in this frame.",
    "low_contrast": "Low contrast: the vessels hardly stand out from the noise around them.",
    "touches_border": "The tree reaches the border of the image and may go on outside.",
    "loop": "Vessels overlap in this view: where they do, branches may be joined wrongly.",
    "from_mask": "Most diameters come from the mask, not from edges in the image: less exact.",
    "not_calibrated": "The catheter gave no calibration: {not_calibrated}",
}
_SPACING: Final = {
    "user": "given by the user",
    "catheter": "from the catheter's width",
    "fiducial": "from a fiducial of known size (DICOM)",
    "geometry": "from the geometry, calibrated (DICOM)",
    "object_plane": "from the object plane (DICOM)",
    "magnification": "from the magnification factor (DICOM)",
    "distances": "from the distances of source, patient and detector (DICOM)",
    "pixel_spacing_unspecified": "Pixel Spacing without a word on how it was calibrated (DICOM)",
    "image_header": "from the image's header",
    "detector_plane": "at the detector, not corrected for magnification (DICOM)",
}


def finding(record: Record) -> str:
    """Return the sentence that stands first: how many lesions, and the tightest."""
    measures = record["measures"]
    count = measures["lesions"]
    if not measures["branches"] and "no_vessel" not in record["flags"]:
        return "Nothing to measure: what the mask holds has no centreline, so it is no vessel."
    if not measures["branches"]:
        return "Nothing to measure: no vessel was found."
    if not count:
        apart = measures["not_counted"]
        doubtful = f"; {apart} listed apart, with the reason" if apart else ""
        return f"No narrowing of 20 % or more of the diameter was counted{doubtful}."
    tightest, unit = measures["tightest"], "mm" if record["spacing_mm"] else "px"
    mld, reference = (
        f"{tightest[f'{name}_diameter_{unit}']:.{2 if unit == 'mm' else 1}f} {unit}"
        for name in ("minimal", "reference")
    )
    return (
        f"{count} narrowing{'s' if count > 1 else ''} of 20 % or more of the diameter; the "
        f"tightest, {tightest['diameter_stenosis_percent']:.0f} % in branch {tightest['branch']}, "
        f"is {mld} wide where {reference} would be expected."
    )


def notices(record: Record) -> list[str]:
    """Return what a reader must know before the numbers."""
    flags = [*record["flags"], *record["measures"]["flags"]]
    said = [_FLAGS[flag].format_map(record) for flag in flags if flag in _FLAGS]
    if record["spacing_mm"] is None:
        said.append("The size of a pixel is not known: lengths are in pixels (px).")
    elif record["spacing_source"] == "detector_plane":
        said.append(
            "The size of a pixel is that at the detector: the heart is magnified there, by about "
            "1.3, and lengths in mm are too large by as much. Percentages are not affected."
        )
    return said


def view(record: Record) -> str:
    """Return the projection, such as RAO 30°, cranial 20°."""
    primary, secondary = record["primary_angle_deg"], record["secondary_angle_deg"]
    if primary is None or secondary is None:
        return "not stated"
    return (
        f"{'LAO' if primary >= 0 else 'RAO'} {abs(primary):.0f}°, "
        f"{'cranial' if secondary >= 0 else 'caudal'} {abs(secondary):.0f}°"
    )


def spacing(record: Record) -> str:
    """Return the size of a pixel and how it is known."""
    if record["spacing_mm"] is None:
        return "not known"
    row_mm, column_mm = record["spacing_mm"]
    size = f"{row_mm:.4f}" if row_mm == column_mm else f"{row_mm:.4f} × {column_mm:.4f}"
    return f"{size} mm, {_SPACING[record['spacing_source']]}"


def calibration(record: Record) -> str:
    """Return how the catheter gave the size of a pixel; nothing where it did not."""
    found = record["calibration"]
    if found is None:
        return ""
    x1, y1, x2, y2 = found["points"]
    how = "found by itself" if found["automatic"] else "pointed out by the user"
    return (
        f"{found['french']:g} French catheter, {how}, {found['width_px']:.2f} px wide between "
        f"({x1:.0f}, {y1:.0f}) and ({x2:.0f}, {y2:.0f}); standard error "
        f"{100 * found['relative_error']:.0f} %"
    )
