"""The XA files, read back by this package and by pydicom, and checked by dciodvfy."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from coroseg.io.dicom import read_dicom
from coroseg.simulation.dicom import encode, write_xa
from coroseg.simulation.scene import View

VIEW = View(
    source_to_detector_mm=1048.7,
    source_to_isocentre_mm=763.21,
    primary_deg=-31.4159265358979,
    secondary_deg=19.25,
    pitch_mm=1 / 3,
    size=80,
)
FRAMES = np.random.default_rng(0).integers(0, 4096, (3, 80, 80)).astype(np.uint16)


def write(path: Path, count: int = 3, *, linear: bool = False) -> Path:
    write_xa(
        path,
        [encode(frame) for frame in FRAMES[:count]],
        VIEW,
        seed=17,
        artery="LCA",
        frame_time_ms=1000 / 7.5,
        linear=linear,
    )
    return path


def test_a_run_is_read_back_with_what_is_known_of_it(tmp_path: Path) -> None:
    run = read_dicom(write(tmp_path / "run.dcm"))
    np.testing.assert_allclose(np.stack(list(run.frames)), FRAMES / 4095, atol=1e-6)
    assert run.spacing is not None
    assert run.spacing.source == "magnification"
    assert run.spacing.mm == pytest.approx([1 / 3 / 1048.7 * 763.21] * 2)
    assert run.primary_angle_deg == pytest.approx(-31.4159265)
    assert run.secondary_angle_deg == 19.25
    assert run.frame_times_ms == pytest.approx([0, 133.3333, 266.6667], rel=1e-6)


def test_the_distances_tell_the_magnification(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write(tmp_path / "run.dcm"))
    distances = float(dataset.DistanceSourceToDetector), float(dataset.DistanceSourceToPatient)
    assert distances == (1048.7, 763.21)
    factor = float(dataset.EstimatedRadiographicMagnificationFactor)
    assert factor == pytest.approx(distances[0] / distances[1])
    assert [float(mm) for mm in dataset.ImagerPixelSpacing] == pytest.approx([1 / 3] * 2)


def test_the_same_frames_give_the_same_bytes_and_others_other_uids(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.dcm"), write(tmp_path / "b.dcm"), write(tmp_path / "c.dcm", 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    uids = set()
    for path in (paths[0], paths[2]):
        dataset = pydicom.dcmread(path)
        assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
        found = (dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID)
        assert all(uid.is_valid for uid in found)
        uids.update(found)
    assert len(uids) == 6


@pytest.mark.parametrize(("linear", "relationship"), [(True, "LIN"), (False, "DISP")])
def test_what_the_pixels_are_proportional_to_is_said(
    tmp_path: Path, linear: bool, relationship: str
) -> None:
    dataset = pydicom.dcmread(write(tmp_path / "run.dcm", linear=linear))
    assert dataset.PixelIntensityRelationship == relationship


@pytest.mark.parametrize(("count", "linear"), [(1, True), (3, False)])
def test_dciodvfy_finds_nothing_wrong(count: int, linear: bool, tmp_path: Path) -> None:
    validator = shutil.which("dciodvfy")
    if validator is None:
        pytest.skip("no dciodvfy: install the Debian package dicom3tools")
    path = write(tmp_path / "run.dcm", count, linear=linear)
    ended = subprocess.run([validator, path], capture_output=True, text=True, check=False)
    assert (ended.stdout + ended.stderr).split() == ["XAImage"]
