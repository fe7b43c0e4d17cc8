"""An archive that speaks DICOMweb: QIDO-RS, WADO-RS and STOW-RS (PS3.18)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import requests
from dicomweb_client import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.tag import Tag

from coroseg.errors import ConfigError
from coroseg.pacs.archive import MODALITIES, ArchiveError, Instance, check_uid, split_url
from coroseg.pacs.credentials import HOW, session_for
from coroseg.pacs.http_errors import TIMEOUT_S, cause, explained
from coroseg.pacs.multipart import write_first_part

PAGE = 500
_CHUNK = 1 << 20
_ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
Page = list[dict[str, Any]]


class DicomWebArchive:
    """The archive at `url`, such as http://127.0.0.1:8042/dicom-web.

    Raises `ConfigError` for a URL that cannot be used. Its errors never hold the query of an
    address, which may name a patient.
    """

    def __init__(self, url: str) -> None:
        parts = split_url(url)
        if parts.username is not None or parts.password is not None:
            raise ConfigError(f"--url: a name or password does not belong into the address: {HOW}")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ConfigError(
                f"--url {url}: write http(s)://HOST:PORT/PATH, or dicom://HOST:PORT/AE"
            )
        self.url = url.rstrip("/")
        self._session = session_for(self.url)
        self._client = DICOMwebClient(
            self.url, session=self._session, permissive_uid=True, timeout=TIMEOUT_S
        )
        self._client.set_http_retry_params(retry=False)  # ours says so, and knows when to stop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._session.close()

    def studies(self, query: Mapping[str, str]) -> list[str]:
        """Return the UIDs of the studies that match, all pages of them."""
        items = self._pages(
            lambda offset: self._client.search_for_studies(
                search_filters=dict(query), offset=offset, limit=PAGE
            ),
            "StudyInstanceUID",
        )
        return [check_uid(uid) for uid in items]

    def runs(self, study: str) -> list[Instance]:
        """Return the objects of a study's XA and RF series."""
        series = self._pages(
            lambda offset: self._client.search_for_series(
                study, fields=["Modality"], offset=offset, limit=PAGE
            ),
            "SeriesInstanceUID",
        )
        wanted = [uid for uid, item in series.items() if _value(item, "Modality") in MODALITIES]
        return [instance for uid in wanted for instance in self._instances(study, uid)]

    def fetch(self, instance: Instance, path: Path) -> None:
        """Write an object to the file `path` as it comes, in constant memory."""
        place = f"{self.url}/studies/{instance.study}/series/{instance.series}"
        what = f"object {instance.uid}"
        with (
            explained(self.url, what),
            self._session.get(
                f"{place}/instances/{instance.uid}",
                headers=_ANY_SYNTAX,
                stream=True,
                timeout=TIMEOUT_S,
            ) as response,
        ):
            response.raise_for_status()
            kind = response.headers.get("Content-Type", "")
            with path.open("wb") as file:
                pieces = _pieces(response, f"{self.url}: {what}")
                write_first_part(f"{self.url}: {what}", kind, pieces, file)

    def holds(self, instance: Instance) -> bool:
        """Return whether the archive has this object already."""
        found = self._asked(
            lambda: self._client.search_for_instances(
                instance.study, search_filters={"SOPInstanceUID": instance.uid}
            )
        )
        return any(_value(item, "SOPInstanceUID") == instance.uid for item in found)

    def store(self, study: str, paths: Iterable[Path]) -> None:
        """Store DICOM files of a study."""
        objects = [dcmread(path) for path in paths]
        with explained(self.url, "storing"):
            answer = self._client.store_instances(objects, study_instance_uid=study)
        self._check_stored(answer, {str(dataset.SOPInstanceUID) for dataset in objects})

    def _instances(self, study: str, series: str) -> list[Instance]:
        items = self._pages(
            lambda offset: self._client.search_for_instances(
                study, series, fields=["NumberOfFrames"], offset=offset, limit=PAGE
            ),
            "SOPInstanceUID",
        )
        return [
            Instance(study, series, uid, _count(_value(item, "NumberOfFrames")))
            for uid, item in items.items()
        ]

    def _pages(self, search: Callable[[int], Page], keyword: str) -> dict[str, dict[str, Any]]:
        """Return all matches by UID: pages until one brings nothing new."""
        found: dict[str, dict[str, Any]] = {}
        seen = 0
        while True:
            page = self._asked(lambda offset=seen: search(offset))  # type: ignore[misc]
            new = {_value(item, keyword): item for item in page}
            if new.keys() <= found.keys():
                return found
            found |= new
            seen += len(page)

    def _asked(self, ask: Callable[[], Page]) -> Page:
        with explained(self.url, "search"):
            return ask()

    def _check_stored(self, answer: Dataset, uids: set[str]) -> None:
        for item in answer.get("FailedSOPSequence", ()):
            reason = item.get("FailureReason")
            stated = "no reason given" if reason is None else f"reason {reason:04X}H"
            raise ArchiveError(
                f"{self.url}: did not store object {item.get('ReferencedSOPInstanceUID')} "
                f"({stated}): see the archive's log"
            )
        stored = {str(i.ReferencedSOPInstanceUID) for i in answer.get("ReferencedSOPSequence", ())}
        if stored and not uids <= stored:
            raise ArchiveError(f"{self.url}: stored only {len(stored)} of {len(uids)} objects")


def _pieces(response: requests.Response, place: str) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise ArchiveError(
            f"{place}: the transfer broke off ({cause(error)})", again=True
        ) from error


def _value(item: Mapping[str, Any], keyword: str) -> str:
    """Return the first value of an attribute in DICOM JSON, empty where there is none."""
    values = item.get(f"{Tag(keyword):08X}", {}).get("Value") or [""]
    return str(values[0])


def _count(value: str) -> int | None:
    return int(value) if value.isdecimal() else None
