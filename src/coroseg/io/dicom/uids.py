"""UIDs that follow from what they name: the same object gets the same UID wherever it is made."""

import hashlib
import uuid

from pydicom.uid import UID

_NAMESPACE = uuid.UUID("6f0c1d0e-3a5b-5c86-9d4e-7b1f2a90c5e3")
"""Ours alone, so that the same words hashed by another program give another UID."""


def derived_uid(*parts: str) -> UID:
    """Return the UID that belongs to these words: `2.25.` and a name-based UUID (PS3.5 B.2).

    It is of version 5, with SHA-256 in the place of SHA-1.
    """
    # The lengths keep ("ab", "c") apart from ("a", "bc").
    words = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.sha256(_NAMESPACE.bytes + words.encode("utf-8", "surrogateescape")).digest()
    return UID(f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}")
