"""Work done one step ahead, in one thread, so that reading does not make the network wait."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from coroseg.angiogram import Frame, Frames

Item = TypeVar("Item")
Value = TypeVar("Value")


def ahead(
    function: Callable[[Item], Value], items: Iterable[Item], depth: int
) -> Iterator[Future[Value]]:
    """Yield the futures of `function` of each item, in order; up to `depth` run ahead."""
    with ThreadPoolExecutor(1) as reader:
        pending: deque[Future[Value]] = deque()
        try:
            for item in items:
                pending.append(reader.submit(function, item))
                if len(pending) > depth:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            for future in pending:
                future.cancel()


class FramesAhead:
    """The frames of a run, decoded beside whoever iterates over them; never more than a few."""

    DEPTH = 4

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        return self._frames[index]

    def __iter__(self) -> Iterator[Frame]:
        remaining = iter(self._frames)
        for future in ahead(lambda _: next(remaining), range(len(self)), self.DEPTH):
            yield future.result()
