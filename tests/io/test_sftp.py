"""SFTP: a host is asked for its key, and only one that is known is told anything."""

import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import paramiko
import pytest

from coroseg.errors import InputError, OutputError
from coroseg.io import urls


class Host(paramiko.ServerInterface):
    """Takes any user with any key."""

    def get_allowed_auths(self, *_: object) -> str:
        return "publickey"

    def check_auth_publickey(self, *_: object) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, *_: object) -> int:
        return paramiko.OPEN_SUCCEEDED


class Files(paramiko.SFTPServerInterface):
    """The files of this machine."""

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(Path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def list_folder(self, path: str) -> Any:
        return [
            paramiko.SFTPAttributes.from_stat(entry.stat(), entry.name)
            for entry in os.scandir(path)
        ]

    def open(self, path: str, flags: int, *_: object) -> Any:
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = io.BytesIO(Path(path).read_bytes())
        return handle


def serve(listening: socket.socket, key: paramiko.PKey) -> None:
    """Answer every connection until the socket is closed."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
        try:
            transport.start_server(server=Host())
        except (paramiko.SSHException, EOFError, OSError):  # the client has gone
            transport.close()


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, paramiko.PKey]]:
    """Return host and port of a server, and its key; our own is where it is looked for."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "home/.ssh/id_ecdsa"))
    key = paramiko.ECDSAKey.generate()
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=serve, args=(listening, key), daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", key
        listening.shutdown(socket.SHUT_RDWR)


def know(folder: Path, address: str, key: paramiko.PKey) -> None:
    """Put a host's key where ssh keeps it."""
    host, _, port = address.partition(":")
    line = f"[{host}]:{port} {key.get_name()} {key.get_base64()}\n"
    (folder / "home" / ".ssh" / "known_hosts").write_text(line)


def test_a_known_host_is_read(address: tuple[str, paramiko.PKey], tmp_path: Path) -> None:
    know(tmp_path, *address)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(bytes(range(200)))
    url = f"sftp://me@{address[0]}{tmp_path}/in"
    assert urls.is_folder(url)
    assert [(one.name, one.path, one.is_file()) for one in urls.entries(url)] == [
        ("a.dcm", f"{url}/a.dcm", True)
    ]
    urls.fetch(f"{url}/a.dcm", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == bytes(range(200))


def test_an_unknown_host_is_refused(address: tuple[str, paramiko.PKey], tmp_path: Path) -> None:
    url = f"sftp://you@{address[0]}{tmp_path}"
    host, _, port = address[0].partition(":")
    with pytest.raises(InputError) as caught:
        urls.is_folder(url)
    assert str(caught.value) == (
        f"sftp://[{host}]:{port}: its ecdsa-sha2-nistp256 key is not in ~/.ssh/known_hosts: "
        "connect to it with ssh once, and compare the key that is shown"
    )


def test_a_host_with_another_key_is_refused(
    address: tuple[str, paramiko.PKey], tmp_path: Path
) -> None:
    know(tmp_path, address[0], paramiko.ECDSAKey.generate())
    url = f"sftp://they@{address[0]}{tmp_path}"
    with pytest.raises(OutputError, match="does not match") as caught:
        urls.remove(f"{url}/a.dcm")
    assert str(caught.value).startswith(f"{url}/a.dcm: cannot be removed (Host key for server ")
