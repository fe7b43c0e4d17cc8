"""Against a real archive: what comes back is what was sent, whatever happens in between."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from orthanc import DICOM, PASSWORD, USER, WEB, Orthanc, orthanc, why_not
from pydicom import dcmread
from pydicom.pixels import pixel_array

from command_line import PROGRAM, pixels_of
from coroseg.pacs.credentials import PASSWORD as PASSWORD_NAME
from coroseg.pacs.credentials import USER as USER_NAME
from coroseg.simulation.files import write_run as write_simulation
from coroseg.simulation.run import draw_simulation

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "Orthanc runs"),
]
WHO = {USER_NAME: USER, PASSWORD_NAME: PASSWORD}
STUDY = "1.2.826.0.1.3680043.10.7.1"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc(tmp_path / "orthanc") as running:
        yield running


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a simulated run of four frames."""
    path = tmp_path_factory.mktemp("simulated") / "run.dcm"
    simulation = draw_simulation(3, frames=4, size=128)
    write_simulation(path, simulation, simulation.frames())
    return path


def run(
    archive: Orthanc, out: Path, model: Path, *more: object, url: str = WEB
) -> subprocess.CompletedProcess[str]:
    options = ("--url", url, "--out", out, "--model", model, "--threads", 1)
    return archive.coroseg("pacs", "run", *options, *more, **WHO)


def assert_archive_holds(archive: Orthanc, out: Path, count: int) -> None:
    """Hold the SEG and SR in the archive against the local files and the masks."""
    for modality, name in (("SEG", "seg.dcm"), ("SR", "sr.dcm")):
        there = {
            str((o := dcmread(BytesIO(c))).SOPInstanceUID): o for c in archive.modality(modality)
        }
        here = {str((o := dcmread(path)).SOPInstanceUID): o for path in out.rglob(name)}
        assert len(here) == count
        assert there == here
    for path in out.rglob("seg.dcm"):
        mask = pixels_of(path.parent / "mask.png") > 0
        np.testing.assert_array_equal(pixel_array(dcmread(path)) > 0, mask)


@pytest.mark.parametrize("url", [WEB, DICOM])
def test_a_simulated_run_goes_through_the_archive_and_back(
    archive: Orthanc, simulated: Path, model: Path, tmp_path: Path, url: str
) -> None:
    archive.rest("/instances", "POST", simulated)
    out = tmp_path / "out"
    first = run(archive, out, model, "--query", "StudyDate=2000*", "--store", url=url)
    assert (first.returncode, first.stderr) == (0, "")
    assert "1 ok" in first.stdout
    (received,) = (out / "received").rglob("*.dcm")
    assert pixel_array(received).tobytes() == pixel_array(simulated).tobytes()
    assert_archive_holds(archive, out, 1)

    again = run(archive, out, model, "--query", "ModalitiesInStudy=XA", "--store", url=url)
    assert "1 ok (1 before), 0 objects stored" in again.stdout
    shutil.rmtree(out)  # elsewhere, with nothing kept: the same objects, so nothing to store
    third = run(archive, out, model, "--query", "ModalitiesInStudy=XA", "--store", url=url)
    assert "1 ok, 0 objects stored" in third.stdout
    assert_archive_holds(archive, out, 1)


def test_a_wrong_password_is_one_clear_line_without_it(
    archive: Orthanc, simulated: Path, model: Path, tmp_path: Path
) -> None:
    archive.rest("/instances", "POST", simulated)
    options = ("--url", WEB, "--study", STUDY, "--out", tmp_path / "out", "--model", model)
    wrong = {USER_NAME: USER, PASSWORD_NAME: "wr0ng-w0rd"}
    ended = archive.coroseg("pacs", "run", *options, **wrong)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "401" in line
    assert "wr0ng" not in ended.stdout + ended.stderr

    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    ended = archive.coroseg("pacs", "run", *options, NETRC=str(netrc))
    assert "no XA or RF object" in ended.stderr  # it may look, and there is no such study


@pytest.mark.parametrize("url", [WEB, DICOM])
def test_an_archive_killed_in_the_middle_is_completed_by_a_second_run(
    xa: Callable[..., Path], model: Path, tmp_path: Path, url: str
) -> None:
    out = tmp_path / "out"
    with orthanc(tmp_path / "orthanc") as archive:
        for number in range(1, 7):
            archive.rest("/instances", "POST", xa(number, study=f"{STUDY}.{number}"))
        command = ["--url", url, "--query", "PatientID=P-17", "--out", out, "--store"]
        command += ["--model", model, "--threads", 1]
        running = subprocess.Popen(
            archive.command(*_hurried(), "pacs", "run", *command),
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **WHO},
        )
        while not list(out.rglob("seg.dcm")):
            assert running.poll() is None, running.stderr and running.stderr.read()
            time.sleep(0.02)
        archive.process.send_signal(signal.SIGKILL)
        _, said = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "cannot be reached" in said
    assert "run the same command again" in said
    assert "Traceback" not in said
    before = set(out.rglob("result.json"))
    assert len(before) < 6

    with orthanc(tmp_path / "orthanc") as archive:
        ended = run(archive, out, model, "--query", "PatientID=P-17", "--store", url=url)
        assert ended.returncode == 0, ended.stderr
        assert f"6 ok ({len(before)} before)" in ended.stdout
        assert_archive_holds(archive, out, 6)


def test_what_is_sent_to_us_is_segmented_and_stored(
    archive: Orthanc, simulated: Path, model: Path, tmp_path: Path
) -> None:
    archive.rest("/instances", "POST", simulated)
    out = tmp_path / "out"
    options = ["--out", out, "--model", model, "--threads", 1, "--store-to", WEB]
    listening = subprocess.Popen(
        archive.command(*PROGRAM, "pacs", "listen", *options),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **WHO},
    )
    assert listening.stderr
    try:
        assert "COROSEG listens at 127.0.0.1:11112" in listening.stderr.readline()
        (instance,) = json.loads(archive.rest("/instances"))
        body = tmp_path / "body"
        body.write_text(instance)
        archive.rest("/modalities/coroseg/store", "POST", body)
        assert "(2 stored)" in listening.stderr.readline()
        sent = ["/usr/bin/storescu", "-xt", "-aec", "COROSEG", "127.0.0.1", 11112, simulated]
        accepted = archive.inside(*sent)
        assert accepted.returncode == 0, accepted.stdout + accepted.stderr
        assert listening.stderr.readline().startswith("ok:")
        refused = archive.inside(
            "/usr/bin/storescu", "-aec", "OTHER", "127.0.0.1", 11112, simulated
        )
        assert refused.returncode != 0
    finally:
        listening.send_signal(signal.SIGINT)
        listening.communicate(timeout=60)
    assert listening.returncode == 130
    assert_archive_holds(archive, out, 1)


def _hurried() -> list[str]:
    """Return coroseg with short waits between tries."""
    program = "from coroseg.pacs import patience; patience.WAITS_S = (0.1, 0.2); "
    return [*PROGRAM[:2], program + PROGRAM[2]]
