"""Damaged files of every kind that is read: each ends in frames or in one line, soon and small.

A case is known by its seed and number: in tests/, `python -m fuzz.test_damage SEED NUMBER FOLDER`
writes it again.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fuzz.mutation import mutated
from fuzz.reader_process import ReaderProcess
from fuzz.sound_files import sound_files, unpacked

CASES = 300
LONG_SEEDS, LONG_CASES = range(1, 21), 500
_RASTER = (".png", ".jpg", ".bmp", ".pgm", ".tif")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return sound_files(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ReaderProcess]:
    reader = ReaderProcess()
    yield reader
    reader.close()


def write_case(sound: dict[str, bytes], seed: int, number: int, folder: Path) -> Path:
    """Write a damaged file: an angiogram, a frame of a run's folder, a mask, or one to clean."""
    generator = np.random.default_rng([seed, number])
    name = sorted(sound)[generator.integers(len(sound))]
    content, pack = sound[name], bytes
    if generator.random() < 0.8:
        content, pack = unpacked(name, content)
    damaged = pack(mutated(content, generator))
    use = generator.random()
    if use < 0.1 and name.endswith(_RASTER):
        run = folder / f"run-{seed}-{number}"
        run.mkdir()
        (run / "1.png").write_bytes(sound["8.png"])
        (run / f"2-{name}").write_bytes(damaged)
        return run
    uses = {".dcm": "clean"} | dict.fromkeys(_RASTER, "mask")
    what = uses.get(Path(name).suffix, "case") if use < 0.2 else "case"
    path = folder / f"{what}-{seed}-{number}-{name}"
    path.write_bytes(damaged)
    return path


def assert_all_end_well(
    sound: dict[str, bytes], reader: ReaderProcess, folder: Path, seed: int, cases: int
) -> None:
    wrong, read = [], 0
    for number in range(cases):
        path = write_case(sound, seed, number, folder)
        said, bug = reader.read(path)
        read += said.endswith(" frames")
        if bug:
            wrong.append(f"seed {seed}, case {number}, {path}: {bug}")
    assert not wrong, "\n".join(wrong)
    assert cases / 10 < read < cases * 9 / 10


def test_the_sound_files_are_read(
    sound: dict[str, bytes], reader: ReaderProcess, tmp_path: Path
) -> None:
    for name, content in sound.items():
        (tmp_path / name).write_bytes(content)
        said, bug = reader.read(tmp_path / name)
        assert (said.partition(" ")[2], bug) == ("frames", ""), name


def test_damaged_files_end_in_frames_or_one_line(
    sound: dict[str, bytes], reader: ReaderProcess, tmp_path: Path
) -> None:
    assert_all_end_well(sound, reader, tmp_path, seed=0, cases=CASES)


@pytest.mark.long
@pytest.mark.parametrize("seed", LONG_SEEDS)
def test_10_000_damaged_files_end_in_frames_or_one_line(
    sound: dict[str, bytes], reader: ReaderProcess, tmp_path: Path, seed: int
) -> None:
    assert_all_end_well(sound, reader, tmp_path, seed, LONG_CASES)


if __name__ == "__main__":
    _seed, _number, _folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    sys.stdout.write(f"{write_case(sound_files(_folder), _seed, _number, _folder)}\n")
