"""Sound DICOM files of every form: the frames, and what is known of them."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedXAImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from coroseg.io.dicom import read_dicom
from dicom_files import LOSSLESS, scene, write_dicom

LOSSY = [JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000]


def frames_of(path: Path, **options: Any) -> NDArray[np.float32]:
    return np.stack(list(read_dicom(path, **options).frames))


def expected(pixels: NDArray[Any], bits: int) -> NDArray[np.float64]:
    """Return the view without a window: 8 bits over their range, more over the frame's own."""
    if bits <= 8:
        return pixels / (2.0**bits - 1)
    low = pixels.min(axis=(1, 2), keepdims=True).astype(float)
    return (pixels - low) / (pixels.max(axis=(1, 2), keepdims=True) - low)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_lossless_syntaxes_give_every_value(tmp_path: Path, syntax: UID, bits: int) -> None:
    pixels = scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=bits, syntax=syntax)
    run = read_dicom(path)
    np.testing.assert_allclose(np.stack(list(run.frames)), expected(pixels, bits), atol=1e-6)
    assert (len(run.frames), run.rows, run.columns) == (3, 40, 56)
    assert run.frames[0].dtype == np.float32


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda uid: uid.keyword)
def test_lossy_syntaxes_come_close(tmp_path: Path, syntax: UID) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    pixels = scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=bits, syntax=syntax)
    np.testing.assert_allclose(frames_of(path), expected(pixels, bits), atol=0.01)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, RLELossless])
def test_frames_without_an_offset_table_are_found(tmp_path: Path, syntax: UID) -> None:
    pixels = scene(frames=5)
    path = write_dicom(tmp_path / "run.dcm", pixels, syntax=syntax, offset_table=False)
    frames = read_dicom(path).frames
    for index in (4, 0, 2, -1):
        np.testing.assert_allclose(frames[index], expected(pixels, 12)[index], atol=1e-6)


def test_frames_in_several_fragments_are_joined(tmp_path: Path) -> None:
    pixels = scene(rows=64, columns=72)
    path = write_dicom(tmp_path / "run.dcm", pixels, syntax=JPEGLSLossless, fragments=3)
    np.testing.assert_allclose(frames_of(path), expected(pixels, 12), atol=1e-6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless, RLELossless])
def test_signed_values(tmp_path: Path, syntax: UID) -> None:
    pixels = scene(bits=12).astype(np.int16) - 2048
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=12, syntax=syntax)
    np.testing.assert_allclose(frames_of(path), expected(pixels.astype(float), 12), atol=1e-6)


def test_signed_eight_bits_fill_their_range(tmp_path: Path) -> None:
    pixels = (scene(bits=8).astype(np.int16) - 128).astype(np.int8)
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=8)
    np.testing.assert_allclose(frames_of(path), (pixels + 128.0) / 255, atol=1e-6)


def test_bits_beyond_the_stored_ones_are_ignored(tmp_path: Path) -> None:
    pixels = scene(bits=12)
    with_overlay = pixels | np.uint16(1 << 13)
    with_overlay[:, ::2] |= np.uint16(1 << 15)
    path = write_dicom(tmp_path / "run.dcm", with_overlay, bits=12)
    np.testing.assert_allclose(frames_of(path), expected(pixels, 12), atol=1e-6)


@pytest.mark.parametrize("colours", ["MONOCHROME1", "MONOCHROME2"])
def test_vessels_are_dark_in_both_monochromes(tmp_path: Path, colours: str) -> None:
    scene_8 = scene(bits=8).astype(np.uint8)
    pixels = 255 - scene_8 if colours == "MONOCHROME1" else scene_8
    path = write_dicom(tmp_path / "run.dcm", pixels, bits=8, PhotometricInterpretation=colours)
    np.testing.assert_allclose(frames_of(path), scene_8 / 255, atol=1e-6)


