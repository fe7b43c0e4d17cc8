"""The pixels: what is beside them goes, masks are blank, and everything else keeps its bits."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_fragments, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLSLossless,
)

from coroseg.deidentify.file import Request, deidentify_file
from coroseg.deidentify.key import Key
from coroseg.deidentify.pixels import Rectangle
from coroseg.deidentify.streams import without_comments
from coroseg.errors import InputError
from coroseg.io.dicom import read_dicom
from dicom_files import LOSSLESS, scene, write_dicom

KEY = Key(b"k" * 32)
BOX = (3, 5, 20, 7)
INSIDE = np.s_[5:12, 3:23]


def through(source: Path, folder: Path, request: Request | None = None) -> Path:
    deidentify_file(source, request or Request(), KEY).write(folder / "out.dcm")
    return folder / "out.dcm"


def pixels(path: Path) -> np.ndarray:
    return np.stack([*read_dicom(path).frames])


@pytest.mark.parametrize("syntax", [*LOSSLESS, JPEGBaseline8Bit], ids=lambda uid: uid.name)
def test_pixel_data_is_kept_byte_for_byte(tmp_path: Path, syntax: UID) -> None:
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    stored = scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    source = write_dicom(tmp_path / "in.dcm", stored, bits=bits, syntax=syntax)
    written = dcmread(through(source, tmp_path))
    assert written.PixelData == dcmread(source).PixelData
    kept = ExplicitVRLittleEndian if syntax == DeflatedExplicitVRLittleEndian else syntax
    assert written.file_meta.TransferSyntaxUID == kept


@pytest.mark.parametrize("kind", [np.uint16, np.int16])
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_mask_is_black_in_all_frames_and_the_rest_as_it_was(
    tmp_path: Path, syntax: UID, kind: type
) -> None:
    if kind is np.int16 and syntax.is_encapsulated and syntax != JPEGLSLossless:
        pytest.skip("the encoders of the tests write no signed pixels")
    stored = scene().astype(np.int32) - (2048 if kind is np.int16 else 0)
    source = write_dicom(
        tmp_path / "in.dcm", stored.astype(kind), syntax=syntax, BurnedInAnnotation="YES"
    )
    path = through(source, tmp_path, Request(rectangles=(BOX,)))
    expected = stored.copy()
    expected[(slice(None), *INSIDE)] = -2048 if kind is np.int16 else 0
    written = dcmread(path)
    assert written.BurnedInAnnotation == "NO"
    found = written.pixel_array.astype(np.int32)
    np.testing.assert_array_equal(found, expected)


def test_a_mask_of_monochrome1_is_black_too(tmp_path: Path) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), PhotometricInterpretation="MONOCHROME1")
    path = through(source, tmp_path, Request(rectangles=(BOX,)))
    assert pixels(path)[(slice(None), *INSIDE)].max() == 0


@pytest.mark.parametrize("planar", [0, 1])
def test_a_mask_reaches_all_colours(tmp_path: Path, planar: int) -> None:
    shape = (2, 40, 56, 3) if planar == 0 else (2, 3, 40, 56)
    stored = np.random.default_rng(0).integers(1, 255, shape, np.uint8)
    source = write_dicom(tmp_path / "in.dcm", stored.reshape(2, 40, 56, 3), bits=8)
    dataset = dcmread(source)
    dataset.PlanarConfiguration = planar
    dataset.save_as(source)
    before = dcmread(source).pixel_array.copy()
    before[(slice(None), *INSIDE)] = 0
    path = through(source, tmp_path, Request(rectangles=(BOX,)))
    np.testing.assert_array_equal(dcmread(path).pixel_array, before)


def test_burned_in_text_is_refused_unless_masked(tmp_path: Path) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), BurnedInAnnotation="YES")
    with pytest.raises(InputError, match="is YES: mask it with --mask-text or --mask-rectangle"):
        deidentify_file(source, Request(), KEY)
    with pytest.raises(InputError, match="no text was found"):
        deidentify_file(source, Request(mask_text=True), KEY)


@pytest.mark.parametrize(("x", "y"), [(56, 0), (0, 40), (99, 99)])
def test_a_mask_beside_the_image_is_refused(tmp_path: Path, x: int, y: int) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene())
    outside = rf"--mask-rectangle {x},{y},9,9 lies outside its 56 x 40 pixels"
    with pytest.raises(InputError, match=outside):
        deidentify_file(source, Request(rectangles=(BOX, (x, y, 9, 9))), KEY)


def test_what_follows_the_pixels_and_old_overlays_in_them_go(tmp_path: Path) -> None:
    stored = scene()
    source = write_dicom(tmp_path / "in.dcm", stored)
    dataset = dcmread(source)
    dataset.PixelData = (stored | 0x5000).tobytes() + b"DOE^JANE"
    dataset.save_as(source)
    assert dcmread(through(source, tmp_path)).PixelData == stored.tobytes()


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGLossless, JPEGLSLossless])
def test_comments_of_jpeg_are_blank(tmp_path: Path, syntax: UID) -> None:
    comment = b"\xff\xfe\x00\x0aDOE^JANE\xff\xe5\x00\x07JANE\0"
    source = write_dicom(tmp_path / "in.dcm", scene(bits=8).astype(np.uint8), bits=8, syntax=syntax)
    dataset = dcmread(source)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=3))
    dataset.PixelData = encapsulate([f[:2] + comment + f[2:] + b"JANE" for f in frames])
    before = dataset.pixel_array.copy()
    dataset.save_as(source)
    path = through(source, tmp_path)
    assert b"JANE" not in path.read_bytes()
    np.testing.assert_array_equal(dcmread(path).pixel_array, before)


@pytest.mark.parametrize("offset_table", [True, False])
def test_comments_go_from_frames_in_several_fragments_too(
    tmp_path: Path, *, offset_table: bool
) -> None:
    source = write_dicom(
        tmp_path / "in.dcm",
        scene(bits=8).astype(np.uint8),
        bits=8,
        syntax=JPEGBaseline8Bit,
        fragments=2,
        offset_table=offset_table,
    )
    dataset = dcmread(source)
    before = dataset.pixel_array.copy()
    stream = bytearray(dataset.PixelData)
    places = [at for at in range(len(stream)) if stream.startswith(b"JFIF\0", at)]
    assert len(places) == 3
    for at in places:
        stream[at : at + 5] = b"ANNA\0"
    dataset.PixelData = bytes(stream)
    dataset.save_as(source)
    written = dcmread(through(source, tmp_path))
    assert b"ANNA" not in written.PixelData
    sizes = [
        [len(fragment) for fragment in generate_fragments(data.PixelData)]
        for data in (dataset, written)
    ]
    assert sizes[0] == sizes[1]
    np.testing.assert_array_equal(written.pixel_array, before)


def test_a_damaged_frame_leaves_no_file(tmp_path: Path) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), syntax=JPEGLSLossless)
    content = source.read_bytes()
    last = content.rindex(b"\xfe\xff\x00\xe0") + 8
    source.write_bytes(content[:last] + b"\0\0" + content[last + 2 :])
    with pytest.raises(InputError, match="the frames cannot be read"):
        through(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["in.dcm"]


@pytest.mark.parametrize("masks", [(), (BOX,)], ids=["unmasked", "masked"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless])
def test_a_long_run_takes_the_memory_of_a_short_one(
    tmp_path: Path, syntax: UID, masks: tuple[Rectangle, ...]
) -> None:
    frame = np.random.default_rng(0).integers(0, 4096, (512, 1024), np.uint16)  # 1 MB
    peaks = []
    for count in (1, 4, 24):  # the first is not counted: what is loaded once
        stored = np.broadcast_to(frame, (count, *frame.shape))
        source = write_dicom(tmp_path / "in.dcm", stored, syntax=syntax)
        tracemalloc.start()
        try:
            through(source, tmp_path, Request(rectangles=masks))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[2] < peaks[1] + 1e6


def test_comments_of_jpeg_2000_are_blank(tmp_path: Path) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), syntax=JPEG2000Lossless)
    dataset = dcmread(source)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=3))
    end = 4 + int.from_bytes(frames[0][4:6], "big")  # of the size segment
    comment = b"\xff\x64\x00\x0d\x00\x01Jane Doe!"
    planted = [frame[:end] + comment + frame[end:] for frame in frames]
    dataset.PixelData = encapsulate(planted)
    dataset.save_as(source)
    path = through(source, tmp_path)
    assert b"Jane" not in path.read_bytes()
    np.testing.assert_array_equal(pixels(path), pixels(source))
    assert len(without_comments(planted[0], JPEG2000Lossless)) == len(planted[0])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLossless])
def test_a_cut_file_is_refused(tmp_path: Path, syntax: UID) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), syntax=syntax)
    source.write_bytes(source.read_bytes()[:-900])
    with pytest.raises(InputError, match="export or copy it again"):
        deidentify_file(source, Request(), KEY)


def test_video_is_refused(tmp_path: Path) -> None:
    source = write_dicom(tmp_path / "in.dcm", scene(), syntax=JPEGLossless)
    dataset: Dataset = dcmread(source)
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    dataset.save_as(source)
    with pytest.raises(InputError, match="text within MPEG-4"):
        deidentify_file(source, Request(), KEY)
