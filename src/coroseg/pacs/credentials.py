"""Who we are to an archive: from the environment, else from netrc; never written anywhere."""

import logging
import os
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from coroseg.errors import ConfigError

USER, PASSWORD, TOKEN = "COROSEG_PACS_USER", "COROSEG_PACS_PASSWORD", "COROSEG_PACS_TOKEN"
HOW = f"set {USER} and {PASSWORD}, or {TOKEN}, or write the host into ~/.netrc"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_log = logging.getLogger(__name__)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def session_for(url: str) -> requests.Session:
    """Return a session that presents what the environment gives; requests itself reads netrc.

    Certificates are verified, with those of REQUESTS_CA_BUNDLE where it is set. Raises
    `ConfigError` for half a pair.
    """
    session = requests.Session()
    user, password, token = (os.environ.get(name, "") for name in (USER, PASSWORD, TOKEN))
    if bool(user) != bool(password):
        raise ConfigError(f"{USER} and {PASSWORD}: only one is set: set both, or neither")
    if token:
        session.auth = _Bearer(token)
    elif user:
        session.auth = HTTPBasicAuth(user.encode(), password.encode())
    parts = urlsplit(url)
    if session.auth and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        _log.warning("%s: the password goes over the network unencrypted: use https", url)
    return session
