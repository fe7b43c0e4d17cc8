import threading
from collections.abc import Iterator

import numpy as np
import pytest

from coroseg.angiogram import Frame
from coroseg.io.ahead import FramesAhead, ahead


@pytest.mark.parametrize("depth", [0, 1, 2, 50])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_results_come_in_order(count: int, depth: int) -> None:
    squares = [future.result() for future in ahead(lambda x: x * x, range(count), depth)]
    assert squares == [x * x for x in range(count)]


def test_only_so_many_are_begun_before_they_are_asked_for() -> None:
    begun: list[int] = []
    for number, future in enumerate(ahead(begun.append, range(20), depth=3)):
        future.result()
        assert number < len(begun) <= number + 4
    assert begun == list(range(20))


def test_the_next_is_made_while_this_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]
    results = ahead(lambda index: made[index].set(), range(3), depth=1)
    next(results).result()
    assert made[1].wait(timeout=30)  # nobody has asked for it yet
    assert [future.result() for future in results] == [None, None]


def test_an_error_belongs_to_its_item() -> None:
    futures = ahead(lambda x: 6 // x, [1, 0, 2], depth=2)
    assert next(futures).result() == 6
    with pytest.raises(ZeroDivisionError):
        next(futures).result()
    assert next(futures).result() == 3


def test_who_stops_early_waits_for_no_more_than_one() -> None:
    begun: list[int] = []
    first_may_end = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            first_may_end.wait(timeout=30)

    futures = ahead(work, range(100), depth=50)
    next(futures).result()
    threading.Timer(0.05, first_may_end.set).start()
    futures.close()
    assert begun in ([0], [0, 1], [0, 1, 2])
    assert threading.active_count() <= 2  # the timer may still end


class CountedFrames:
    """Frames that say how often each was decoded, and in which thread."""

    def __init__(self, count: int, broken: int | None = None) -> None:
        self.count, self.broken = count, broken
        self.decoded: list[int] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Frame:
        self.decoded.append(index)
        self.threads.add(threading.get_ident())
        if index == self.broken:
            raise ValueError(f"frame {index}")
        return np.full((2, 3), index, dtype=np.float32)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(self.count))


def test_frames_are_the_same_decoded_beside() -> None:
    frames = CountedFrames(9)
    beside = FramesAhead(frames)
    assert len(beside) == 9
    for _ in range(2):  # a run is gone through more than once
        assert [frame[1, 2] for frame in beside] == list(range(9))
    assert frames.decoded == [*range(9), *range(9)]
    assert threading.get_ident() not in frames.threads
    np.testing.assert_array_equal(beside[4], np.full((2, 3), 4))


def test_never_more_than_a_few_frames_are_decoded_ahead() -> None:
    frames = CountedFrames(40)
    for index, _ in enumerate(FramesAhead(frames)):
        assert len(frames.decoded) <= index + 1 + FramesAhead.DEPTH


def test_a_frame_that_is_broken_ends_the_run_there() -> None:
    seen = []
    with pytest.raises(ValueError, match="frame 3"):  # noqa: PT012
        for frame in FramesAhead(CountedFrames(9, broken=3)):
            seen.append(frame[0, 0])  # noqa: PERF401
    assert seen == [0, 1, 2]


def test_a_run_without_frames() -> None:
    assert list(FramesAhead(CountedFrames(0))) == []
