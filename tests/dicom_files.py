"""DICOM files of any form, written by tests for tests."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    XRayAngiographicImageStorage,
)

NATIVE = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]
LOSSLESS = [
    *NATIVE,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
]


def scene(
    frames: int = 3, rows: int = 40, columns: int = 56, bits: int = 12, seed: int = 0
) -> NDArray[np.uint16]:
    """Return smooth frames (frames, rows, columns) of `bits` bits, each different."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns]
    phase = generator.uniform(0, 6, (frames, 1, 1))
    wave = 0.5 + 0.3 * np.sin(x / 9 + phase) + 0.15 * np.cos(y / 5 - phase)
    return np.rint(wave * (2**bits - 1)).astype(np.uint16)


def xa_dataset(pixels: NDArray[Any], bits: int, **elements: Any) -> Dataset:
    """Return an XA image of `pixels` (frames, rows, columns) or (frames, rows, columns, 3).

    Signed where the array is. An element given as None is left out.
    """
    dataset = Dataset()
    dataset.SOPClassUID = XRayAngiographicImageStorage
    dataset.SOPInstanceUID = "1.2.826.0.1.3680043.10.1.4"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.10.1.2"
    dataset.SeriesInstanceUID = "1.2.826.0.1.3680043.10.1.3"
    dataset.Modality = "XA"
    dataset.PatientID = "P-17"
    dataset.SamplesPerPixel = 1 if pixels.ndim == 3 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 3 else "RGB"
    if pixels.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.NumberOfFrames = len(pixels)
    dataset.Rows, dataset.Columns = pixels.shape[1:3]
    dataset.BitsAllocated = 8 * pixels.itemsize
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def write_dicom(
    path: Path,
    pixels: NDArray[Any],
    *,
    bits: int = 12,
    syntax: UID = ExplicitVRLittleEndian,
    offset_table: bool = True,
    fragments: int = 1,
    **elements: Any,
) -> Path:
    """Write `xa_dataset` with its pixels in the transfer syntax `syntax`; return `path`."""
    dataset = xa_dataset(pixels, bits, **elements)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    if syntax in NATIVE:
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        stored = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        dataset.PixelData = stored + b"\0" * (len(stored) % 2)
        dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    elif syntax == RLELossless:
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = pixels.tobytes()
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        frames = [_encoded(frame, bits, syntax) for frame in pixels]
        dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments, has_bot=offset_table)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def _encoded(frame: NDArray[Any], bits: int, syntax: UID) -> bytes:
    if syntax == JPEGBaseline8Bit:
        return bytes(imagecodecs.jpeg8_encode(frame, level=98))
    if syntax == JPEGExtended12Bit:
        return bytes(imagecodecs.jpeg8_encode(frame, level=98, bitspersample=bits))
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        predictor = 1 if syntax == JPEGLosslessSV1 else 4
        return bytes(
            imagecodecs.jpeg8_encode(frame, lossless=True, predictor=predictor, bitspersample=bits)
        )
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        unsigned = frame.view(f"u{frame.itemsize}")  # JPEG-LS knows no sign
        return bytes(imagecodecs.jpegls_encode(unsigned, level=2 * (syntax == JPEGLSNearLossless)))
    if syntax in (JPEG2000Lossless, JPEG2000):
        level = 0 if syntax == JPEG2000Lossless else 60
        return bytes(
            imagecodecs.jpeg2k_encode(
                frame,
                level=level,
                reversible=syntax == JPEG2000Lossless,
                codecformat="j2k",
                bitspersample=bits,
            )
        )
    raise AssertionError(syntax)
