import stat
from pathlib import Path

import pytest

from coroseg.deidentify.key import open_key
from coroseg.errors import ConfigError, InputError, OutputError


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made, is_new = open_key(path)
    again, is_new_again = open_key(path)
    assert (is_new, is_new_again) == (True, False)
    assert made == again
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_key(tmp_path / "other")[0] != made


def test_a_key_is_not_shown(tmp_path: Path) -> None:
    key, _ = open_key(tmp_path / "key")
    assert key.secret.hex() not in repr(key)
    assert repr(key) == "Key()"


@pytest.mark.parametrize("content", [b"", b"secret", b"0" * 63, b"\xff" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a key"):
        open_key(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        open_key(tmp_path)
    with pytest.raises(OutputError, match="nowhere"):
        open_key(tmp_path / "nowhere" / "key")


def test_purposes_do_not_meet(tmp_path: Path) -> None:
    key, _ = open_key(tmp_path / "key")
    assert key.digest("uid", "1.2") != key.digest("patient", "1.2")
    assert key.digest("uid", "1.2") == key.digest("uid", "1.2")
