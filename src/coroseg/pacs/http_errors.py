"""What goes wrong between us and a web archive, in one line each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import requests

from coroseg.pacs.archive import ArchiveError
from coroseg.pacs.credentials import HOW

TIMEOUT_S = (10.0, 60.0)
"""To connect, and between two pieces of an answer."""

_BUSY: Final = (408, 425, 429, 500, 502, 503, 504)
_STOPPING: Final = {
    401: f"it wants a name and a password: {HOW}",
    403: f"you may not do this: ask for the right, or for another account ({HOW})",
    429: "it is too busy: try again later",
    502: "it is down behind its proxy: try again later",
    503: "it is down or too busy: try again later",
    504: "it is down behind its proxy: try again later",
}
_REFUSED: Final = {
    404: "it does not have this, or --url is not its DICOMweb address",
    406: "it cannot give the object as it is stored",
    409: "it refused the object",
    413: "the object is too large for it",
}


@contextmanager
def explained(url: str, what: str) -> Iterator[None]:
    """Return a context in which what goes wrong with `what` is an `ArchiveError` about `url`.

    None holds the query of an address, which may name a patient, or a password.
    """
    place = f"{url}: {what}"
    try:
        yield
    except requests.HTTPError as error:
        raise _refusal(place, error.response) from error
    except requests.exceptions.SSLError as error:
        raise ArchiveError(
            f"{place}: no trusted connection ({cause(error)}): name the file of your own "
            "certificate authority in REQUESTS_CA_BUNDLE",
            stops=True,
        ) from error
    except requests.exceptions.JSONDecodeError as error:
        raise ArchiveError(
            f"{place}: the answer is not DICOM JSON: give the address of its DICOMweb service",
            stops=True,
        ) from error
    except requests.ReadTimeout as error:
        raise ArchiveError(f"{place}: no answer within {TIMEOUT_S[1]:g} s", again=True) from error
    except requests.ConnectionError as error:
        raise ArchiveError(
            f"{place}: cannot be reached ({cause(error)}): is it running, and is this its address?",
            again=True,
            stops=True,
        ) from error
    except requests.RequestException as error:
        raise ArchiveError(f"{place}: {cause(error)}", again=True) from error


def cause(error: BaseException) -> str:
    """Return the innermost reason, without the address that requests puts around it."""
    inner = error
    while isinstance(below := _below(inner), BaseException):
        inner = below
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return type(inner).__name__


def _below(error: BaseException) -> object:
    nested = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return getattr(error, "reason", None) or nested or error.__cause__ or error.__context__


def _refusal(place: str, response: requests.Response | None) -> ArchiveError:
    if response is None:
        return ArchiveError(f"{place}: refused")
    status = response.status_code
    remedy = _STOPPING.get(status) or _REFUSED.get(status) or "see the archive's log"
    after = response.headers.get("Retry-After", "")
    return ArchiveError(
        f"{place}: status {status}: {remedy}",
        again=status in _BUSY,
        stops=status in _STOPPING,
        wait_s=float(after) if after.isdecimal() else 0,
    )
