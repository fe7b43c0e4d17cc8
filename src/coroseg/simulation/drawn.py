"""A drawn coronary angiogram: what the demo reads, with the truth that it was drawn from.

No anatomy is simulated: a tree of smooth branches fills with contrast, darkens a chest-like
background by Beer-Lambert's law, moves with the heart and is washed out.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    XRayAngiographicImageStorage,
    generate_uid,
)
from scipy.spatial import cKDTree

from coroseg.errors import OutputError
from coroseg.simulation.drawn_chest import Image, background, heart_motion, sigmoid
from coroseg.simulation.drawn_tree import TREES, Branch, catheter, grow_tree
from coroseg.spacing import PixelSpacing, SpacingSource

_FRAME_TIME_MS = 66.7
_TO_DETECTOR_MM, _TO_PATIENT_MM = 1050.0, 765.0
_DETECTOR_MM = 200.0  # side of the field at the detector
_WHITE = 4095
_PHOTONS = 3500  # at white; the noise is their square root
_BEAT_FRAMES = 13.0
_IODINE = 26.0  # attenuation per unit of vessel diameter, the image's side being 1
_FULL = 0.5  # when all vessels are full, the run lasting 1
_VISIBLE = 0.25  # contrast, of the fullest, from which a vessel counts as shown
_ANGLES_DEG = {"LCA": (-30.0, -15.0), "RCA": (30.0, 0.0)}  # RAO caudal, LAO
_DATE, _TIME = "20000101", "120000"  # fixed, so that the same run gives the same bytes


@dataclass(frozen=True)
class DrawnRun:
    """Frames (N, rows, columns), 12 bits; masks of the same shape: lumen shown by contrast."""

    frames: NDArray[np.uint16]
    masks: NDArray[np.bool_]
    spacing: PixelSpacing
    seed: int
    artery: str


@dataclass(frozen=True)
class _Layer:
    """Vessels at rest: diameter along the ray, distance inside the wall, path from the ostium."""

    thickness: Image
    inside: Image
    path: Image


def draw_run(seed: int = 0, frames: int = 24, size: int = 512) -> DrawnRun:
    """Return a run of `frames` square frames of `size` pixels; the same seed gives the same run.

    Its first frames are without contrast; the vessels are full from the middle to two thirds of
    the run, and washed out at its end. A run of one frame shows them full.
    """
    rng = np.random.default_rng(seed)
    artery = str(rng.choice(list(TREES)))
    branches = grow_tree(rng, artery)
    vessels = _layer(branches, size)
    first = branches[0].points
    tube = _layer([catheter(first[0], _unit(first[20] - first[0]))], size)
    chest, heart = background(rng, size)
    beat_start = rng.uniform(0, 2 * np.pi)

    images = np.empty((frames, size, size), dtype=np.uint16)
    masks = np.empty((frames, size, size), dtype=np.bool_)
    for index in range(frames):
        grid = heart_motion(size, 2 * np.pi * index / _BEAT_FRAMES + beat_start)
        thickness, inside, path, tube_thickness, shadow = (
            _moved(layer, grid)
            for layer in (vessels.thickness, vessels.inside, vessels.path, tube.thickness, heart)
        )
        time = index / (frames - 1) if frames > 1 else _FULL
        contrast = _contrast(path, time)
        in_tube = 0.45 + 0.55 * float(_contrast(np.zeros(1, np.float32), time)[0])
        attenuation = chest + shadow
        attenuation += _IODINE * (contrast * thickness + in_tube * tube_thickness)
        images[index] = _detected(rng, np.exp(-attenuation))
        masks[index] = (inside > 0) & (contrast > _VISIBLE)
    side_mm = _DETECTOR_MM / size * _TO_PATIENT_MM / _TO_DETECTOR_MM
    return DrawnRun(
        images, masks, PixelSpacing((side_mm, side_mm), SpacingSource.DISTANCES), seed, artery
    )


def _layer(branches: list[Branch], size: int) -> _Layer:
    """Draw circular cross-sections: a ray at distance d of the axis crosses 2 (r^2 - d^2)^0.5."""
    shape = (size, size)
    thickness = np.zeros(shape, dtype=np.float32)
    inside = np.full(shape, -1, dtype=np.float32)
    path = np.zeros(shape, dtype=np.float32)
    for branch in branches:
        reach = branch.radius.max() + 1.5 / size  # beyond the wall, for interpolation
        low = np.floor((branch.points.min(axis=0) - reach) * size).astype(int).clip(0, size)
        high = np.ceil((branch.points.max(axis=0) + reach) * size).astype(int).clip(0, size)
        if (high <= low).any():
            continue
        y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
        pixels = (np.column_stack([x.ravel(), y.ravel()]) + 0.5) / size
        distance, nearest = cKDTree(branch.points).query(pixels, distance_upper_bound=reach)
        near = np.isfinite(distance)
        rows, columns = y.ravel()[near], x.ravel()[near]
        radius, distance = branch.radius[nearest[near]], distance[near]
        margin = radius - distance
        chord = 2 * np.sqrt(np.clip(radius**2 - distance**2, 0, None))
        thickness[rows, columns] = np.maximum(thickness[rows, columns], chord)
        deeper = margin > inside[rows, columns]
        inside[rows[deeper], columns[deeper]] = margin[deeper]
        path[rows[deeper], columns[deeper]] = branch.path[nearest[near]][deeper]
    return _Layer(thickness, inside, path)


def _moved(layer: Image, grid: tuple[Image, Image]) -> Image:
    return np.asarray(
        cv2.remap(layer, *grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _contrast(path: Image, time: float) -> Image:
    """Return the contrast (0 to 1) in a vessel at `path` from the ostium, at `time` 0 to 1."""
    filled = sigmoid((time - 0.19 - 0.15 * path) / 0.022)
    washed_out = sigmoid((time - 0.70 - 0.13 * path) / 0.045)
    return filled * (1 - washed_out)


def _detected(rng: np.random.Generator, intensity: Image) -> NDArray[np.uint16]:
    """Return the detector's 12-bit values: blur of focus and motion, then quantum noise."""
    blurred = cv2.GaussianBlur(intensity, (0, 0), 0.8)
    noise = rng.standard_normal(intensity.shape, dtype=np.float32)
    noise = 1.6 * cv2.GaussianBlur(noise, (0, 0), 0.6)  # the detector's own, slight blur
    noisy = blurred + noise * np.sqrt(blurred / _PHOTONS)
    values: NDArray[np.uint16] = np.rint(np.clip(noisy, 0, 1) * _WHITE).astype(np.uint16)
    return values


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.hypot(*vector))


