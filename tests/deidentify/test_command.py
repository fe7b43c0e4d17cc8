"""The command `coroseg deidentify`, whole."""

import shutil
import stat
from pathlib import Path

import pytest
from pydicom import dcmread

from command_line import Command
from dicom_files import scene, write_dicom


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    for number in range(3):
        path = folder / "DOE JANE" / f"DOE{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dicom(
            path, scene(seed=number), PatientName="DOE^JANE", SOPInstanceUID=f"1.2.{number}"
        )
    (folder / "notes.txt").write_text("DOE^JANE")
    return folder


def test_a_folder_becomes_files_named_by_new_uids(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    key, out = tmp_path / "key", tmp_path / "out"
    ended = coroseg("deidentify", archive, "--out", out, "--key", key)
    assert ended.status == 0
    assert "new key" in ended.out
    assert f"3 ok, 1 other files passed over -> {out}" in ended.out
    assert "3 of them do not say whether text is burned" in ended.err
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    made = contents(out)
    assert len(made) == 3
    for name, content in made.items():
        dataset = dcmread(out / name)
        study, series, file = name.split("/")
        assert (study, series) == (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
        assert file == f"{dataset.SOPInstanceUID}.dcm"
        assert b"DOE" not in content
        assert "DOE" not in name


def test_a_second_run_gives_the_same_bytes_and_another_key_others(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    out, key = tmp_path / "out", tmp_path / "key"
    coroseg("deidentify", archive, "--out", out, "--key", key)
    first = contents(out)
    again = coroseg("deidentify", archive, "--out", out, "--key", key)
    assert "new key" not in again.out
    assert contents(out) == first
    coroseg("deidentify", archive, "--out", tmp_path / "other", "--key", tmp_path / "key2")
    assert not set(contents(tmp_path / "other")) & set(first)


def test_bad_files_are_said_in_a_line_and_the_others_go_on(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    (archive / "bad.dcm").write_bytes(b"no dicom")
    whole = (archive / "DOE JANE" / "DOE0.dcm").read_bytes()
    (archive / "cut.dcm").write_bytes(whole[:-999])
    (archive / "header.dcm").write_bytes(whole[:300])
    picture = tmp_path / "frame.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    ended = coroseg(
        "deidentify", archive, picture, "--out", tmp_path / "out", "--key", tmp_path / "key"
    )
    assert ended.status == 1
    assert "3 ok, 4 failed" in ended.out
    failed = [line for line in ended.lines if line.startswith("failed: ")]
    assert len(failed) == 4
    assert len(contents(tmp_path / "out")) == 3


def test_the_same_uid_with_other_content_is_refused(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    shutil.copy(archive / "DOE JANE" / "DOE0.dcm", archive / "copy.dcm")
    write_dicom(archive / "other.dcm", scene(seed=9), SOPInstanceUID="1.2.1")
    ended = coroseg("deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "key")
    assert ended.status == 1
    assert "4 ok, 1 failed" in ended.out
    assert "same SOP Instance UID" in ended.err


def test_private_kinds_and_directories_are_refused(coroseg: Command, tmp_path: Path) -> None:
    private = write_dicom(tmp_path / "p.dcm", scene(), SOPClassUID="1.3.46.670589.2.3.1.1")
    unnamed = write_dicom(tmp_path / "u.dcm", scene(), StudyInstanceUID=None)
    ended = coroseg(
        "deidentify", private, unnamed, "--out", tmp_path / "out", "--key", tmp_path / "key"
    )
    assert ended.status == 1
    assert "no kind of object that the standard knows" in ended.err
    assert "StudyInstanceUID is missing" in ended.err


def test_values_that_make_no_sense_are_not_quoted(coroseg: Command, tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "in.dcm", scene(), SeriesNumber=4711)
    path.write_bytes(path.read_bytes().replace(b"4711", b"JANE"))
    ended = coroseg("deidentify", path, "--out", tmp_path / "out", "--key", tmp_path / "key")
    assert ended.status == 0
    assert "JANE" not in ended.err + ended.out
    assert all(b"JANE" not in content for content in contents(tmp_path / "out").values())


@pytest.mark.parametrize("text", ["1,2,3", "0,0,0,5", "a,b,c,d", "-1,0,5,5", "0,0,5.5,5"])
def test_a_rectangle_is_four_numbers(coroseg: Command, tmp_path: Path, text: str) -> None:
    ended = coroseg(
        "deidentify", tmp_path, f"--mask-rectangle={text}", "--out", tmp_path / "o", "--key", "k"
    )
    assert ended.status == 2
    assert "X,Y,WIDTH,HEIGHT" in ended.err


def test_rectangles_can_be_repeated(coroseg: Command, archive: Path, tmp_path: Path) -> None:
    ended = coroseg(
        *("deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "key"),
        *("--mask-rectangle", "0,0,10,4", "--mask-rectangle", "40,30,99,99"),
    )
    assert "3 ok, 3 masked" in ended.out
    path = next((tmp_path / "out").rglob("*.dcm"))
    frames = dcmread(path).pixel_array
    assert frames[:, :4, :10].max() == frames[:, 30:, 40:].max() == 0
    assert frames[:, 4:30].min() > 0


def test_the_key_is_not_put_beside_the_files(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    ended = coroseg("deidentify", archive, "--out", tmp_path, "--key", tmp_path / "k")
    assert ended.status == 2
    assert not (tmp_path / "k").exists()


def test_a_folder_without_dicom_makes_no_key(coroseg: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = coroseg(
        "deidentify", tmp_path / "empty", "--out", tmp_path / "o", "--key", tmp_path / "k"
    )
    assert ended.status == 1
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize(
    ("source", "out"),
    [("archive", "archive"), ("archive", "archive/new"), ("archive/DOE JANE", "archive")],
)
def test_new_files_are_not_put_among_the_old_ones(
    coroseg: Command, archive: Path, source: str, out: str
) -> None:
    before = contents(archive)
    folder = archive.parent
    ended = coroseg("deidentify", folder / source, "--out", folder / out, "--key", folder / "key")
    assert ended.status == 2
    assert "choose a folder beside it" in ended.err
    assert contents(archive) == before
    assert not (folder / "key").exists()


def test_an_unknown_transfer_syntax_stops_no_other_file(
    coroseg: Command, archive: Path, tmp_path: Path
) -> None:
    path = write_dicom(archive / "in.dcm", scene())
    content = path.read_bytes()
    cut = content[: content.rindex(b"\x28\0\x10\0")]  # no rows, so no image
    path.write_bytes(cut.replace(b"1.2.840.10008.1.2.1\0", b"1.3.840.10008.1.2.17"))
    ended = coroseg("deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "key")
    assert ended.status == 1
    assert "3 ok, 1 failed" in ended.out
    assert f"failed: {path}: cannot be written again" in ended.err
