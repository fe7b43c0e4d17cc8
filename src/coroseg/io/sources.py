"""Finding the angiograms in files, folders and URLs, and the name each one's results get."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final, TypeAlias

from coroseg.errors import InputError
from coroseg.io import urls
from coroseg.io.formats import DICOM_HEAD, extension_of, is_dicom

_RESULT: Final = "result.json"
_RESULT_HEAD: Final = 4096
_TRUTH: Final = "truth.json"
_TRUTH_PICTURES: Final = frozenset(
    {"mask.png", "catheter.png", "coverage.png", "masks", "catheters", "coverages"}
)
"""What `coroseg simulate` puts beside its angiogram."""


_Entry: TypeAlias = os.DirEntry[str] | urls.UrlEntry


@dataclass(frozen=True)
class Source:
    """A file, or a folder that is one run, and the folder of its results below the output.

    One that is not on this machine has a `url`; its path is the file's name then.
    """

    path: Path
    name: PurePath
    url: str | None = None

    @property
    def place(self) -> str:
        """Where it lies, as it was named."""
        return self.url or str(self.path)


@dataclass(frozen=True)
class Found:
    """The sources, in natural order, and how many files are no image.

    A folder that is passed over whole (hidden, earlier results, simulated truths) counts as one.
    """

    sources: list[Source]
    passed_over: int


@dataclass
class _Item:
    place: Path | str  # a string is a URL
    base: str  # the absolute folder that `name` starts from
    name: PurePath
    is_folder: bool


def find_sources(places: Sequence[Path | str], *, as_run: bool = False) -> Found:
    """Return the angiograms among paths, and URLs as strings: files, and all files below folders.

    A file named here is always a source, even one that does not exist: it fails when it is read.
    Below a folder, a file is one if it has an image's extension or DICOM's magic, and is neither
    hidden nor a DICOMDIR, nor a picture of a simulated sample's truth. With `as_run`, every folder
    that holds such files is one source. What is reached twice is taken once, under its first name.

    A name is the file's less its extension, below its sub-folders; two files of one folder that
    would share it keep their extensions. Sources of different arguments that would share it are
    told apart by as many of their parent folders as it takes. Raises `InputError` for a URL that
    nobody answers, or that should be one run, and `MissingPackageError`.
    """
    walk = _Walk(as_run=as_run)
    for place in places:
        if isinstance(place, str):
            walk.add_url(place)
        else:
            walk.add(place)
    items = list(walk.items.values())
    _shorten([item for item in items if not item.is_folder])
    _tell_apart(items)
    return Found([_source(item) for item in items], walk.passed_over)


def image_files(folder: Path) -> list[Path]:
    """Return the angiogram files of a folder itself, in natural order. Raises `OSError`."""
    return [Path(entry.path) for entry in _sorted_entries(folder) if _is_image(entry)]


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return the key that sorts frame_2 before frame_10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(p) if i % 2 else p.casefold() for i, p in enumerate(parts)], name


def _source(item: _Item) -> Source:
    if isinstance(item.place, Path):
        return Source(item.place, item.name)
    return Source(Path(item.place.rpartition("/")[2]), item.name, item.place)


class _Walk:
    def __init__(self, *, as_run: bool) -> None:
        self.as_run = as_run
        self.items: dict[str, _Item] = {}
        self.passed_over = 0

    def add(self, path: Path) -> None:
        absolute = os.path.abspath(path)  # noqa: PTH100  # `..` goes, links stay
        if os.path.isdir(path):  # noqa: PTH112  # never raises
            self._folder(path, absolute, PurePath(), visited=set())
        else:
            base, name = os.path.split(absolute)
            self._take(path, base, PurePath(name), is_folder=False)

    def add_url(self, url: str) -> None:
        if self.as_run:
            raise InputError(f"{url}: only a folder of this machine can be one run: copy it here")
        url = urls.without_slash(url)
        if urls.is_folder(url):
            self._folder(url, url, PurePath(), visited=set())
        else:
            base, _, name = url.rpartition("/")
            self._take(url, base, PurePath(name), is_folder=False)

    def _folder(
        self, folder: Path | str, base: str, below: PurePath, visited: set[tuple[int, int]]
    ) -> None:
        try:
            if isinstance(folder, Path) and _goes_round(folder, visited):
                return
            entries = _sorted_entries(folder)
        except (OSError, InputError):
            self._take(folder, base, below, is_folder=True)  # reading it says why
            return
        if any(entry.name == _RESULT and _is_result(entry) for entry in entries):
            self.passed_over += 1
            return
        is_simulated = any(entry.name == _TRUTH and _is_result(entry) for entry in entries)
        images = 0
        for entry in entries:
            if entry.name.startswith(".") or (is_simulated and entry.name in _TRUTH_PICTURES):
                self.passed_over += 1
            elif _is_folder(entry):
                self._folder(_place(entry), base, below / entry.name, visited)
            elif not _is_image(entry):
                self.passed_over += 1
            elif self.as_run:
                images += 1
            else:
                self._take(_place(entry), base, below / entry.name, is_folder=False)
        if images:
            self._take(folder, base, below, is_folder=True)

    def _take(self, place: Path | str, base: str, name: PurePath, *, is_folder: bool) -> None:
        absolute = os.path.join(base, name)  # noqa: PTH118  # PurePath would keep a `.`
        if name == PurePath():  # the folder of an argument itself
            absolute = base
            base, last = os.path.split(base)
            name = PurePath(last)
        self.items.setdefault(absolute, _Item(place, base, name, is_folder))


def _sorted_entries(folder: Path | str) -> list[_Entry]:
    """Return what a folder holds, in natural order. Raises `OSError`, or `InputError` for a URL."""
    if isinstance(folder, str):
        return sorted(urls.entries(folder), key=lambda entry: natural_key(entry.name))
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: natural_key(entry.name))


def _place(entry: _Entry) -> Path | str:
    return entry.path if isinstance(entry, urls.UrlEntry) else Path(entry.path)


def _head(entry: _Entry, size: int) -> bytes:
    """Return a file's first bytes. Raises `OSError`, or `InputError` for a URL."""
    if isinstance(entry, urls.UrlEntry):
        return urls.head(entry.path, size)
    with open(entry.path, "rb", buffering=0) as file:  # noqa: PTH123  # quicker on many files
        return file.read(size)


