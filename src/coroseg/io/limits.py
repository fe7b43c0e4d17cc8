"""The sizes of image that are read."""

from pathlib import Path

from coroseg.errors import InputError

MAX_PIXELS = 16384 * 16384
MIN_SIDE = 32


def check_size(path: Path, rows: int, columns: int) -> None:
    """Return nothing where an image of this size is read; call it before decoding.

    Raises `InputError` over `MAX_PIXELS` pixels, or under `MIN_SIDE` rows or columns.
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
