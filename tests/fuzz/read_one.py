"""The process that reads: a line in is a path, a line out what became of it, as JSON.

Memory is limited, so that a file that asks for too much is told from one that is refused.
"""

import json
import resource
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from coroseg.deidentify.file import Request, deidentify_file
from coroseg.deidentify.key import Key
from coroseg.errors import CorosegError
from coroseg.io import load
from coroseg.io.masks import read_mask

MOST_FRAMES = 4
ADDRESSES = 6 * 2**30  # bytes


def main() -> None:
    warnings.simplefilter("error")  # nobody may be told anything but the one line
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        path = Path(line.removesuffix("\n"))
        Path("/proc/self/clear_refs").write_text("5")  # the peak is measured anew
        before = _memory("VmRSS")
        said = _read(path) | {"bytes": _memory("VmHWM") - before}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _read(path: Path) -> dict[str, Any]:
    try:
        said = f"{_frames(path)} frames"
    except CorosegError as error:
        said = str(error)
        if "\n" in said or str(path) not in said:
            return {"bug": f"refused in other words than one line about it: {said!r}"}
    except BaseException:  # noqa: BLE001  # whatever else it is, it is a bug
        return {"bug": traceback.format_exc()}
    return {"said": said}


def _frames(path: Path) -> int:
    if path.name.startswith("mask"):
        assert read_mask(path).ndim == 2
        return 1
    if path.name.startswith("clean"):
        deidentify_file(path, Request(), Key(b"k" * 32)).write(path.with_suffix(".new"))
        return 1
    run = load(path, as_run=path.is_dir())
    count = 0
    for frame in run.frames:
        assert frame.shape == (run.rows, run.columns)
        assert frame.dtype == "float32"
        assert 0 <= frame.min() <= frame.max() <= 1
        count += 1
        if count == MOST_FRAMES:
            break
    else:
        assert count == len(run.frames)
    return count


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise AssertionError(name)


if __name__ == "__main__":
    main()