def _goes_round(folder: Path, visited: set[tuple[int, int]]) -> bool:
    """Return whether a link led back to a folder; else it has been visited. Raises `OSError`."""
    status = folder.stat()
    known = len(visited)
    visited.add((status.st_dev, status.st_ino))
    return len(visited) == known


def _is_folder(entry: _Entry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_image(entry: _Entry) -> bool:
    if entry.name.startswith(".") or entry.name.upper() == "DICOMDIR" or _is_folder(entry):
        return False
    if extension_of(entry.name):
        return True
    try:
        is_file = entry.is_file()
    except OSError:  # a link to itself
        return False
    if not is_file:
        return False
    try:
        return is_dicom(_head(entry, DICOM_HEAD))
    except (OSError, InputError):
        return True  # reading it says why


def _is_result(entry: _Entry) -> bool:
    try:
        return b"coroseg" in _head(entry, _RESULT_HEAD)
    except (OSError, InputError):
        return False


def _shorten(items: list[_Item]) -> None:
    """Drop the extensions, but where two files of one folder would then share a name."""
    folders: dict[str, list[_Item]] = {}
    for item in items:
        folder = os.path.dirname(os.path.join(item.base, item.name))  # noqa: PTH118, PTH120
        folders.setdefault(folder, []).append(item)
    for folder_items in folders.values():
        whole = [item.name.name for item in folder_items]
        names = [name.removesuffix(extension_of(name)) for name in whole]
        while shared := _shared([name.casefold() for name in names]) - {
            i for i, name in enumerate(names) if name == whole[i]
        }:
            for i in shared:
                names[i] = whole[i]
        for item, name in zip(folder_items, names, strict=True):
            item.name = item.name.with_name(name)


def _tell_apart(items: list[_Item]) -> None:
    """Put parent folders before names that are still shared."""
    while shared := [i for i in _shared([item.name for item in items]) if _can_grow(items[i])]:
        for i in shared:
            item = items[i]
            item.base, parent = os.path.split(item.base)
            item.name = parent / item.name


def _can_grow(item: _Item) -> bool:
    return bool(os.path.basename(item.base))  # noqa: PTH119


def _shared(names: Sequence[str] | Sequence[PurePath]) -> set[int]:
    """Return the places of the names that occur more than once."""
    counts = Counter(names)
    return {i for i, name in enumerate(names) if counts[name] > 1}
