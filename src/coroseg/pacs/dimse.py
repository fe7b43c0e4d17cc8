"""An archive that speaks DIMSE: C-FIND, C-MOVE to a port of ours, C-STORE (PS3.4)."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from pydicom import Dataset
from pydicom.uid import UID, ComprehensiveSRStorage, ExplicitVRLittleEndian, SegmentationStorage
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
)

from coroseg.errors import ConfigError
from coroseg.pacs.archive import MODALITIES, ArchiveError, Instance, check_uid, split_url
from coroseg.pacs.storage import storage_service

TIMEOUT_S = 60
_FIND = StudyRootQueryRetrieveInformationModelFind
_MOVE = StudyRootQueryRetrieveInformationModelMove
_PENDING, _OUT_OF_RESOURCES = (0xFF00, 0xFF01), range(0xA700, 0xA800)
_UNKNOWN_DESTINATION = 0xA801
_WARNINGS = range(0xB000, 0xC000)


class DimseArchive:
    """The archive at `url`, dicom://HOST:PORT/AE; we are `aet` and receive at `address`.

    The archive must know `aet` with this host and port, or it cannot send. Raises `ConfigError`
    for a URL that cannot be used.
    """

    def __init__(self, url: str, aet: str, address: tuple[str, int]) -> None:
        parts = split_url(url)
        title = parts.path.strip("/")
        if parts.scheme != "dicom" or not parts.hostname or not parts.port or not title:
            raise ConfigError(f"--url {url}: write dicom://HOST:PORT/AE-TITLE")
        self.url = url
        self._host, self._port, self._title = parts.hostname, parts.port, title
        self._aet, self._address = aet, address
        self._expected: dict[str, Path] = {}
        self._receiving = ExitStack()
        self._is_receiving = False

    def __enter__(self) -> Self:
        _config.STORE_SEND_CHUNKED_DATASET = True  # files are read as they are sent
        return self

    def __exit__(self, *error: object) -> None:
        self._receiving.close()

    def studies(self, query: Mapping[str, str]) -> list[str]:
        """Return the UIDs of the studies that match."""
        wanted = {"StudyInstanceUID": "", **query}
        return [check_uid(str(item.StudyInstanceUID)) for item in self._find("STUDY", wanted)]

    def runs(self, study: str) -> list[Instance]:
        """Return the objects of a study's XA and RF series."""
        of_study = {"StudyInstanceUID": study}
        series = self._find("SERIES", {**of_study, "SeriesInstanceUID": "", "Modality": ""})
        instances = []
        for uid in (item.SeriesInstanceUID for item in series if item.Modality in MODALITIES):
            wanted = {"SeriesInstanceUID": uid, "SOPInstanceUID": "", "NumberOfFrames": ""}
            for item in self._find("IMAGE", of_study | wanted):
                frames = item.get("NumberOfFrames")
                number = int(frames) if frames else None
                instances.append(Instance(study, uid, str(item.SOPInstanceUID), number))
        return instances

    def fetch(self, instance: Instance, path: Path) -> None:
        """Write an object to the file `path`, which the archive is asked to send us."""
        if not self._is_receiving:
            self._receiving.enter_context(storage_service(self._address, self._aet, self._take))
            self._is_receiving = True
        self._expected[instance.uid] = path
        try:
            self._move(instance)
        finally:
            del self._expected[instance.uid]
        if not path.exists():
            raise ArchiveError(f"{self.url}: object {instance.uid} did not arrive", again=True)

    def holds(self, instance: Instance) -> bool:
        """Return whether the archive has this object already."""
        uids = {
            "StudyInstanceUID": instance.study,
            "SeriesInstanceUID": instance.series,
            "SOPInstanceUID": instance.uid,
        }
        return bool(self._find("IMAGE", uids))

    def store(self, study: str, paths: Iterable[Path]) -> None:
        """Store DICOM files of a study."""
        with self._association(SegmentationStorage, ComprehensiveSRStorage) as association:
            for path in paths:
                place = f"storing {path.name} of study {study}"
                try:
                    status = association.send_c_store(path)
                except (RuntimeError, ValueError) as error:
                    raise ArchiveError(f"{self.url}: {place}: {error}") from error
                self._check(status, place)

    def _take(self, instance: Instance, path: Path, _: object) -> None:
        wanted = self._expected.get(instance.uid)
        if wanted is None:
            raise ArchiveError(f"object {instance.uid} was not asked for")
        shutil.copyfile(path, wanted)

    def _find(self, level: str, wanted: Mapping[str, str]) -> list[Dataset]:
        identifier = _identifier(level, wanted)
        found = []
        with self._association(_FIND) as association:
            for status, item in association.send_c_find(identifier, _FIND):
                if status.get("Status") not in _PENDING:
                    self._check(status, "search")
                elif item is not None:
                    found.append(item)
        return found

    def _move(self, instance: Instance) -> None:
        identifier = _identifier(
            "IMAGE",
            {
                "StudyInstanceUID": instance.study,
                "SeriesInstanceUID": instance.series,
                "SOPInstanceUID": instance.uid,
            },
        )
        with self._association(_MOVE) as association:
            for status, _ in association.send_c_move(identifier, self._aet, _MOVE):
                if status.get("Status") not in _PENDING:
                    self._check(status, f"object {instance.uid}")

    def _check(self, status: Dataset, what: str) -> None:
        """Raise where an operation ended otherwise than well; no status is a lost connection."""
        place, number = f"{self.url}: {what}", status.get("Status")
        if number is None:
            raise ArchiveError(f"{place}: the connection broke off", again=True)
        if number == _UNKNOWN_DESTINATION:
            host, port = self._address
            raise ArchiveError(
                f"{place}: the archive does not know {self._aet}: enter it there with this "
                f"machine's address and port {port} (we listen at {host}), or give --aet",
                stops=True,
            )
        if number != 0 and number not in _WARNINGS:
            said = f"status {number:04X}H {status.get('ErrorComment', '')}".strip()
            raise ArchiveError(
                f"{place}: {said}: see the archive's log", again=number in _OUT_OF_RESOURCES
            )

    @contextmanager
    def _association(self, *sop_classes: str) -> Iterator[Association]:
        entity = AE(ae_title=self._aet)
        entity.connection_timeout = entity.acse_timeout = TIMEOUT_S / 4
        entity.dimse_timeout = entity.network_timeout = TIMEOUT_S
        for sop_class in sop_classes:
            entity.add_requested_context(sop_class, ExplicitVRLittleEndian)
        association = entity.associate(self._host, self._port, ae_title=self._title)
        if association.rejected_contexts and not association.is_established:
            raise ArchiveError(
                f"{self.url}: does not offer {', '.join(UID(one).name for one in sop_classes)}",
                stops=True,
            )
        if association.is_rejected:
            raise ArchiveError(
                f"{self.url}: refused {self._aet}: enter this title in the archive, or give --aet",
                stops=True,
            )
        if not association.is_established:
            raise ArchiveError(
                f"{self.url}: cannot be reached: is it running, and is this its address?",
                again=True,
                stops=True,
            )
        try:
            yield association
        finally:
            association.release()


def _identifier(level: str, wanted: Mapping[str, str]) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in wanted.items():
        setattr(identifier, keyword, value)
    return identifier
