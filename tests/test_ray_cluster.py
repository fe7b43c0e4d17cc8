"""What work on a Ray cluster has in common: connecting, and every task that ends, once."""

import random
import socket
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.cluster import connected, ended_tasks
from coroseg.errors import CorosegError, MissingPackageError


class FakeRay:
    """A cluster whose tasks end in an order of its own; sometimes none does for a while."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.most = 0

    def wait(self, futures: Sequence[int], *, timeout: float) -> tuple[list[int], list[int]]:
        assert 0 < timeout <= 1
        self.most = max(self.most, len(futures))
        ended = self.chance.sample(futures, self.chance.randint(0, 1))
        return ended, [future for future in futures if future not in ended]


@given(st.integers(0, 40), st.integers(1, 12), st.integers())
def test_every_task_ends_once_and_few_are_begun_ahead(count: int, ahead: int, seed: int) -> None:
    ray, begun = FakeRay(seed), []

    def begin(item: int) -> str:
        begun.append(item)
        return f"future {item}"

    steps = list(ended_tasks(ray, begin, iter(range(count)), ahead=ahead))
    assert begun == list(range(count))
    ended = [pair for step in steps for pair in step]
    assert sorted(ended) == sorted((item, f"future {item}") for item in range(count))
    assert ray.most <= ahead


def test_a_missing_ray_is_named_with_its_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(
            MissingPackageError, match=r'^this needs .* pip install "coroseg\[cluster\]"'
        ),
        connected("auto", "this"),
    ):
        pytest.fail("connected to nothing")


def test_where_nobody_listens_it_says_so_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(CorosegError) as caught, connected(address, "this"):
            pytest.fail("connected to nothing")
    assert str(caught.value).startswith(f"--ray {address}: no cluster there (")
    assert "\n" not in str(caught.value)
