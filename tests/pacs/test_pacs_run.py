import logging
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fake_archive import FakeArchive
from pydicom import dcmread
from pydicom.pixels import pixel_array

from command_line import pixels_of
from coroseg.errors import CorosegError
from coroseg.pacs.archive import ArchiveError
from coroseg.pacs.dicomweb import DicomWebArchive
from coroseg.pacs.run import run_studies
from coroseg.pacs.work import Ended, Work

STUDY = "1.2.826.0.1.3680043.10.7.1"


def ran(
    archive: FakeArchive, work: Work, *, store: bool = True
) -> tuple[list[Ended], ArchiveError | None]:
    with DicomWebArchive(archive.url) as client:
        return run_studies(client, [STUDY], replace(work, archive=client if store else None))


def statuses(ended: list[Ended]) -> list[str]:
    return sorted(one.status for one in ended)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_complete(archive: FakeArchive, work: Work) -> None:
    """Hold what is in the archive and on disk against each other."""
    assert len(archive.modality("SEG")) == len(archive.modality("SR")) == 2
    assert sorted(archive.stored) == sorted(set(archive.stored)), "stored twice"
    for number, series in ((1, 1), (2, 2)):
        uid = f"{STUDY}.{series}.{number}"
        received = work.out / "received" / STUDY / f"{STUDY}.{series}" / f"{uid}.dcm"
        assert received.read_bytes() == archive.objects[uid]
        folder = work.out / STUDY / f"{STUDY}.{series}" / uid
        for name in ("seg.dcm", "sr.dcm"):
            here = dcmread(folder / name)
            there = dcmread(BytesIO(archive.objects[str(here.SOPInstanceUID)]))
            assert here == there
        seg = dcmread(folder / "seg.dcm")
        np.testing.assert_array_equal(pixel_array(seg) > 0, pixels_of(folder / "mask.png") > 0)
    assert [path for path in files_below(work.out) if path.name.startswith(".")] == []


def test_a_study_is_fetched_segmented_and_stored_and_a_second_run_does_nothing(
    archive: FakeArchive, work: Work
) -> None:
    ended, stopped = ran(archive, work)
    assert stopped is None
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert "single frame" in next(one.reason for one in ended if one.status == "skipped")
    assert archive.count("fetch") == 2, "the single frame was fetched"
    assert_complete(archive, work)

    ended, _ = ran(archive, work)
    assert [one.repeated for one in ended if one.status == "ok"] == [True, True]
    assert (archive.count("fetch"), archive.count("store")) == (2, 2)
    assert_complete(archive, work)


def test_without_store_nothing_goes_back(archive: FakeArchive, work: Work) -> None:
    ended, _ = ran(archive, work, store=False)
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert archive.count("store") == 0
    ended, _ = ran(archive, work)  # and can go back later
    assert sum(one.stored for one in ended) == 4
    assert_complete(archive, work)


def test_results_are_enough_a_file_that_is_gone_is_not_fetched_again(
    archive: FakeArchive, work: Work
) -> None:
    ran(archive, work, store=False)
    for path in (work.out / "received").rglob("*.dcm"):
        path.unlink()
    ended, _ = ran(archive, work)
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert archive.count("fetch") == 2
    assert len(archive.stored) == 4


def test_an_archive_that_does_not_tell_the_number_of_frames(
    archive: FakeArchive, work: Work
) -> None:
    archive.tells_frames = False
    ended, _ = ran(archive, work)
    assert statuses(ended) == ["ok", "ok", "skipped"]
    ran(archive, work)
    assert archive.count("fetch") == 3
    assert_complete(archive, work)


def test_single_frames_on_request(archive: FakeArchive, work: Work) -> None:
    ended, _ = ran(archive, replace(work, single_frames=True))
    assert statuses(ended) == ["ok"] * 3
    assert len(archive.modality("SEG")) == 3


