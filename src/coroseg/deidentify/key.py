"""The secret that pseudonyms are made with: who has it can tell whose a pseudonym is."""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from coroseg.errors import ConfigError, InputError
from coroseg.io.files import explained

_BYTES = 32
_FORM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """A secret of 32 bytes."""

    secret: bytes = field(repr=False)

    def digest(self, purpose: str, value: str) -> bytes:
        """Return 32 bytes for `value`: the same for the same key, and unlike another purpose's."""
        message = f"{purpose}\0{value}".encode("utf-8", "surrogateescape")
        return hmac.digest(self.secret, message, hashlib.sha256)


def open_key(path: Path) -> tuple[Key, bool]:
    """Return the key in the file `path`, and whether it was made now.

    A file that is not there is made: 64 random hexadecimal digits, for its owner only. Raises
    `ConfigError` where the file holds anything else, `InputError` where it cannot be read, and
    `OutputError` where it cannot be made.
    """
    with suppress(FileExistsError):
        return _new_key(path), True
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise InputError(
            f"{path}: the key cannot be read ({error.strerror}): check the path and its permissions"
        ) from error
    except UnicodeDecodeError:
        text = ""
    if not _FORM.fullmatch(text):
        raise ConfigError(
            f"{path}: not a key, which is a line of {2 * _BYTES} hexadecimal digits: name a new "
            "file and one will be made"
        )
    return Key(bytes.fromhex(text)), False


def _new_key(path: Path) -> Key:
    secret = secrets.token_bytes(_BYTES)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError:
        with explained(path):
            raise
    with os.fdopen(file, "w", encoding="ascii") as stream:
        stream.write(f"{secret.hex()}\n")
    return Key(secret)
