import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_archive import FakeArchive

from command_line import Command

STUDY = "1.2.826.0.1.3680043.10.7.1"


@pytest.mark.parametrize("which", [("--study", STUDY), ("--query", "PatientID=P-17")])
def test_run(
    coroseg: Command, archive: FakeArchive, model: Path, tmp_path: Path, which: tuple[str, str]
) -> None:
    options = ("--url", archive.url, "--out", tmp_path / "out", "--model", model, "--store")
    for said in ("2 ok, 1 skipped, 4 objects", "2 ok (2 before), 1 skipped, 0 objects"):
        ended = coroseg("pacs", "run", *which, *options)
        assert ended.status == 0
        assert ended.out.startswith(said)
        assert len(ended.lines) == 1
        assert "single frame" in ended.err


def test_an_archive_that_is_down_ends_with_its_line(
    coroseg: Command, archive: FakeArchive, model: Path, tmp_path: Path
) -> None:
    archive.faults["fetch"] = [401]
    options = ("--url", archive.url, "--out", tmp_path / "out", "--model", model)
    ended = coroseg("pacs", "run", "--study", STUDY, *options)
    assert ended.status == 1
    assert "401" in ended.lines[-1]
    assert "run the same command again" in ended.lines[-1]


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "--study"),
        (("--study", STUDY, "--query", "PatientID=P"), 2, "--study"),
        (("--query", "Modality=XA"), 2, "ModalitiesInStudy"),
        (("--study", STUDY, "--threads", 0), 2, "--threads"),
        (("--study", "1.2.3"), 1, "study 1.2.3: no XA or RF"),
        (("--study", "../x"), 2, "no DICOM UID"),
        (("--query", "StudyDate=1999*"), 1, "no study matches"),
    ],
)
def test_wrong_usage(
    coroseg: Command,
    *,
    archive: FakeArchive,
    model: Path,
    tmp_path: Path,
    options: tuple[object, ...],
    status: int,
    said: str,
) -> None:
    common = ("--url", archive.url, "--out", tmp_path / "out", "--model", model)
    ended = coroseg("pacs", "run", *common, *options)
    assert ended.status == status
    assert said in ended.err


def test_an_address_that_is_none_is_wrong_usage(coroseg: Command, tmp_path: Path) -> None:
    for option, command in (("--url", "run"), ("--store-to", "listen")):
        study = ("--study", STUDY) if command == "run" else ()
        out = ("--out", tmp_path / "out")
        ended = coroseg("pacs", command, option, "http://[::1", *out, *study)
        assert (ended.status, len(ended.lines)) == (2, 1)
        assert "no such address or port" in ended.err
    assert len(ended.lines) == 1


@pytest.mark.parametrize("command", [("run", "--url", "http://h/rs", "--study", "1"), ("listen",)])
def test_a_missing_package_names_the_install_command(
    coroseg: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    find: Callable[..., object] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pynetdicom" else find(name)
    )
    ended = coroseg("pacs", *command, "--out", tmp_path)
    assert ended.status == 1
    assert 'pip install "coroseg[pacs]"' in ended.err