def write_drawn_run(path: Path, run: DrawnRun) -> None:
    """Write `run` to `path` as a multi-frame XA image, JPEG-LS lossless; same run, same bytes.

    Its spacing is stored as Imager Pixel Spacing with the distances of the source to the detector
    and to the patient. Raises `OutputError` where the file cannot be written.
    """
    dataset = _header(run)
    dataset.PixelData = run.frames.tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    try:
        dataset.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}): choose another folder with --out"
        ) from error


def _header(run: DrawnRun) -> Dataset:
    frames, rows, columns = run.frames.shape
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = XRayAngiographicImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        origin = f"coroseg drawn run {run.seed} of {run.frames.shape}: {keyword}"
        setattr(dataset, keyword, generate_uid(entropy_srcs=[origin]))

    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    dataset.Modality = "XA"
    dataset.Manufacturer = "coroseg"
    dataset.ManufacturerModelName = "drawn run"
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = _DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = _TIME
    dataset.PatientName = "Drawn^Run"
    dataset.PatientID = f"DRAWN-{run.seed}"
    dataset.PatientBirthDate = dataset.PatientSex = dataset.PatientOrientation = ""
    dataset.ReferringPhysicianName = dataset.AccessionNumber = dataset.ContrastBolusAgent = ""
    dataset.StudyID = "1"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.SeriesDescription = f"Drawn {run.artery}, no patient"
    dataset.BurnedInAnnotation = "NO"

    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames = frames
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LIN"
    dataset.LossyImageCompression = "00"
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.FrameIncrementPointer = Tag("FrameTime")
    dataset.FrameTime = _FRAME_TIME_MS
    dataset.CineRate = round(1000 / _FRAME_TIME_MS)

    dataset.KVP = 80
    dataset.XRayTubeCurrent = 500
    dataset.ExposureTime = 7
    dataset.RadiationSetting = "GR"
    dataset.PositionerMotion = "STATIC"
    dataset.PositionerPrimaryAngle, dataset.PositionerSecondaryAngle = _ANGLES_DEG[run.artery]
    dataset.DistanceSourceToDetector = _TO_DETECTOR_MM
    dataset.DistanceSourceToPatient = _TO_PATIENT_MM
    magnification = _TO_DETECTOR_MM / _TO_PATIENT_MM
    dataset.ImagerPixelSpacing = [f"{mm * magnification:.8f}" for mm in run.spacing.mm]
    return dataset