@pytest.mark.parametrize("colours", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_gray_stored_as_colour_is_gray(tmp_path: Path, colours: str, syntax: UID) -> None:
    gray = scene(bits=8).astype(np.uint8)
    neutral = np.full_like(gray, 128)
    channels = [gray, gray, gray] if colours == "RGB" else [gray, neutral, neutral]
    path = write_dicom(
        tmp_path / "run.dcm",
        np.stack(channels, axis=-1),
        bits=8,
        syntax=syntax,
        PhotometricInterpretation=colours,
    )
    np.testing.assert_allclose(frames_of(path), gray / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("syntax", "colours"), [(JPEGBaseline8Bit, "YBR_FULL_422"), (JPEGLosslessSV1, "RGB")]
)
def test_gray_stored_as_colour_jpeg_is_gray(tmp_path: Path, syntax: UID, colours: str) -> None:
    gray = scene(bits=8).astype(np.uint8)
    path = write_dicom(
        tmp_path / "run.dcm",
        np.stack([gray] * 3, axis=-1),
        bits=8,
        syntax=syntax,
        PhotometricInterpretation=colours,
    )
    np.testing.assert_allclose(frames_of(path), gray / 255, atol=0.01)


def test_a_single_image_is_a_run_of_one_frame(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "image", scene(frames=1), NumberOfFrames=None)
    run = read_dicom(path)
    assert len(run.frames) == 1
    assert run.frame(1).shape == (40, 56)
    assert (run.name, run.path) == ("image", path)


def test_a_constant_frame_is_black(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", np.full((1, 40, 56), 700, np.uint16))
    assert not frames_of(path).any()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_data_set_without_preamble_is_read(tmp_path: Path, syntax: UID) -> None:
    pixels = scene()
    dataset = dcmread(write_dicom(tmp_path / "run.dcm", pixels, syntax=syntax))
    del dataset.file_meta
    dataset.preamble = None
    bare = tmp_path / "bare"
    dataset.save_as(
        bare, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=False
    )
    assert bare.read_bytes()[128:132] != b"DICM"
    np.testing.assert_allclose(frames_of(bare), expected(pixels, 12), atol=1e-6)


@pytest.mark.parametrize(
    "form",
    [
        {"Modality": "RF"},
        {"SOPClassUID": SecondaryCaptureImageStorage},
        {"SOPClassUID": EnhancedXAImageStorage},
    ],
    ids=["RF", "secondary capture", "enhanced"],
)
def test_kindred_objects_are_read(tmp_path: Path, form: dict[str, Any]) -> None:
    assert frames_of(write_dicom(tmp_path / "run.dcm", scene(), **form)).shape == (3, 40, 56)


def test_enhanced_xa_keeps_windows_and_angles_in_functional_groups(tmp_path: Path) -> None:
    def frame_group(centre: float) -> Dataset:
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 1000
        window.VOILUTFunction = "LINEAR_EXACT"
        group.FrameVOILUTSequence = Sequence([window])
        return group

    position, shared = Dataset(), Dataset()
    position.PositionerPrimaryAngle, position.PositionerSecondaryAngle = -30, 15
    shared.PositionerPositionSequence = Sequence([position])
    pixels = scene(frames=2)
    path = write_dicom(
        tmp_path / "run.dcm",
        pixels,
        SOPClassUID=EnhancedXAImageStorage,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([frame_group(1500), frame_group(2500)]),
    )
    run = read_dicom(path)
    assert (run.primary_angle_deg, run.secondary_angle_deg) == (-30, 15)
    for frame, stored, low in zip(run.frames, pixels, (1000, 2000), strict=True):
        np.testing.assert_allclose(
            frame, np.clip((stored.astype(float) - low) / 1000, 0, 1), atol=1e-6
        )


def test_identifiers_and_angles_as_text_and_numbers(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "run.dcm",
        scene(),
        Manufacturer="Maker",
        StudyDate="20240229",
        PositionerPrimaryAngle="-31.5",
        PositionerSecondaryAngle="",
    )
    run = read_dicom(path)
    assert run.identifiers == {
        "PatientID": "P-17",
        "StudyInstanceUID": "1.2.826.0.1.3680043.10.1.2",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.10.1.3",
        "SOPInstanceUID": "1.2.826.0.1.3680043.10.1.4",
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1",
        "Modality": "XA",
        "StudyDate": "20240229",
        "Manufacturer": "Maker",
    }
    assert (run.primary_angle_deg, run.secondary_angle_deg) == (-31.5, None)


VECTOR = {"FrameTimeVector": [7, 30, 50]}  # the first increment has no meaning


@pytest.mark.parametrize(
    ("elements", "times"),
    [
        ({}, None),
        (VECTOR | {"FrameTime": 40}, (0, 30, 80)),
        ({"FrameTimeVector": [0, 30], "FrameTime": 40}, (0, 40, 80)),
        ({"FrameTime": 40, "CineRate": 10}, (0, 40, 80)),
        ({"FrameTime": 0, "CineRate": 10}, (0, 100, 200)),
        ({"CineRate": 10, "RecommendedDisplayFrameRate": 5}, (0, 100, 200)),
        ({"RecommendedDisplayFrameRate": 5}, (0, 200, 400)),
        ({"CineRate": 0}, None),
    ],
)
def test_frame_times(
    tmp_path: Path, elements: dict[str, Any], times: tuple[float, ...] | None
) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), **elements)
    assert read_dicom(path).frame_times_ms == times


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, JPEGLosslessSV1],
    ids=lambda uid: uid.keyword,
)
def test_memory_does_not_grow_with_the_run(tmp_path: Path, syntax: UID) -> None:
    def peak(frames: int) -> int:
        pixels = np.concatenate([scene(frames=2, rows=64, columns=160)] * (frames // 2))
        path = write_dicom(tmp_path / "run.dcm", pixels, syntax=syntax)
        read_dicom(path).frames[0]  # what is imported and cached once does not count
        tracemalloc.start()
        run = read_dicom(path)
        for frame in run.frames:
            assert frame.shape == (64, 160)
        run.frames[frames - 1]
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    frame_bytes = 64 * 160 * 2
    assert peak(120) - peak(20) < 10 * frame_bytes  # 100 frames more
