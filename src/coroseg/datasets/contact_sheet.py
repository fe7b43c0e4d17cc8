"""Many images with the outlines of their masks on one page, for a look before training."""

from collections.abc import Sequence
from math import ceil, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample
from coroseg.datasets.names import name_samples
from coroseg.errors import DataError
from coroseg.io.files import write_whole
from coroseg.io.masks import read_mask

_CELL = 320  # pixels a side, without the name
_NAME_HEIGHT = 22
_OUTLINE = (0, 220, 255)  # blue, green, red


def draw_contact_sheet(
    samples: Sequence[Sample], out: Path, *, count: int = 24, seed: int = 0
) -> None:
    """Write the PNG `out`: `count` samples drawn by lot, mask outlines on the images, names below.

    Raises `DataError` or `InputError` where a file cannot be read or no sample is given.
    """
    import cv2

    if not samples:
        raise DataError(f"{out}: no sample to draw a contact sheet of")
    lot = np.random.default_rng(seed).permutation(len(samples))[:count]
    named = list(name_samples(samples).items())
    cells = [_cell(*named[index]) for index in sorted(lot)]
    columns = ceil(sqrt(len(cells)))
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)]
    with write_whole(out) as temporary:
        temporary.write_bytes(cv2.imencode(".png", np.vstack(rows))[1].tobytes())


def _cell(name: str, sample: Sample) -> NDArray[np.uint8]:
    """Return one image in a square, (rows, columns, 3), and its name below it."""
    import cv2

    image, mask = read_image(sample.image), read_mask(sample.mask)
    if mask.shape != image.shape:
        raise DataError(f"{sample.mask}: is {mask.shape}, its image {image.shape}")
    scale = _CELL / max(image.shape)
    size = tuple(max(1, round(scale * length)) for length in reversed(image.shape))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    gray = np.asarray(cv2.resize(image, size, interpolation=method) * 255, dtype=np.uint8)
    drawn = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    small = cv2.resize(mask.astype(np.float32), size, interpolation=method) >= 0.5  # noqa: PLR2004
    outlines, _ = cv2.findContours(small.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(drawn, outlines, -1, _OUTLINE, 1, cv2.LINE_AA)
    cell = np.zeros((_CELL + _NAME_HEIGHT, _CELL, 3), dtype=np.uint8)
    cell[: drawn.shape[0], : drawn.shape[1]] = drawn
    place = (4, _CELL + _NAME_HEIGHT - 7)
    cv2.putText(cell, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255,) * 3, 1, cv2.LINE_AA)
    return cell
