"""Small sound files of every kind that is read: what the cases of the fuzzing start from."""

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
from PIL import Image
from pydicom import Dataset, Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from dicom_files import NATIVE, scene, write_dicom

SYNTAXES = [
    *NATIVE,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
]

GRAY = scene(bits=8)[0].astype(np.uint8)
DEEP = scene(bits=16)[0]
STACK = [scene(bits=8, seed=seed)[0].astype(np.uint8) for seed in range(3)]

Pack = Callable[[bytes], bytes]


def sound_files(folder: Path) -> dict[str, bytes]:
    """Return the content of each kind of file under its name, made in `folder`."""
    paths = [*_dicom(folder), *_raster(folder), *_nifti(folder), *_videos(folder)]
    return {path.name: path.read_bytes() for path in paths}


def unpacked(name: str, content: bytes) -> tuple[bytes, Pack]:
    """Return what is within a compressed file, and how to compress it again.

    Damage to compressed bytes hardly ever reaches what they hold.
    """
    if name.endswith(".nii.gz"):
        return gzip.decompress(content), lambda inner: gzip.compress(inner, 1)
    if DeflatedExplicitVRLittleEndian.keyword in name:
        start = 144 + struct.unpack_from("<L", content, 140)[0]

        def deflated(inner: bytes) -> bytes:
            packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
            return content[:start] + packer.compress(inner) + packer.flush()

        return zlib.decompress(content[start:], -zlib.MAX_WBITS), deflated
    return content, bytes


def enhanced() -> dict[str, object]:
    """Return the elements of an image with values for each frame, and lookup tables."""
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.LUTData = np.arange(4096, dtype="<u2").tobytes()
    groups = []
    for number in range(3):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = 2000 + number, 3000
        group.FrameVOILUTSequence = Sequence([window])
        groups.append(group)
    return {
        "PerFrameFunctionalGroupsSequence": Sequence(groups),
        "SharedFunctionalGroupsSequence": Sequence([Dataset()]),
        "ModalityLUTSequence": Sequence([table]),
        "FrameTimeVector": [0.0, 66.5, 67.0],
        "ImagerPixelSpacing": [0.2, 0.2],
        "DistanceSourceToDetector": 1050.0,
        "DistanceSourceToPatient": 765.0,
        "PositionerPrimaryAngle": -30.5,
        "PositionerSecondaryAngle": 20.0,
        "PatientName": "DOE^JANE",
        "StudyDate": "20240131",
    }


def _dicom(folder: Path) -> list[Path]:
    paths = []
    for syntax in SYNTAXES:
        bits = 8 if syntax == JPEGBaseline8Bit else 12
        pixels = scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
        path = folder / f"{UID(syntax).keyword}.dcm"
        paths.append(write_dicom(path, pixels, bits=bits, syntax=syntax))
    gray = np.repeat(scene(bits=8).astype(np.uint8)[..., None], 3, axis=3)
    signed = (scene().astype(np.int32) - 2048).astype(np.int16)
    fragments = {"syntax": JPEGLSLossless, "fragments": 3, "offset_table": False}
    return [
        *paths,
        write_dicom(folder / "enhanced.dcm", scene(), **enhanced()),
        write_dicom(folder / "colour.dcm", gray, bits=8, syntax=ExplicitVRLittleEndian),
        write_dicom(folder / "signed.dcm", signed, RescaleSlope=2, RescaleIntercept=-1000),
        write_dicom(folder / "fragments.dcm", scene(rows=64), **fragments),
    ]


def _raster(folder: Path) -> list[Path]:
    image, deep = Image.fromarray(GRAY), Image.fromarray(DEEP)
    others = [Image.fromarray(page) for page in STACK[1:]]
    opencv = {
        "colour16.png": cv2.merge([DEEP] * 3),
        "16.pgm": DEEP,
        "float.tif": DEEP.astype(np.float32),
        "colour16.tif": cv2.merge([DEEP] * 3),
    }
    for name, pixels in opencv.items():
        assert cv2.imwrite(str(folder / name), pixels)
    saved: dict[str, tuple[Image.Image, dict[str, object]]] = {
        "8.png": (image, {}),
        "16.png": (deep, {}),
        "palette.png": (image.convert("P"), {}),
        "alpha.png": (image.convert("LA"), {}),
        "8.jpg": (image, {}),
        "colour.jpg": (image.convert("RGB"), {}),
        "progressive.jpg": (image, {"progressive": True}),
        "8.bmp": (image, {}),
        "colour.bmp": (image.convert("RGB"), {}),
        "8.pgm": (image, {}),
        "8.tif": (image, {}),
        "16.tif": (deep, {}),
        "big.tif": (image, {"big_tiff": True}),
        "stack.tif": (image, {"save_all": True, "append_images": others}),
        "lzw.tif": (deep, {"compression": "tiff_lzw"}),
        "deflate.tif": (image, {"compression": "tiff_adobe_deflate"}),
        "packbits.tif": (image, {"compression": "packbits"}),
        "jpeg.tif": (image, {"compression": "jpeg"}),
        "fax.tif": (image.convert("1"), {"compression": "group4"}),
    }
    for name, (picture, options) in saved.items():
        picture.save(folder / name, **options)
    plain = " ".join(str(value) for value in GRAY.ravel())
    (folder / "plain.pgm").write_text(f"P2\n56 40\n255\n{plain}\n")
    return [folder / name for name in (*opencv, *saved, "plain.pgm")]


def _nifti(folder: Path) -> list[Path]:
    volume = np.stack(STACK).T
    images = {
        "8.nii": nib.Nifti1Image(volume, np.eye(4)),
        "16.nii.gz": nib.Nifti1Image(volume.astype(np.int16), np.eye(4)),
        "float.nii": nib.Nifti1Image(volume.astype(np.float32), np.eye(4)),
        "second.nii": nib.Nifti2Image(volume, np.eye(4)),
    }
    images["8.nii"].header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"words"))
    images["16.nii.gz"].header.set_slope_inter(2, 10)
    for name, image in images.items():
        nib.save(image, folder / name)
    return [folder / name for name in images]


def _videos(folder: Path) -> list[Path]:
    paths = []
    for name, codec in [("mjpg.avi", "MJPG"), ("xvid.avi", "XVID"), ("mp4v.mp4", "mp4v")]:
        code = cv2.VideoWriter.fourcc(*codec)
        writer = cv2.VideoWriter(str(folder / name), cv2.CAP_FFMPEG, code, 12.5, (56, 40))
        for page in STACK:
            writer.write(cv2.merge([page] * 3))
        writer.release()
        paths.append(folder / name)
    return paths
