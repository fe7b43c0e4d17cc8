import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    XRayAngiographicImageStorage,
)

from coroseg.errors import ConfigError
from coroseg.pacs.archive import ArchiveError
from coroseg.pacs.dimse import DimseArchive
from coroseg.pacs.run import run_studies
from coroseg.pacs.work import Work

STUDY = "1.2.826.0.1.3680043.10.7.1"
UIDS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class Pacs:
    """An archive of pynetdicom; `faults` are statuses given in place of the next moves."""

    def __init__(self, our_port: int) -> None:
        self.objects: dict[str, Dataset] = {}
        self.faults: list[int] = []
        self.our_port = our_port

    def find(self, event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked = event.identifier
        keyword = UIDS[asked.QueryRetrieveLevel]
        found = {}
        for one in self.objects.values():
            if all(
                e.keyword == "QueryRetrieveLevel" or not e.value or one.get(e.keyword) == e.value
                for e in asked
            ):
                found[one[keyword].value] = one
        for one in found.values():
            answer = Dataset()
            for name in (*UIDS.values(), "Modality", "NumberOfFrames"):
                if name in one:
                    setattr(answer, name, one[name].value)
            yield 0xFF00, answer

    def move(self, event: evt.Event) -> Iterator[Any]:
        fault = self.faults.pop(0) if self.faults else None
        if fault == 0xA801:
            yield None, None
            return
        if fault is not None:
            yield "127.0.0.1", self.our_port
            yield 1
            yield fault, None
            return
        yield "127.0.0.1", self.our_port
        yield 1
        yield 0xFF00, self.objects[str(event.identifier.SOPInstanceUID)]

    def store(self, event: evt.Event) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        self.objects.setdefault(str(dataset.SOPInstanceUID), dataset)
        return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def running(pacs: Pacs, *, stores: bool = True) -> Iterator[str]:
    entity = AE("PACS")
    entity.require_called_aet = True
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelMove)
    if stores:
        entity.add_supported_context(SegmentationStorage)
        entity.add_supported_context(ComprehensiveSRStorage)
    entity.add_requested_context(XRayAngiographicImageStorage, ExplicitVRLittleEndian)
    handlers = [
        (evt.EVT_C_FIND, pacs.find),
        (evt.EVT_C_MOVE, pacs.move),
        (evt.EVT_C_STORE, pacs.store),
    ]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield f"dicom://127.0.0.1:{server.server_address[1]}/PACS"
    finally:
        server.shutdown()


@pytest.fixture
def pacs(xa: Callable[..., Path]) -> Pacs:
    made = Pacs(free_port())
    for path in (xa(1), xa(2, series=2, lengths=(50,))):
        made.objects[path.stem] = dcmread(path)
    return made


def client(pacs: Pacs, url: str) -> DimseArchive:
    return DimseArchive(url, "COROSEG", ("127.0.0.1", pacs.our_port))


def test_a_study_goes_through_and_a_second_run_does_nothing(pacs: Pacs, work: Work) -> None:
    with running(pacs) as url:
        for before in (False, True):
            with client(pacs, url) as archive:
                assert archive.studies({"PatientID": "P-17"}) == [STUDY]
                whole = replace(work, archive=archive)
                ended, stopped = run_studies(archive, [STUDY], whole)
            assert stopped is None
            assert [(one.status, one.repeated) for one in ended] == [
                ("skipped", False),
                ("ok", before),
            ]
            assert sum(one.stored for one in ended) == (0 if before else 2)
    for name in ("seg.dcm", "sr.dcm"):
        (path,) = work.out.rglob(name)
        here = dcmread(path)
        assert pacs.objects[str(here.SOPInstanceUID)] == here
    (received,) = (work.out / "received").rglob("*.dcm")
    assert dcmread(received) == pacs.objects[f"{STUDY}.1.1"]


def test_a_passing_fault_is_tried_again(pacs: Pacs, work: Work) -> None:
    pacs.faults = [0xA701, 0xA702]
    with running(pacs) as url, client(pacs, url) as archive:
        ended, stopped = run_studies(archive, [STUDY], work)
    assert stopped is None
    assert [one.status for one in ended] == ["skipped", "ok"]


def test_an_archive_that_does_not_know_us_says_what_to_enter(pacs: Pacs, work: Work) -> None:
    pacs.faults = [0xA801]
    with running(pacs) as url, client(pacs, url) as archive:
        ended, stopped = run_studies(archive, [STUDY], work)
    assert ended == []
    assert stopped is not None
    assert f"port {pacs.our_port}" in str(stopped)
    assert not list(work.out.rglob("*.dcm"))


def test_an_archive_that_takes_no_results(pacs: Pacs, work: Work) -> None:
    with running(pacs, stores=False) as url, client(pacs, url) as archive:
        _, stopped = run_studies(archive, [STUDY], replace(work, archive=archive))
    assert "does not offer Segmentation Storage" in str(stopped)
    assert len(list(work.out.rglob("seg.dcm"))) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_another_title_and_nobody_at_all(pacs: Pacs) -> None:
    with running(pacs) as url:
        with pytest.raises(ArchiveError, match="refused COROSEG") as raised:
            client(pacs, url.replace("PACS", "OTHER")).studies({"PatientID": "P"})
        assert not raised.value.again
    with pytest.raises(ArchiveError, match="cannot be reached") as raised:
        client(pacs, url).studies({"PatientID": "P"})
    assert raised.value.again
    assert raised.value.stops
    del raised
    gc.collect()  # pynetdicom leaves the socket of a refused connection to the collector


@pytest.mark.parametrize("url", ["dicom://host/AE", "dicom://host:104", "dicom:", "http://h:1/A"])
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError, match="AE-TITLE"):
        DimseArchive(url, "COROSEG", ("127.0.0.1", 0))
