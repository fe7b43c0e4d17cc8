import pytest

from coroseg.pacs import patience
from coroseg.pacs.archive import ArchiveError
from coroseg.pacs.patience import patiently


class Failing:
    """Fails with each of `errors`, then returns how often it was called."""

    def __init__(self, *errors: ArchiveError) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    monkeypatch.setattr(patience, "WAITS_S", (1, 2, 4))
    return slept


def test_waits_grow_and_the_archive_may_ask_for_longer_ones(waits: list[float]) -> None:
    busy = [ArchiveError("busy", again=True, wait_s=wait_s) for wait_s in (0, 0, 9)]
    assert patiently(Failing(*busy)) == 4
    assert waits == [1, 2, 9]


def test_no_archive_may_ask_for_a_day(waits: list[float]) -> None:
    patiently(Failing(ArchiveError("busy", again=True, wait_s=86400)))
    assert waits == [patience.LONGEST_WAIT_S]


def test_the_last_error_is_raised(waits: list[float]) -> None:
    errors = [ArchiveError(str(number), again=True) for number in range(9)]
    with pytest.raises(ArchiveError, match="3"):
        patiently(Failing(*errors))


def test_what_will_not_pass_is_not_tried_again(waits: list[float]) -> None:
    with pytest.raises(ArchiveError, match="no"):
        patiently(Failing(ArchiveError("no")))
    assert waits == []
