import os
import time
import timeit
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.io.sources import find_sources, image_files, natural_key

DICOM = bytes(128) + b"DICM" + bytes(60)


def make(folder: Path, *names: str, content: bytes = DICOM) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def names(*paths: Path, as_run: bool = False) -> list[str]:
    return [source.name.as_posix() for source in find_sources(paths, as_run=as_run).sources]


def test_natural_order() -> None:
    mixed = ["frame_10", "frame_2", "Frame_1", "frame_02", "a", "10", "9", "frame"]
    wanted = ["9", "10", "a", "frame", "Frame_1", "frame_02", "frame_2", "frame_10"]
    assert sorted(mixed, key=natural_key) == wanted


@given(st.lists(st.integers(0, 10**12), unique=True))
def test_numbered_frames_are_in_the_order_of_their_numbers(numbers: list[int]) -> None:
    files = sorted((f"frame_{number}.png" for number in numbers), key=natural_key)
    assert files == [f"frame_{number}.png" for number in sorted(numbers)]


def test_a_file_is_named_less_a_known_extension_only(tmp_path: Path) -> None:
    files = {
        "a.dcm": "a",
        "1.2.840.7": "1.2.840.7",
        "run": "run",
        "b.c.PNG": "b.c",
        "d.nii.gz": "d",
        "e.foo": "e.foo",
        ".png": ".png",
    }
    for file, name in files.items():
        path = make(tmp_path, file) / file
        [source] = find_sources([path]).sources
        assert (source.path, source.name) == (path, PurePath(name))


def test_sub_folders_are_kept(tmp_path: Path) -> None:
    make(tmp_path, "p2/a.dcm", "p10/a.dcm", "p10/deep/1.2.3", "x.png")
    assert names(tmp_path) == ["p2/a", "p10/a", "p10/deep/1.2.3", "x"]
    [first, *_] = find_sources([tmp_path]).sources
    assert first.path == tmp_path / "p2" / "a.dcm"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (["a.dcm", "a.png", "b.png"], ["a.dcm", "a.png", "b"]),
        (["a", "a.png"], ["a", "a.png"]),
        (["a.dcm", "A.png"], ["a.dcm", "A.png"]),  # one folder where capitals do not count
        (["A.PNG", "a.png"], ["A.PNG", "a.png"]),
        (["a.dcm", "a.png", "a.png.dcm"], ["a.dcm", "a.png", "a.png.dcm"]),
        (["p/a.dcm", "q/a.png"], ["p/a", "q/a"]),
    ],
)
def test_two_files_of_one_folder_that_would_share_a_name_keep_their_extensions(
    tmp_path: Path, files: list[str], wanted: list[str]
) -> None:
    make(tmp_path, *files)
    assert names(tmp_path) == wanted
    assert sorted(names(*(tmp_path / file for file in files if "/" not in file))) == sorted(
        name for name in wanted if "/" not in name
    )


def test_sources_of_two_folders_are_told_apart_by_their_parents(tmp_path: Path) -> None:
    make(tmp_path, "one/a.dcm", "two/a.dcm", "two/b.dcm", "x/s/c.dcm", "y/s/c.dcm")
    assert names(tmp_path / "one", tmp_path / "two") == ["one/a", "two/a", "b"]
    assert names(tmp_path / "one" / "a.dcm", tmp_path / "two" / "a.dcm") == ["one/a", "two/a"]
    assert names(tmp_path / "x" / "s", tmp_path / "y" / "s") == ["x/s/c", "y/s/c"]


@given(
    st.sets(
        st.lists(st.sampled_from(["a", "A", "b", "a.png", "b.dcm"]), min_size=2, max_size=4).map(
            lambda parts: "/".join(parts[:-1]) + "/" + parts[-1] + ".dcm"
        ),
        max_size=12,
    )
)
def test_names_of_missing_files_are_never_shared(paths: set[str]) -> None:
    found = find_sources([Path("/nowhere") / path for path in sorted(paths)])
    assert len(found.sources) == len(paths)
    assert len({source.name for source in found.sources}) == len(paths)


def test_what_is_reached_twice_is_taken_once(tmp_path: Path) -> None:
    make(tmp_path, "p/a.dcm", "b.dcm")
    twice = [tmp_path, tmp_path / "p", tmp_path / "p" / ".." / "b.dcm"]
    assert names(*twice) == ["b", "p/a"]


