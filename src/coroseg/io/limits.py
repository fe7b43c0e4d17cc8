"""What is read at most, checked before it is decoded.

Sound angiograms lie far below these limits. They keep files that state absurd sizes, by damage or
by design, from taking the memory, the disk or the time of all others.
"""

from pathlib import Path

from coroseg.errors import InputError

MIN_SIDE = 32
MAX_PIXELS = 16384 * 16384
MAX_FRAMES = 2**16  # 36 minutes at 30 a second; some readers hold a time or a place for each
MAX_INFLATED = 2**31  # bytes of a compressed file (deflated DICOM, .nii.gz): no run is larger
MOST_INFLATED = 1032  # times as many bytes as deflated: 258 for each two bits (RFC 1951)
MAX_COMPONENTS = 4  # of a compressed picture: the decoders reserve memory for each that is stated
MAX_SCANS = 500  # of a progressive JPEG: each one takes as long as a whole picture


def check_size(path: Path, rows: int, columns: int, frames: int = 1) -> None:
    """Return nothing where an image of this size is read; call it before decoding.

    Raises `InputError` over `MAX_PIXELS` pixels, under `MIN_SIDE` rows or columns, or over
    `MAX_FRAMES` frames.
    """
    if rows < MIN_SIDE or columns < MIN_SIDE:
        raise InputError(
            f"{path}: {columns} x {rows} pixels are too few for an angiogram: "
            f"pass an image of at least {MIN_SIDE} x {MIN_SIDE}"
        )
    if rows * columns > MAX_PIXELS:
        raise InputError(
            f"{path}: {columns} x {rows} pixels are too many: "
            f"reduce the image to at most {MAX_PIXELS / 1e6:.0f} million pixels"
        )
    if frames > MAX_FRAMES:
        raise InputError(
            f"{path}: {frames} frames are too many: damaged, or no run: "
            f"split it into files of at most {MAX_FRAMES} frames"
        )
