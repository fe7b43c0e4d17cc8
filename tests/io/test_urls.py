"""Files behind URLs: what is there, and one line for whatever goes wrong."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from coroseg.errors import CorosegError, InputError, MissingPackageError, OutputError
from coroseg.io import urls
from coroseg.io.sources import find_sources

DICOM = bytes(128) + b"DICM" + bytes(60)
TREE = {
    "a.dcm": DICOM,
    "a.png": b"",
    "p10/frame_10.png": b"",
    "p10/frame_2.png": b"",
    "p2/deep/1.2.840.7": DICOM,
    "p2/deep/noextension": b"text",
    "p2/DICOMDIR": DICOM,
    "p2/notes.txt": b"text",
    ".hidden/x.dcm": DICOM,
    ".hidden.dcm": DICOM,
    "results/a/result.json": b'{"schema": "coroseg-result-1"}',
    "results/a/mask.png": b"",
    "other/result.json": b'{"from": "another program"}',
    "other/c.png": b"",
    "7/truth.json": b'{"schema": "coroseg-truth-1"}',
    "7/run.dcm": DICOM,
    "7/mask.png": b"",
    "7/masks/001.png": b"",
}


@pytest.fixture(params=["file", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of a place to write to."""
    yield f"{request.param}://{tmp_path}/base"
    fsspec.filesystem("memory").store.clear()


def write(url: str, content: bytes) -> None:
    with fsspec.open(url, "wb", auto_mkdir=True) as file:
        file.write(content)


def test_a_tree_behind_a_url_has_the_sources_that_it_has_here(base: str, tmp_path: Path) -> None:
    for name, content in TREE.items():
        (tmp_path / "here" / "base" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / "base" / name).write_bytes(content)
        write(f"{base}/{name}", content)
    here = find_sources([tmp_path / "here" / "base"])
    there = find_sources([f"{base}/"])
    assert [source.name for source in there.sources] == [source.name for source in here.sources]
    assert there.passed_over == here.passed_over == 10
    for near, far in zip(here.sources, there.sources, strict=True):
        below = near.path.relative_to(tmp_path / "here" / "base")
        assert far.url == far.place == f"{base}/{below.as_posix()}"
        assert far.path == Path(near.path.name)


def test_names_are_told_apart_wherever_the_sources_lie(base: str, tmp_path: Path) -> None:
    here = tmp_path / "here" / "a.dcm"
    here.parent.mkdir()
    here.write_bytes(DICOM)
    write(f"{base}/a.dcm", DICOM)
    write(f"{base}/b.dcm", DICOM)
    found = find_sources([here, base, f"{base}/b.dcm", f"{base}/missing.png"])
    names = [source.name.as_posix() for source in found.sources]
    assert names == ["here/a", "base/a", "b", "missing"]  # the last fails when it is read


def test_links_below_a_url_are_not_followed_to_folders(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.dcm").write_bytes(DICOM)
    (tmp_path / "p" / "up").symlink_to(tmp_path)
    found = find_sources([f"file://{tmp_path}"])
    assert [source.name.as_posix() for source in found.sources] == ["p/a"]
    assert found.passed_over == 1


def test_a_run_of_files_behind_a_url_is_refused(base: str) -> None:
    with pytest.raises(InputError, match="only a folder of this machine can be one run"):
        find_sources([base], as_run=True)


def test_files_come_and_go(base: str, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(range(200)))
    assert urls.entries(base) == []
    urls.put(tmp_path / "one", f"{base}/deep/one")
    urls.put_whole(tmp_path / "one", f"{base}/deep/two")
    urls.put_whole(tmp_path / "one", f"{base}/deep/two")  # over the first
    assert {entry.name: entry.path for entry in urls.entries(f"{base}/deep")} == {
        name: f"{base}/deep/{name}" for name in ("one", "two")
    }
    assert [(e.name, e.is_dir(), e.is_file()) for e in urls.entries(base)] == [
        ("deep", True, False)
    ]
    assert urls.head(f"{base}/deep/two", 132) == bytes(range(132))
    urls.fetch(f"{base}/deep/two", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == bytes(range(200))
    urls.remove(f"{base}/deep/one")
    assert [entry.name for entry in urls.entries(f"{base}/deep")] == ["two"]


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (urls.fetch, InputError),
        (lambda url, _: urls.head(url, 8), InputError),
        (lambda url, _: urls.remove(url), OutputError),
        (lambda url, path: urls.put(path / "missing", url), OutputError),
        (lambda url, path: urls.put_whole(path / "missing", url), OutputError),
    ],
)
def test_a_missing_file_is_one_line(
    base: str, tmp_path: Path, work: Callable[[str, Path], None], kind: type[CorosegError]
) -> None:
    with pytest.raises(kind) as caught:
        work(f"{base}/m.png", tmp_path)
    assert str(caught.value).startswith(f"{base}/m.png: cannot be ")
    assert "no such file" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_scheme_is_one_line() -> None:
    with pytest.raises(InputError, match=r"^foo://x: cannot be read \(Protocol not known: foo\): "):
        urls.is_folder("foo://x")


def test_a_password_is_not_taken_and_not_repeated() -> None:
    with pytest.raises(InputError, match="sftp://host: a password in a URL") as caught:
        urls.is_folder("sftp://me:secret@host/in")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "url", "command"),
    [
        ("fsspec", "s3://bucket/in", r'pip install "coroseg\[cluster\]"'),
        ("s3fs", "s3://bucket/in", "pip install s3fs"),
        ("gcsfs", "gs://bucket/in", "pip install gcsfs"),
        ("paramiko", "sftp://host/in", "pip install paramiko"),
    ],
)
def test_a_missing_package_is_named_with_its_install_command(
    package: str, url: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "coroseg.io.sftp", raising=False)  # has imported it
    with pytest.raises(MissingPackageError, match=rf"^{url[:2]}.*://.* {package}: {command}$"):
        find_sources([url])


@pytest.mark.parametrize(
    ("url", "tidy"),
    [("s3://b/in/", "s3://b/in"), ("s3://b//", "s3://b"), ("file:///", "file:///")],
)
def test_slashes_at_the_end_go(url: str, tidy: str) -> None:
    assert urls.without_slash(url) == tidy
