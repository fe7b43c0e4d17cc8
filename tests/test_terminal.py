"""How long work shows how far it is."""

import io

import pytest
from rich.console import Console

from coroseg import terminal


def shown(monkeypatch: pytest.MonkeyPatch, *, watched: bool, every_s: float) -> str:
    """Return what is printed while three of four pieces of work are done."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=watched, width=100, highlight=False)
    monkeypatch.setattr(terminal, "console", console)
    monkeypatch.setattr(terminal, "EVERY_S", every_s)
    with terminal.counted(4, "angiograms") as step:
        for _ in range(3):
            step()
    return written.getvalue()


def test_a_terminal_shows_count_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, watched=True, every_s=0)
    assert "3/4" in text
    assert "a second" in text


def test_where_nobody_watches_a_line_says_it_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first piece has no rate yet.
    lines = shown(monkeypatch, watched=False, every_s=0).splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"{k} of 4 angiograms" for k in (2, 3)
    ]  # one has no rate
    assert all(line.endswith("left") and "a second" in line for line in lines)


def test_short_work_says_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shown(monkeypatch, watched=False, every_s=600).strip()
