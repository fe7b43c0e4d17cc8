from collections.abc import Callable

import pytest

from coroseg.lab.benchmark.grid import LOG, Grid
from coroseg.lab.benchmark.run import Progress, run


def test_a_cell_that_fails_is_named_with_its_reason_and_the_others_go_on(
    make_grid: Callable[..., Grid],
) -> None:
    grid = make_grid()
    bad, good = grid.cells
    settings = (bad.folder / "cell.json").read_text()
    assert '"start": []' in settings
    (bad.folder / "cell.json").write_text(
        settings.replace('"start": []', f'"start": ["{bad.folder / "lost.ckpt"}"]')
    )
    seen: list[set[str]] = []
    progress = run(grid, step=lambda now: seen.append({cell.name for cell in now.running}))
    assert good.finished
    assert not bad.finished
    assert list(progress.failed) == [bad]
    reason = progress.failed[bad]
    assert "\n" not in reason
    assert "lost.ckpt: cannot be read as a checkpoint" in reason
    assert str(bad.folder / LOG) in reason
    assert {"cgnet fold 1"} in seen
    assert all(len(names) <= 1 for names in seen)


def test_no_process_outlives_an_interrupted_run(make_grid: Callable[..., Grid]) -> None:
    grid = make_grid(epochs=10_000)
    calls = 0

    def step(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        assert progress.running
        if calls == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(grid, step=step)
    # The lock is the cell's own: it could not be taken beside a living process.
    import fcntl

    with (grid.cells[0].folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