def test_what_is_no_image_is_passed_over_and_counted(tmp_path: Path) -> None:
    make(tmp_path, "a.dcm", "1.2.840.9")
    make(tmp_path, "DICOMDIR", ".hidden.dcm", ".git/x.dcm", "sub/dicomdir")
    make(tmp_path, "notes.txt", "noextension", "empty", "sub/table.csv", content=b"text")
    make(tmp_path, "broken.png", "empty.dcm", content=b"")
    found = find_sources([tmp_path])
    wanted = ["1.2.840.9", "a", "broken", "empty"]
    assert [source.name.as_posix() for source in found.sources] == wanted
    assert found.passed_over == 8  # the hidden folder is one


def test_a_file_named_on_the_command_line_is_always_a_source(tmp_path: Path) -> None:
    make(tmp_path, "notes.txt", content=b"text")
    found = find_sources([tmp_path / "notes.txt", tmp_path / "missing.dcm"])
    assert [source.name.as_posix() for source in found.sources] == ["notes.txt", "missing"]
    assert found.passed_over == 0


def test_earlier_results_are_passed_over_whole(tmp_path: Path) -> None:
    make(tmp_path, "a.dcm", "out/a/mask.png", "out/a/deep/b.dcm", "other/c.png")
    make(tmp_path, "out/a/result.json", content=b'{"schema": "coroseg-result-1"}')
    make(tmp_path, "other/result.json", content=b'{"from": "another program"}')
    found = find_sources([tmp_path])
    assert [source.name.as_posix() for source in found.sources] == ["a", "other/c"]
    assert found.passed_over == 2  # the folder out/a, and the other program's file


def test_of_a_simulated_sample_only_the_angiogram_is_a_source(tmp_path: Path) -> None:
    make(tmp_path, "7/run.dcm", "7/image.png", "7/mask.png", "7/masks/001.png", "8/mask.png")
    make(tmp_path, "7/truth.json", content=b'{"schema": "coroseg-truth-1"}')
    make(tmp_path, "8/truth.json", content=b'{"from": "another program"}')
    found = find_sources([tmp_path])
    assert [source.name.as_posix() for source in found.sources] == ["7/image", "7/run", "8/mask"]
    assert found.passed_over == 4  # the mask, the folder of masks, and the two files of truths


def test_links_that_loop_are_harmless(tmp_path: Path) -> None:
    make(tmp_path, "p/a.dcm")
    (tmp_path / "p" / "up").symlink_to(tmp_path)
    (tmp_path / "p" / "self").symlink_to("self")
    (tmp_path / "z").symlink_to("p")
    (tmp_path / "broken.dcm").symlink_to("nothing")
    assert names(tmp_path) == ["broken", "p/a"]


def test_other_than_files_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    found = find_sources([tmp_path])
    assert (found.sources, found.passed_over) == ([], 1)


def test_a_folder_that_cannot_be_listed_is_a_source_that_will_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.dcm", "locked/b.dcm")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names(tmp_path) == ["a", "locked"]


def test_as_run_every_folder_with_images_is_one_source(tmp_path: Path) -> None:
    make(tmp_path, "p1/f1.png", "p1/f2.png", "p2/c.1/f1.png", "p2/notes.txt", "p3/x.txt")
    make(tmp_path, "p3/x.txt", "p2/notes.txt", content=b"text")
    found = find_sources([tmp_path], as_run=True)
    assert [(s.path, s.name) for s in found.sources] == [
        (tmp_path / "p1", PurePath("p1")),
        (tmp_path / "p2" / "c.1", PurePath("p2/c.1")),
    ]
    assert found.passed_over == 2
    assert names(tmp_path / "p1", tmp_path / "p2" / "c.1", as_run=True) == ["p1", "c.1"]
    make(tmp_path, "q/p1/f.png", "q/b.png")
    assert names(tmp_path / "p1", tmp_path / "q" / "p1", as_run=True) == [
        f"{tmp_path.name}/p1",
        "q/p1",
    ]
    assert names(tmp_path / "q" / "b.png", as_run=True) == ["b"]


def test_image_files_are_those_of_the_folder_itself(tmp_path: Path) -> None:
    make(tmp_path, "f10.png", "f9.png", ".f1.png", "sub/f2.png", "DICOMDIR", "folder.png/x")
    assert [path.name for path in image_files(tmp_path)] == ["f9.png", "f10.png"]


def test_ten_times_as_many_files_take_about_ten_times_as_long(tmp_path: Path) -> None:
    for folder in range(10):
        make(tmp_path, *(f"{folder}/frame_{number}.png" for number in range(1000)), content=b"")
    few = min(
        timeit.repeat(lambda: find_sources([tmp_path / "0"]), timer=time.process_time, number=1)
    )
    start = time.process_time()
    found = find_sources([tmp_path])
    assert time.process_time() - start < 40 * few  # and not a hundred times
    assert [len(found.sources), found.sources[2].name.name] == [10000, "frame_2"]
