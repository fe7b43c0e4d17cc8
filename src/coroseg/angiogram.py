"""An X-ray coronary angiogram: frames decoded when asked for, and what is known of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coroseg.errors import InputError
from coroseg.spacing import PixelSpacing

Frame = NDArray[np.float32]
"""(rows, columns), 0 = black to 1 = white as displayed: vessels are dark."""


class Frames(Protocol):
    """The frames of one run. Iterating decodes them one by one; none is kept."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Frame: ...

    def __iter__(self) -> Iterator[Frame]: ...


@dataclass(frozen=True)
class Angiogram:
    """One run, or one image as a run of one frame.

    `frame_times_ms[i]` is the time of frame i after the first frame. Angles are the positioner's
    (0018,1510) and (0018,1511): positive is LAO and cranial. `identifiers` are the DICOM
    keywords that name the patient's study and this object, as text.
    """

    name: str
    frames: Frames
    rows: int
    columns: int
    path: Path | None = None
    spacing: PixelSpacing | None = None
    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None
    frame_times_ms: tuple[float, ...] | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)

    def frame(self, number: int) -> Frame:
        """Return frame `number`, counted from 1. Raises `InputError` past the end."""
        if not 1 <= number <= len(self.frames):
            raise InputError(
                f"{self.name}: there is no frame {number}: the run has {len(self.frames)}, "
                "counted from 1"
            )
        return self.frames[number - 1]
