"""A real archive for tests: Orthanc, in a network of its own, where it can be had."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from command_line import PROGRAM

INSTALL = "apt-get install -y --no-install-recommends orthanc orthanc-dicomweb dcmtk"
USER, PASSWORD = "reader", "s3cret-w0rd"
WEB, DICOM = "http://127.0.0.1:8042/dicom-web", "dicom://127.0.0.1:4242/ORTHANC"
_PLUGINS = (Path("/usr/share/orthanc/plugins"), Path("/usr/lib/orthanc/plugins"))
_PLUGIN = "libOrthancDicomWeb.so"


def why_not() -> str:
    """Return why Orthanc cannot be run here, empty where it can."""
    if not (shutil.which("Orthanc") and _plugin()):
        return f"Orthanc or its DICOMweb plugin is missing: {INSTALL}"
    if not shutil.which("/usr/bin/storescu"):
        return f"DCMTK is missing: {INSTALL}"
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("nsenter")):
        return "a network namespace needs root, unshare and nsenter (util-linux)"
    return ""


def _plugin() -> Path | None:
    return next((folder / _PLUGIN for folder in _PLUGINS if (folder / _PLUGIN).exists()), None)


@dataclass
class Orthanc:
    folder: Path
    process: subprocess.Popen[bytes]

    def inside(self, *command: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the archive's network."""
        return subprocess.run(
            self.command(*command),
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=300,
            check=False,
        )

    def command(self, *command: object) -> list[str]:
        return ["nsenter", "-t", str(self.process.pid), "-n", *map(str, command)]

    def coroseg(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.inside(*PROGRAM, *arguments, **environment)

    def rest(self, path: str, method: str = "GET", body: Path | None = None) -> bytes:
        """Return the answer of Orthanc's own interface."""
        program = (
            "import requests, sys; from pathlib import Path; "
            "method, url, user, password, *body = sys.argv[1:]; "
            "r = requests.request(method, url, auth=(user, password), timeout=20, "
            "data=Path(body[0]).read_bytes() if body else None); "
            "r.raise_for_status(); sys.stdout.buffer.write(r.content)"
        )
        asked = [method, f"http://127.0.0.1:8042{path}", USER, PASSWORD, *([body] if body else [])]
        ended = subprocess.run(
            self.command(sys.executable, "-c", program, *asked), capture_output=True, check=False
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    def modality(self, modality: str) -> list[bytes]:
        """Return the objects of this modality, as they are stored."""
        found = []
        for series in json.loads(self.rest("/series?expand")):
            if series["MainDicomTags"]["Modality"] == modality:
                found += [self.rest(f"/instances/{one}/file") for one in series["Instances"]]
        return found


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Return a context with an archive that asks for a password; ended by its pid."""
    folder.mkdir(exist_ok=True)
    settings = {
        "Name": "ORTHANC",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(_plugin())],
        "HttpPort": 8042,
        "DicomPort": 4242,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "RemoteAccessAllowed": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "UnknownSopClassAccepted": True,
        "DicomModalities": {"coroseg": ["COROSEG", "127.0.0.1", 11112]},
    }
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [
                "unshare",
                "-n",
                "sh",
                "-c",
                'ip link set lo up; exec Orthanc "$0"',
                str(configuration),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        archive = Orthanc(folder, process)
        deadline = time.monotonic() + 60
        while True:
            with suppress(AssertionError):
                archive.rest("/system")
                break
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.3)
        yield archive
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
