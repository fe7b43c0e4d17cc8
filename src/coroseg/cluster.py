"""Work as tasks of a Ray cluster that is there already: connecting, and waiting for what ends."""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from coroseg.errors import CorosegError, MissingPackageError

_CONNECT_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 1.0

Item = TypeVar("Item")


@contextmanager
def connected(address: str, purpose: str) -> Iterator[Any]:
    """Return a context with the module `ray`, connected to the cluster at `address`.

    Tasks that run when it ends are ended. Raises `CorosegError` where nothing answers, and
    `MissingPackageError`, which names the `purpose`.
    """
    if find_spec("ray") is None:
        raise MissingPackageError("ray", purpose, 'pip install "coroseg[cluster]"')
    try:
        # Ray itself goes on trying for a quarter of an hour where nothing answers.
        target = urlsplit(address if "://" in address else f"//{address}")
        if target.hostname and target.port:
            socket.create_connection((target.hostname, target.port), _CONNECT_SECONDS).close()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone
        import ray

        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        raise CorosegError(
            f"--ray {address}: no cluster there ({_first_line(error)}): "
            "start one with `ray start --head`"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def ended_tasks(
    ray: Any, begin: Callable[[Item], Any], items: Iterable[Item], *, ahead: int
) -> Iterator[list[tuple[Item, Any]]]:
    """Yield the items whose tasks have ended, each with its future, as they end.

    `begin` begins an item's task and returns its future; at most `ahead` wait or run at a time.
    A list comes after every second at the latest, empty where nothing has ended.
    """
    coming = iter(items)
    pending: dict[Any, Item] = {}
    while True:
        pending.update((begin(item), item) for item in islice(coming, ahead - len(pending)))
        if not pending:
            return
        ended, _ = ray.wait(list(pending), timeout=_TICK_SECONDS)
        yield [(pending.pop(future), future) for future in ended]


def why_failed(error: Exception) -> str:
    """Return in one line what an error of Ray's says, or the error of the task's own in it."""
    return _first_line(getattr(error, "cause", error))


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
