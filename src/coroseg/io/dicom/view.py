"""A DICOM frame as its maker wants it seen: the grayscale pipeline of PS3.4 N.2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_windowing

from coroseg.angiogram import Frame
from coroseg.errors import InputError
from coroseg.io.dicom.values import number, text, value

_FULL_RANGE_BITS = 8  # up to here the stored range itself is the view; above, the frame's own

_Values = NDArray[Any]
_Ends = tuple[float, float]


def default_view(stored: _Values, dataset: Dataset, frame: int) -> Frame:
    """Return the stored values (rows, columns) of `frame`, counted from 0, as displayed.

    Modality LUT or rescale, then the first VOI LUT or window, then inversion for MONOCHROME1.
    Without a window, up to 8 bits are shown over their whole range, and more bits from the
    frame's own minimum to its maximum (a constant frame is 0). Raises `InputError` for a
    lookup table that is broken.
    """
    values, ends = _modality_values(stored, dataset, frame)
    if table := value(dataset, "VOILUTSequence", frame):
        shown, bits = _look_up(values, table[0], dataset, "VOI LUT Sequence (0028,3010)")
        shown = _between(shown, (0, 2**bits - 1))
    elif window := _window(dataset, frame):
        with np.errstate(
            over="ignore"
        ):  # far below a SIGMOID's centre exp() is inf: 0 as it should
            shown = apply_windowing(values, window) / (2**window.BitsStored - 1)
    else:
        shown = _between(values, ends or (float(values.min()), float(values.max())))
    shown = np.clip(shown, 0, 1)
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        shown = 1 - shown
    return shown.astype(np.float32)


def _modality_values(stored: _Values, dataset: Dataset, frame: int) -> tuple[_Values, _Ends | None]:
    """Return the input of the window and, where 8 bits hold it, the ends of its range."""
    table = value(dataset, "ModalityLUTSequence", frame)
    if table and not _leads_back_to_intensity(dataset, frame):
        values, bits = _look_up(stored, table[0], dataset, "Modality LUT Sequence (0028,3000)")
        return values, (0, 2**bits - 1) if bits <= _FULL_RANGE_BITS else None

    bits = int(dataset.BitsStored)
    low = -(2 ** (bits - 1)) if dataset.PixelRepresentation else 0
    slope = number(dataset, "RescaleSlope", frame) or 1
    intercept = number(dataset, "RescaleIntercept", frame) or 0
    low_end, high_end = sorted(slope * end + intercept for end in (low, low + 2**bits - 1))
    return (
        stored * float(slope) + intercept,
        (low_end, high_end) if bits <= _FULL_RANGE_BITS else None,
    )


def _leads_back_to_intensity(dataset: Dataset, frame: int) -> bool:
    """Return whether the Modality LUT is for analysis, not display (PS3.3 C.8.7.1.1.2)."""
    relationship = str(value(dataset, "PixelIntensityRelationship", frame))
    return text(dataset, "Modality") in ("XA", "RF") and relationship in ("LOG", "DISP")


def _look_up(values: _Values, item: Dataset, dataset: Dataset, name: str) -> tuple[_Values, int]:
    """Return `values` through a lookup table, and the bits of its output (PS3.3 C.11.1.1).

    pydicom's own function fails for outputs of 9 to 15 bits and for 8-bit tables of more than 256
    entries.
    """
    try:
        length, first, bits = (int(x) for x in item.LUTDescriptor)
        length = length or 2**16
        data = item.LUTData
        if isinstance(data, bytes):
            order = ">" if dataset.original_encoding[1] is False else "<"
            entries = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * length else "u1")
        else:
            entries = np.atleast_1d(np.asarray(data, dtype=np.int64))
        table = entries[:length].astype(np.float64)
        positions = np.clip(np.rint(values).astype(np.int64) - first, 0, length - 1)
        return table[positions], bits
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{name} is broken ({error}): export the file again, or as PNG") from error


def _window(dataset: Dataset, frame: int) -> Dataset | None:
    """Return the first window of `frame` for pydicom, whose output range is 0 to 65535."""
    centre = number(dataset, "WindowCenter", frame)
    width = number(dataset, "WindowWidth", frame)
    function = str(value(dataset, "VOILUTFunction", frame) or "LINEAR").upper()
    if centre is None or width is None or width <= 0:
        return None
    window = Dataset()
    window.PhotometricInterpretation = "MONOCHROME2"
    window.BitsStored, window.PixelRepresentation = 16, 0
    window.VOILUTFunction = function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR"
    if window.VOILUTFunction == "LINEAR":
        width = max(width, 1)  # the least that PS3.3 C.11.2.1.2.1 allows: a threshold
    window.WindowCenter, window.WindowWidth = centre, width
    return window


def _between(values: _Values, ends: _Ends) -> _Values:
    """Return `values` scaled so that `ends` become 0 and 1; 0 where the ends coincide."""
    low, high = ends
    return (values - low) / (high - low) if high > low else np.zeros(values.shape)
