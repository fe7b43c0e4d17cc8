"""Damaged and cut DICOM files: one line that names the frame; never a crash, never a hang."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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

from coroseg.errors import InputError
from coroseg.io.dicom import read_dicom
from dicom_files import LOSSLESS, NATIVE, scene, write_dicom

SIZED = [
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
]
"""The syntaxes whose compressed frames state their size."""

CASES_A_SYNTAX = 8

_READ_ALL = """
import sys
from pathlib import Path
from coroseg.errors import CorosegError
from coroseg.io.dicom import read_dicom
for name in sys.argv[1:]:
    try:
        run = read_dicom(Path(name))
        for frame in run.frames:
            assert frame.shape == (run.rows, run.columns)
            assert 0 <= frame.min() <= frame.max() <= 1
        print("frames", flush=True)
    except CorosegError as error:
        print(error, flush=True)
"""


def write(path: Path, syntax: UID, **options: Any) -> Path:
    """Write three frames of as many bits as `syntax` holds."""
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    pixels = scene(bits=bits).astype(np.uint8 if bits == 8 else np.uint16)
    return write_dicom(path, pixels, bits=bits, syntax=syntax, **options)


def refusal(path: Path) -> str:
    """Return the one line with which `path` is refused, at reading or at decoding."""
    with pytest.raises(InputError) as caught:
        list(read_dicom(path).frames)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def read_in_a_process(paths: list[Path]) -> list[str]:
    """Return what becomes of each file: `frames` or its refusal. A crash names the file."""
    command = [sys.executable, "-c", _READ_ALL, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = done.stdout.splitlines()
    stopped_at = paths[len(lines)] if len(lines) < len(paths) else None
    assert (stopped_at, done.returncode, done.stderr) == (None, 0, "")
    assert len(lines) == len(paths)
    return lines


def damaged(data: bytes, generator: np.random.Generator) -> bytes:
    """Return `data` changed in some bytes: of its header, its first frame's start, or anywhere."""
    changed = bytearray(data)
    pixels = max(data.rfind(b"\xe0\x7f\x10\x00"), data.rfind(b"\x7f\xe0\x00\x10"), 300)
    regions = [(132, pixels), (pixels, pixels + 160), (pixels + 8, len(data)), (0, len(data))]
    first, last = regions[generator.integers(len(regions))]
    for place in generator.integers(first, min(last, len(data)), generator.integers(1, 9)):
        changed[place] = generator.integers(256)
    if generator.random() < 0.2:
        changed[first : first + generator.integers(1, 40)] = generator.bytes(20)  # shifts the rest
    return bytes(changed)


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    paths = []
    for syntax in [*NATIVE, *SIZED, RLELossless]:
        data = write(tmp_path / "sound.dcm", syntax).read_bytes()
        for case in range(CASES_A_SYNTAX):
            paths.append(tmp_path / f"{syntax.keyword}-{case}.dcm")
            paths[-1].write_bytes(damaged(data, generator))
    outcomes = read_in_a_process(paths)
    for path, outcome in zip(paths, outcomes, strict=True):
        assert outcome == "frames" or outcome.startswith(f"{path}: ")
    assert len(paths) / 10 < outcomes.count("frames") < len(paths) * 9 / 10


def test_run_length_segments_outside_the_stream(tmp_path: Path) -> None:
    data = write(tmp_path / "sound.dcm", RLELossless).read_bytes()
    second = data.index(struct.pack("<2L", 2, 64)) + 8  # where the second segment's offset is
    paths = []
    for offset in (0, 60, 2**16, 2**31 - 1, 2**32 - 1):
        paths.append(tmp_path / f"{offset}.dcm")
        paths[-1].write_bytes(data[:second] + struct.pack("<L", offset) + data[second + 4 :])
    for outcome in read_in_a_process(paths):
        assert "frame 1 of 3 cannot be decoded (the compressed stream is incomplete)" in outcome


@pytest.mark.parametrize("frame", [1, 2, 3])
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless],
    ids=lambda uid: uid.keyword,
)
@pytest.mark.parametrize("offset_table", [True, False])
def test_a_cut_names_the_frame(tmp_path: Path, syntax: UID, frame: int, offset_table: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (3, 40, 56)).astype(np.uint16)
    path = write_dicom(tmp_path / "run.dcm", noise, syntax=syntax, offset_table=offset_table)
    data = path.read_bytes()
    pixels = 3 * 40 * 56 * 2 if not syntax.is_encapsulated else len(data) - data.find(b"\xe0\x7f")
    middle = len(data) - round(pixels * (3.5 - frame) / 3)
    path.write_bytes(data[:middle])
    if syntax == DeflatedExplicitVRLittleEndian:
        assert "of 3 is cut" in refusal(path)
    else:
        assert f"frame {frame} of 3 is cut" in refusal(path)


def test_a_cut_in_several_fragments_names_the_frame(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(rows=64), syntax=JPEGLSLossless, fragments=3)
    path.write_bytes(path.read_bytes()[:-200])
    assert "frame 3 of 3 is cut" in refusal(path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLosslessSV1])
def test_more_frames_promised_than_held(tmp_path: Path, syntax: UID) -> None:
    path = write_dicom(
        tmp_path / "run.dcm", scene(), syntax=syntax, offset_table=False, NumberOfFrames=5
    )
    assert "frame 4 of 5 is cut" in refusal(path)


def test_larger_frames_promised_than_held(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), Rows=80)
    assert "frame 2 of 3 is cut: the pixels take 26880 bytes and 13440 are there" in refusal(path)


@pytest.mark.parametrize("syntax", SIZED, ids=lambda uid: uid.keyword)
def test_a_stream_of_another_size(tmp_path: Path, syntax: UID) -> None:
    path = write(tmp_path / "run.dcm", syntax, Rows=56, Columns=40)
    assert "frame 1 of 3 cannot be decoded (the compressed stream has 56 x 40" in refusal(path)


@pytest.mark.parametrize("syntax", SIZED, ids=lambda uid: uid.keyword)
def test_a_stream_whose_end_was_never_written(tmp_path: Path, syntax: UID) -> None:
    path = write(tmp_path / "run.dcm", syntax)
    data = path.read_bytes()
    path.write_bytes(data[:-300] + bytes(292) + data[-8:])  # zeros, and the pixels' own end
    assert "frame 3 of 3 cannot be decoded (the compressed stream is incomplete" in refusal(path)


def test_run_lengths_that_overrun_the_frame(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(frames=1), syntax=RLELossless)
    data = bytearray(path.read_bytes())
    first = data.index(struct.pack("<2L", 2, 64)) + 64  # two segments, the first after 64 bytes
    data[first : first + 400] = bytes([129, 7]) * 200  # each pair stands for 128 bytes
    path.write_bytes(data)
    assert "frame 1 of 1 cannot be decoded" in refusal(path)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(syntax=st.sampled_from(LOSSLESS), cut=st.floats(0, 0.995))
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, syntax: UID, cut: float) -> None:
    path = write_dicom(tmp_path / "run.dcm", scene(), syntax=syntax)
    data = path.read_bytes()
    whole = len(data) - (8 if syntax.is_encapsulated else 0)  # the end mark may be missing
    path.write_bytes(data[: int(whole * cut)])
    refusal(path)
