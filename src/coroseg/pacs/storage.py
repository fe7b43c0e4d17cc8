"""A DICOM storage service (C-STORE SCP) that keeps nothing itself: others take what arrives."""

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from pydicom.uid import (
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, _config, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from coroseg.errors import ConfigError, CorosegError, OutputError
from coroseg.pacs.archive import Instance
from coroseg.pacs.received import identify

ACCEPTED: Final = (
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
    SecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
SUCCESS, OUT_OF_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000

Association = object
Take = Callable[[Instance, Path, Association], None]
_log = logging.getLogger(__name__)


@contextmanager
def storage_service(
    address: tuple[str, int],
    aet: str,
    take: Take,
    ended: Callable[[Association], None] = lambda _: None,
) -> Iterator[int]:
    """Return a context in which objects can be sent to `aet` at `address`; it gives the port.

    `take` hears of each object, whole in a temporary file; `ended` of the end of an association,
    however it ends. Objects are written to disk as they come. Raises `ConfigError` where the
    address cannot be used.
    """
    _config.STORE_RECV_CHUNKED_DATASET = True
    entity = AE(ae_title=aet)
    entity.require_called_aet = True
    entity.add_supported_context(Verification)
    for sop_class in ACCEPTED:
        entity.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES)
    handlers: list[Any] = [
        (evt.EVT_C_STORE, _stored, [take]),
        (evt.EVT_CONN_CLOSE, _closed, [ended]),
    ]
    try:
        server = entity.start_server(address, block=False, evt_handlers=handlers)
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        remedy = "choose another --port" if in_use else "choose another --host or --port"
        raise ConfigError(
            f"{address[0]}:{address[1]}: cannot listen there ({error.strerror}): {remedy}"
        ) from error
    listening = cast("ThreadedAssociationServer", server)  # as it does not block
    try:
        yield int(listening.server_address[1])
    finally:
        # Not the server's own: an open association would keep the process until its peer ends it.
        entity.shutdown()


def _stored(event: evt.Event, take: Take) -> int:
    """Return the DIMSE status of an object that has arrived (PS3.4 B.2.3)."""
    try:
        take(identify(event.dataset_path), event.dataset_path, event.assoc)
    except OutputError as error:
        _log.warning("%s", error)
        return OUT_OF_RESOURCES
    except CorosegError as error:
        _log.warning("refused what %s sent: %s", event.assoc.requestor.ae_title, error)
        return NOT_UNDERSTOOD
    return SUCCESS


def _closed(event: evt.Event, ended: Callable[[Association], None]) -> None:
    # pynetdicom leaves the file of an object that did not arrive whole.
    partial = getattr(event.assoc.dimse.message, "_data_set_file", None)
    if partial is not None:
        partial.close()
        Path(partial.name).unlink(missing_ok=True)
    ended(event.assoc)
