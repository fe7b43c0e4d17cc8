import errno
import hashlib
import os
from pathlib import Path

import pytest

from coroseg.errors import InputError, OutputError
from coroseg.io.files import sha256_of, write_whole


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "mask.png"
    with write_whole(target) as path:
        path.write_bytes(b"mask")
        assert not target.exists()
        assert (path.parent, path.suffix) == (target.parent, ".png")
        assert path.name.startswith(".")  # a walk passes over it
    assert target.read_bytes() == b"mask"
    assert list(target.parent.iterdir()) == [target]


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with write_whole(tmp_path / "a.txt") as path:
        path.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError, InputError])
def test_a_failure_leaves_what_was_there(tmp_path: Path, failure: type[BaseException]) -> None:
    def write() -> None:
        with write_whole(tmp_path / "a.txt") as path:
            path.write_text("half")
            raise failure

    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(failure):
        write()
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "No space left on device.*free some space"),
        (errno.EACCES, "Permission denied.*choose a folder in which you may write"),
        (errno.EIO, "Input/output error.*choose another folder"),
    ],
)
def test_what_the_system_refuses_is_one_line(tmp_path: Path, number: int, words: str) -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        raise OSError(number, os.strerror(number))

    with (
        pytest.raises(OutputError, match=f"a.txt: cannot be written .{words}"),
        write_whole(tmp_path / "a.txt") as path,
    ):
        write(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk(tmp_path: Path) -> None:
    def write() -> None:
        with write_whole(tmp_path / "a.txt") as path:
            path.symlink_to("/dev/full")
            path.write_text("more than there is room for")

    with pytest.raises(OutputError, match="No space left"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    for target in (tmp_path / "out" / "mask.png", tmp_path / "out" / "deep" / "mask.png"):
        with pytest.raises(OutputError, match="a file stands where"), write_whole(target):
            pytest.fail("nothing can be written")
    assert (tmp_path / "out").read_text() == "a file"


def test_a_folder_where_the_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "mask.png").mkdir()
    with (
        pytest.raises(OutputError, match="a folder stands where"),
        write_whole(tmp_path / "mask.png") as path,
    ):
        path.write_bytes(b"mask")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mask.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "link.csv"):
        with (
            pytest.raises(OutputError, match=f"{name}: no regular file"),
            write_whole(tmp_path / name) as path,
        ):
            path.write_text("rows")
        assert (tmp_path / name).is_fifo()
    assert {entry.name for entry in tmp_path.iterdir()} == {"pipe.csv", "link.csv"}


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert sha256_of(tmp_path / "a") == wanted
    with pytest.raises(InputError, match="missing: cannot be read"):
        sha256_of(tmp_path / "missing")


def test_sha256_of_a_folder_tells_its_frames(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"a")
    (tmp_path / "2.png").write_bytes(b"b")
    lines = "".join(
        f"{name}\n{hashlib.sha256(content).hexdigest()}\n"
        for name, content in [("1.png", b"a"), ("2.png", b"b")]
    )
    before = sha256_of(tmp_path)
    assert before == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "notes.txt").write_text("no frame")
    assert sha256_of(tmp_path) == before
    (tmp_path / "2.png").write_bytes(b"c")
    assert sha256_of(tmp_path) != before
