"""Scratch of this machine: for its owner only, and removed, by a later process at the latest."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from coroseg.errors import OutputError
from coroseg.io.leftovers import remove_leftovers, remove_scratch, scratch, scratch_path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX only")

WORK = """
import sys, time
from pathlib import Path
from coroseg.io.leftovers import scratch
with scratch(Path(sys.argv[1])):
    print(flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder of the machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_scratch_is_its_owner_s_and_goes(machine: Path) -> None:
    path = scratch_path()
    with scratch(path):
        assert path.parent == machine
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "deep").mkdir()
        (path / "deep" / "frame.png").write_bytes(b"half")
    assert list(machine.iterdir()) == []


def test_only_what_a_killed_process_left_is_removed(machine: Path) -> None:
    (machine / ".coroseg_scratch_results").mkdir()
    (machine / "coroseg-demo").mkdir()
    path = scratch_path()
    with subprocess.Popen([sys.executable, "-c", WORK, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (path / "frame.png").write_bytes(b"half")
        remove_scratch()
        remove_leftovers([machine])  # of a command whose results go to this folder
        assert (path / "frame.png").exists()
        process.kill()
        process.wait()
    assert path.exists()
    remove_scratch()
    assert {one.name for one in machine.iterdir()} == {".coroseg_scratch_results", "coroseg-demo"}


def test_a_temporary_folder_that_is_full_or_gone_is_one_line(machine: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot be written .*: choose another folder"),
        scratch(machine / "gone" / "a"),
    ):
        pytest.fail("there is no such folder")
