import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_archive import FakeArchive
from pydicom import dcmread
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, XRayAngiographicImageStorage
from pynetdicom import AE
from pynetdicom.association import Association

from coroseg.errors import ConfigError
from coroseg.pacs.archive import Instance
from coroseg.pacs.dicomweb import DicomWebArchive
from coroseg.pacs.listener import Inbox, open_inbox, work_through
from coroseg.pacs.work import Ended, Work

STUDY = "1.2.826.0.1.3680043.10.7.1"
HERE = ("127.0.0.1", 0)


@contextmanager
def association(port: int, title: str = "COROSEG") -> Iterator[Association]:
    entity = AE("MODALITY")
    entity.add_requested_context(XRayAngiographicImageStorage, ExplicitVRLittleEndian)
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    made = entity.associate("127.0.0.1", port, ae_title=title)
    yield made
    if made.is_established:
        made.release()


@pytest.fixture
def ended(work: Work) -> list[Ended]:
    return []


@pytest.fixture
def listening(work: Work, ended: list[Ended]) -> Work:
    return replace(work, report=ended.append)


def next_batch(inbox: Inbox) -> list[Instance]:
    return inbox.batches.get(timeout=10)


def test_what_is_sent_is_segmented_when_its_association_has_ended(
    xa: Callable[..., Path], listening: Work, ended: list[Ended], archive: FakeArchive
) -> None:
    runs = [xa(1), xa(2, series=2), xa(3, series=2, lengths=(50,))]
    with open_inbox(HERE, "COROSEG", listening) as (inbox, port):
        with association(port) as sender:
            assert [sender.send_c_store(path).Status for path in runs] == [0, 0, 0]
            assert inbox.batches.empty(), "the association goes on"
        batch = next_batch(inbox)
    assert [one.uid for one in batch] == [f"{STUDY}.1.1", f"{STUDY}.2.2", f"{STUDY}.2.3"]
    with DicomWebArchive(archive.url) as client:
        work_through(batch, replace(listening, archive=client))
    assert [(one.status, one.stored) for one in ended] == [("skipped", 0), ("ok", 2), ("ok", 2)]
    assert len(list(listening.out.rglob("seg.dcm"))) == len(archive.modality("SEG")) == 2
    for path in runs:
        uid = path.stem
        received = listening.out / "received" / STUDY / uid.rsplit(".", 1)[0] / f"{uid}.dcm"
        assert dcmread(received) == dcmread(path)


def test_what_was_received_and_not_finished_is_done_at_the_next_start(
    xa: Callable[..., Path], listening: Work, ended: list[Ended]
) -> None:
    for _ in range(2):
        with open_inbox(HERE, "COROSEG", listening) as (inbox, port), association(port) as sender:
            sender.send_c_store(xa(1))
    with open_inbox(HERE, "COROSEG", listening) as (inbox, _):
        work_through(next_batch(inbox), listening)
    assert [one.status for one in ended] == ["ok"]
    with open_inbox(HERE, "COROSEG", listening) as (inbox, _):
        assert inbox.batches.empty()


def test_an_object_that_is_sent_again_and_differs_is_done_again(
    xa: Callable[..., Path], listening: Work, ended: list[Ended]
) -> None:
    with open_inbox(HERE, "COROSEG", listening) as (inbox, port):
        for lengths in ((0, 30, 70), (0, 30, 70), (60, 0)):
            with association(port) as sender:
                sender.send_c_store(xa(1, lengths=lengths))
            work_through(next_batch(inbox), listening)
    assert [one.repeated for one in ended] == [False, True, False]


def test_half_a_transfer_leaves_nothing_and_keeps_what_came_before(
    xa: Callable[..., Path], listening: Work
) -> None:
    before = set(Path(tempfile.gettempdir()).glob("*.dcm"))
    with open_inbox(HERE, "COROSEG", listening) as (inbox, port):
        sender = _CutSender(port)
        sender.send(xa(1))
        sender.send(xa(2), cut=True)
        assert [one.uid for one in next_batch(inbox)] == [f"{STUDY}.1.1"]
        time.sleep(0.1)
    assert [path.stem for path in listening.out.rglob("*.dcm")] == [f"{STUDY}.1.1"]
    assert set(Path(tempfile.gettempdir()).glob("*.dcm")) <= before


class _CutSender:
    """Sends objects and drops the connection in the middle of one."""

    def __init__(self, port: int) -> None:
        entity = AE("MODALITY")
        entity.add_requested_context(XRayAngiographicImageStorage, ExplicitVRLittleEndian)
        self.association = entity.associate("127.0.0.1", port, ae_title="COROSEG")

    def send(self, path: Path, *, cut: bool = False) -> None:
        if not cut:
            assert self.association.send_c_store(path).Status == 0
            return
        dul = self.association.dul
        whole = dul.socket.send
        count = 0

        def send_some(content: bytes) -> None:
            nonlocal count
            count += 1
            if count > 2:
                dul.socket.socket.shutdown(socket.SHUT_RDWR)
            whole(content)

        dul.socket.send = send_some
        self.association.send_c_store(path)


def test_other_kinds_and_other_titles_are_refused(xa: Callable[..., Path], listening: Work) -> None:
    with open_inbox(HERE, "COROSEG", listening) as (inbox, port):
        with association(port, "OTHER") as sender:
            assert sender.is_rejected
        with association(port) as sender:
            accepted = {str(one.abstract_syntax) for one in sender.accepted_contexts}
        assert accepted == {XRayAngiographicImageStorage}
        assert inbox.batches.empty()


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("uid", ["../../evil", "1.2/3", ""])
def test_a_uid_that_would_be_a_path_is_refused(
    xa: Callable[..., Path], listening: Work, tmp_path: Path, uid: str
) -> None:
    dataset = dcmread(xa(1))
    dataset.SeriesInstanceUID = uid
    path = tmp_path / "evil.dcm"
    dataset.save_as(path)
    with open_inbox(HERE, "COROSEG", listening) as (inbox, port):
        with association(port) as sender:
            assert sender.send_c_store(path).Status == 0xC000
        time.sleep(0.1)
        assert inbox.batches.empty()
    assert not list(listening.out.rglob("*.dcm"))


def test_a_disk_that_is_full_is_told_to_the_sender(
    xa: Callable[..., Path], listening: Work, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "received").touch()
    with open_inbox(HERE, "COROSEG", listening) as (_, port), association(port) as sender:
        assert sender.send_c_store(xa(1)).Status == 0xA700


def test_a_port_that_is_taken(listening: Work) -> None:
    with (
        socket.create_server(HERE) as taken,
        pytest.raises(ConfigError, match="--port"),
        open_inbox(taken.getsockname(), "COROSEG", listening),
    ):
        pass


def test_an_association_left_open_does_not_outlive_the_inbox(listening: Work) -> None:
    before = set(threading.enumerate())
    with open_inbox(HERE, "COROSEG", listening) as (_, port):
        entity = AE("MODALITY")
        entity.add_requested_context(XRayAngiographicImageStorage, ExplicitVRLittleEndian)
        idle = entity.associate("127.0.0.1", port, ae_title="COROSEG")
        assert idle.is_established
    idle.join(timeout=10)
    assert idle.is_aborted
    # A thread that is no daemon would keep the process from ending.
    deadline = time.monotonic() + 10
    while left := [t for t in set(threading.enumerate()) - before if not t.daemon]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
