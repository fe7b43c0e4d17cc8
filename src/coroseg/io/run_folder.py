"""A folder of frames as one run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import InputError
from coroseg.io.sources import image_files

ReadOne = Callable[[Path], Angiogram]


def read_run_folder(folder: Path, read_one: ReadOne) -> Angiogram:
    """Return the files of `folder` in natural order (frame_2 before frame_10) as one run.

    `read_one` reads a file; a file with several frames gives them all. Sub-folders are not
    entered. View angles and identifiers are the first file's, and so is the spacing if all agree.
    Raises `InputError` for a folder without images, and for a file of another size than the first.
    """
    try:
        paths = image_files(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read ({error.strerror}): check its permissions"
        ) from error
    if not paths:
        raise InputError(f"{folder}: holds no image: pass the folder that holds the frames")
    first = read_one(paths[0])
    places: list[tuple[Path, int]] = []
    spacing = first.spacing
    for path in paths:
        one = read_one(path)
        if (one.rows, one.columns) != (first.rows, first.columns):
            raise InputError(
                f"{path}: {one.columns} x {one.rows} pixels, and the first frame, {paths[0]}, "
                f"has {first.columns} x {first.rows}: the frames of a run need one size"
            )
        if one.spacing != first.spacing:
            spacing = None
        places += [(path, index) for index in range(len(one.frames))]
    return replace(
        first,
        name=folder.resolve().name,
        path=folder,
        frames=FolderFrames(places, read_one),
        spacing=spacing,
        frame_times_ms=first.frame_times_ms if len(paths) == 1 else None,
    )


@dataclass(frozen=True)
class FolderFrames:
    """The frames of several files: the file of each, and its index there."""

    places: list[tuple[Path, int]]
    read_one: ReadOne

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> Frame:
        path, within = self.places[index]
        return self.read_one(path).frames[within]

    def __iter__(self) -> Iterator[Frame]:
        for path in dict.fromkeys(path for path, _ in self.places):
            yield from self.read_one(path).frames
