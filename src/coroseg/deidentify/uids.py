"""UIDs and patient pseudonyms by keyed hash: the same everywhere for the same key."""

import uuid
from typing import Final

from pydicom.uid import UID

from coroseg.deidentify.key import Key

_ROOT: Final = "2.25."
"""The root under which every UUID is a UID (PS3.5 B.2)."""


def is_registered(uid: str) -> bool:
    """Return whether the standard itself gives `uid`: a SOP class, a transfer syntax and so on."""
    return bool(uid) and UID(uid).name != uid


def new_uid(key: Key, uid: str) -> str:
    """Return the UID that stands for `uid`, itself where it is empty or registered.

    At most 44 characters. Values that are no UID get one too.
    """
    stripped = uid.strip(" \0")
    if not stripped or is_registered(stripped):
        return stripped
    return f"{_ROOT}{uuid.UUID(bytes=key.digest('uid', stripped)[:16], version=4).int}"


def pseudonym(key: Key, identifier: str) -> str:
    """Return the 17 characters that stand for a patient's identifier, empty where it is."""
    stripped = identifier.strip(" \0")
    return f"P{key.digest('patient', stripped)[:8].hex().upper()}" if stripped else ""
