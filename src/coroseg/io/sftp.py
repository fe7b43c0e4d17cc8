"""SFTP for fsspec, which by itself takes whatever host answers for the one that was asked for."""

from typing import Any

import fsspec
import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from coroseg.errors import InputError


class KnownHost(SFTPFileSystem):  # type: ignore[misc]
    """Files over SFTP on a host whose key is in `~/.ssh/known_hosts`."""

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        self.client.set_missing_host_key_policy(_Refuse())
        try:
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()
        except BaseException:
            self.client.close()
            raise


class _Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
        raise InputError(
            f"sftp://{hostname}: its {key.get_name()} key is not in ~/.ssh/known_hosts: connect to "
            "it with ssh once, and compare the key that is shown"
        )


def check_hosts() -> None:
    """Make fsspec check the keys of hosts from now on."""
    for scheme in ("sftp", "ssh"):
        fsspec.register_implementation(scheme, KnownHost, clobber=True)
