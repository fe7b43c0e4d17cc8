import base64
import logging
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_archive import FakeArchive

from coroseg.errors import ConfigError
from coroseg.pacs import patience
from coroseg.pacs.archive import ArchiveError, Instance
from coroseg.pacs.credentials import PASSWORD, TOKEN, USER
from coroseg.pacs.dicomweb import DicomWebArchive

STUDY = "1.2.826.0.1.3680043.10.7.1"
RUN = Instance(STUDY, f"{STUDY}.1", f"{STUDY}.1.1", 4)
SECRET = "s3cret-w0rd"  # noqa: S105


@pytest.fixture
def client(archive: FakeArchive) -> DicomWebArchive:
    return DicomWebArchive(archive.url)


def test_all_pages_of_what_an_archive_holds(
    archive: FakeArchive, client: DicomWebArchive, xa: Callable[..., Path]
) -> None:
    for number in range(2, 7):
        archive.add(xa(number, study=f"{STUDY}.{number}"))
    assert sorted(client.studies({"PatientID": ""})) == sorted(
        [STUDY, *(f"{STUDY}.{number}" for number in range(2, 7))]
    )
    frames = {one.uid: one.frames for one in client.runs(STUDY)}
    assert frames == {f"{STUDY}.1.1": 4, f"{STUDY}.2.2": 4, f"{STUDY}.2.3": 1}


def test_only_xa_and_rf_series_are_runs(archive: FakeArchive, client: DicomWebArchive) -> None:
    archive.headers[f"{STUDY}.1.1"].Modality = "OT"
    archive.headers[f"{STUDY}.2.2"].Modality = archive.headers[f"{STUDY}.2.3"].Modality = "RF"
    assert {one.uid for one in client.runs(STUDY)} == {f"{STUDY}.2.2", f"{STUDY}.2.3"}


def test_an_object_is_never_in_memory_as_a_whole(
    archive: FakeArchive, client: DicomWebArchive, tmp_path: Path
) -> None:
    archive.objects[RUN.uid] = bytes(40_000_000)
    client.fetch(RUN, tmp_path / "a")  # what is loaded once is loaded
    tracemalloc.start()
    try:
        client.fetch(RUN, tmp_path / "b")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "b").stat().st_size == 40_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("environment", "netrc", "sent"),
    [
        (
            {USER: "jo", PASSWORD: SECRET},
            "",
            f"Basic {base64.b64encode(f'jo:{SECRET}'.encode()).decode()}",
        ),
        ({TOKEN: SECRET}, f"default login x password {SECRET}\n", f"Bearer {SECRET}"),
        (
            {},
            f"machine 127.0.0.1 login jo password {SECRET}\n",
            f"Basic {base64.b64encode(f'jo:{SECRET}'.encode()).decode()}",
        ),
        ({}, "", ""),
    ],
)
@pytest.mark.parametrize("status", [401, 503])
def test_who_we_are_is_sent_and_never_said(
    *,
    archive: FakeArchive,
    environment: dict[str, str],
    netrc: str,
    sent: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "netrc").write_text(netrc)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    archive.faults["search"] = [status] * 9
    with (
        caplog.at_level(logging.DEBUG),
        DicomWebArchive(archive.url) as client,
        pytest.raises(ArchiveError) as raised,
    ):
        patience.patiently(lambda: client.studies({"PatientName": "Muster^Erika"}))
    assert {authorization for _, _, authorization in archive.requests} == {sent}
    said = str(raised.value) + "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("coroseg")
    )
    assert str(status) in said
    assert "Muster" not in said
    for text in (said, caplog.text):
        assert SECRET not in text
        assert not sent or sent.split()[1] not in text


def test_half_a_pair_of_name_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER, "jo")
    with pytest.raises(ConfigError, match=PASSWORD):
        DicomWebArchive("http://127.0.0.1:1/dicom-web")


def test_a_password_over_an_open_network_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(TOKEN, SECRET)
    DicomWebArchive("https://pacs.example/rs")
    DicomWebArchive("http://localhost:8042/rs")
    assert caplog.text == ""
    DicomWebArchive("http://pacs.example/rs")
    assert "unencrypted" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://jo:s3cret-w0rd@host/rs",
            "ftp://host/rs",
            "host:8042",
            "http://",
            "http://h/rs?a=b",
        ),
        *("http://host:99999/rs", "http://host:x/rs", "http://[host/rs", "http://jo:s3cret-w0rd"),
    ],
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError, match="--url") as raised:
        DicomWebArchive(url)
    assert SECRET not in str(raised.value)


def test_nothing_listens() -> None:
    nobody = DicomWebArchive("http://127.0.0.1:9/dicom-web")
    with nobody, pytest.raises(ArchiveError, match="Connection refused") as raised:
        nobody.studies({"PatientID": "P"})
    assert raised.value.again
    assert raised.value.stops


def test_a_certificate_that_nobody_vouches_for(archive: FakeArchive) -> None:
    client = DicomWebArchive(archive.url.replace("http:", "https:"))
    with client, pytest.raises(ArchiveError, match="REQUESTS_CA_BUNDLE") as raised:
        client.studies({"PatientID": "P"})
    assert raised.value.stops
    assert not raised.value.again


def test_a_web_page_in_place_of_an_answer(
    archive: FakeArchive, client: DicomWebArchive, tmp_path: Path
) -> None:
    archive.faults["search"] = archive.faults["fetch"] = ["other", "other"]
    with pytest.raises(ArchiveError, match="not DICOM JSON"):
        client.runs(STUDY)
    with pytest.raises(ArchiveError, match=f"object {RUN.uid}: the answer is text/html"):
        client.fetch(RUN, tmp_path / "a")
