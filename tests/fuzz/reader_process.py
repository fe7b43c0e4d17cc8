"""A process of its own that reads files, so that a crash or an endless loop is seen and named."""

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 60
"""A damaged file takes milliseconds and a hostile one a few seconds; this is for busy machines."""
BYTES = 2**30
"""More than what any of the small files may take beside the libraries."""


class ReaderProcess:
    """Reads files one by one in another process, which is started anew where it ends."""

    def __init__(self, most: int = BYTES) -> None:
        self._most = most
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, path: Path) -> tuple[str, str]:
        """Return what was said of `path`, and what is wrong with that: nothing, if all is well."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(os.fsencode(path) + b"\n")
        process.stdin.flush()
        answer = self._answer(process)
        if answer is None:
            hung = process.poll() is None
            self.close()
            return "", f"hangs: {SECONDS} s" if hung else f"crashes: status {process.returncode}"
        if "bug" in answer:
            return "", str(answer["bug"])
        if answer["bytes"] > self._most:
            return "", f"takes {answer['bytes']} bytes"
        return str(answer["said"]), ""

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            command = [sys.executable, str(Path(__file__).with_name("read_one.py"))]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            # libpng and libtiff say there what the error says too.
            self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **pipes)
        return self._process

    def _answer(self, process: "subprocess.Popen[bytes]") -> dict[str, Any] | None:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(SECONDS):
                return None
        line = process.stdout.readline()
        if not line:
            process.wait()
            return None
        return json.loads(line)