@pytest.mark.parametrize("fault", ["cut", "open", 429, 500])
def test_a_passing_fault_is_tried_again(
    archive: FakeArchive, work: Work, fault: int | str, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("fetch", *(("search", "store") if isinstance(fault, int) else ())):
        archive.faults[kind] = [fault, fault]
    with caplog.at_level(logging.WARNING):
        ended, stopped = ran(archive, work)
    assert stopped is None
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert "trying again" in caplog.text
    assert_complete(archive, work)


@pytest.mark.parametrize("fault", ["cut", "open", "half", 500, 404])
def test_an_object_that_cannot_be_had_is_left_for_the_second_run(
    archive: FakeArchive, work: Work, fault: int | str
) -> None:
    archive.faults["fetch"] = [fault] * (1 if fault in {"half", 404} else 3)
    ended, stopped = ran(archive, work)
    assert stopped is None
    assert statuses(ended) == ["failed", "ok", "skipped"]
    reason = next(one.reason for one in ended if one.status == "failed")
    assert "\n" not in reason
    assert f"{STUDY}.1.1" in reason
    assert len(files_below(work.out / "received")) == 1, "half a file was left"

    ended, _ = ran(archive, work)
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert_complete(archive, work)


def test_a_slow_answer_is_tried_again(
    archive: FakeArchive, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coroseg.pacs.dicomweb.TIMEOUT_S", (1.0, 0.2))
    archive.faults["fetch"] = ["slow"]
    archive.faults["search"] = ["slow"]
    ended, _ = ran(archive, work)
    assert statuses(ended) == ["ok", "ok", "skipped"]
    assert_complete(archive, work)


@pytest.mark.parametrize(("status", "said"), [(401, "COROSEG_PACS_USER"), (403, "may not")])
def test_who_may_not_is_told_at_once_and_once(
    archive: FakeArchive, work: Work, status: int, said: str
) -> None:
    archive.faults["fetch"] = [status]
    ended, stopped = ran(archive, work)
    assert ended == []
    assert stopped is not None
    assert said in str(stopped)
    assert archive.count("fetch") == 1, "a refusal was tried again"
    ran(archive, work)
    assert_complete(archive, work)


def test_an_archive_that_goes_down_while_storing_loses_nothing(
    archive: FakeArchive, work: Work
) -> None:
    archive.faults["store"] = [503] * 3
    ended, stopped = ran(archive, work)
    assert stopped is not None
    assert statuses(ended) == ["failed", "failed", "skipped"]
    assert len(list(work.out.rglob("seg.dcm"))) == 2
    ended, stopped = ran(archive, work)
    assert stopped is None
    assert sum(one.stored for one in ended) == 4
    assert archive.count("fetch") == 2
    assert_complete(archive, work)


def test_an_answer_lost_after_storing_does_not_store_twice(
    archive: FakeArchive, work: Work
) -> None:
    ran(archive, work)
    lost = next(iter(archive.modality("SR")))  # the SEG went in, then the line broke
    del archive.headers[lost], archive.objects[lost]
    archive.stored.remove(lost)
    ended, _ = ran(archive, work)
    assert sum(one.stored for one in ended) == 1
    assert_complete(archive, work)


def test_what_the_archive_does_not_store_has_failed(archive: FakeArchive, work: Work) -> None:
    archive.refused = "SR"
    ended, stopped = ran(archive, work)
    assert stopped is None
    assert statuses(ended) == ["failed", "failed", "skipped"]
    assert "A700H" in ended[-1].reason + ended[0].reason
    archive.refused = ""
    ran(archive, work)
    assert_complete(archive, work)


def test_another_object_than_the_one_asked_for_is_not_kept(
    archive: FakeArchive, work: Work, xa: Callable[..., Path]
) -> None:
    archive.objects[f"{STUDY}.1.1"] = xa(9).read_bytes()
    ended, _ = ran(archive, work)
    assert f"sent {STUDY}.1.9 instead" in next(o.reason for o in ended if o.status == "failed")
    assert len(files_below(work.out / "received")) == 1


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_uid_that_would_be_a_path_is_refused(archive: FakeArchive, work: Work) -> None:
    archive.headers[f"{STUDY}.1.1"].SOPInstanceUID = "../../../../etc/passwd"
    ended, _ = ran(archive, work)
    assert "no DICOM UID" in next(one.reason for one in ended if one.status == "failed")


def test_nothing_can_be_written(archive: FakeArchive, work: Work, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(CorosegError, match="out"):
        ran(archive, work)
