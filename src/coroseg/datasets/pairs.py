"""A folder of images with their masks, paired by name."""

from collections.abc import Iterable
from pathlib import Path

from coroseg.datasets.manifest import Sample, absolute, write_manifest
from coroseg.errors import DataError
from coroseg.io.formats import extension_of
from coroseg.io.sources import natural_key

_NOT_IMAGES = {".csv", ".json", ".md", ".txt"}
_SHOWN = 5


def build(path: Path, out: Path) -> list[Sample]:
    """Write the manifest of a folder of pairs to `out` and return its samples.

    The folder holds `images/` and `masks/` with equal names (but for the extension), or
    `NAME.EXT` beside `NAME_mask.EXT`. Patients are not known to a folder: add the column by hand.
    Raises `DataError` where a file has no partner.
    """
    samples = [Sample(image, mask, dataset=path.resolve().name) for image, mask in find_pairs(path)]
    write_manifest(out, samples)
    return samples


def find_pairs(folder: Path, ending: str = "_mask") -> list[tuple[Path, Path]]:
    """Return the absolute paths (image, mask) of a folder, in natural order of the names.

    With `images/` and `masks/` the names are equal; else a mask has the image's name and `ending`.
    """
    images_folder, masks_folder = folder / "images", folder / "masks"
    if images_folder.is_dir() and masks_folder.is_dir():
        images, masks = _by_stem(_files(images_folder)), _by_stem(_files(masks_folder))
        return _matched(folder, images, masks)
    files = _files(folder)
    images = _by_stem(file for file in files if not stem(file).endswith(ending))
    masks = _by_stem((file for file in files if stem(file).endswith(ending)), ending)
    return _matched(folder, images, masks)


def stem(file: Path) -> str:
    """Return the name less a known extension: of a DICOM file `1.2.840.7` all of it."""
    return file.name.removesuffix(extension_of(file.name))


def _files(folder: Path) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if file.is_file()]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read as a folder: {error}") from error
    return [
        absolute(file)
        for file in files
        if not file.name.startswith(".") and file.suffix.lower() not in _NOT_IMAGES
    ]


def _by_stem(files: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Return the files by their name less extension and `ending`."""
    found: dict[str, Path] = {}
    for file in files:
        other = found.setdefault(stem(file).removesuffix(ending), file)
        if other != file:
            raise DataError(f"{file}: {other.name} has the same name: keep one of the two")
    return found


def _matched(
    folder: Path, images: dict[str, Path], masks: dict[str, Path]
) -> list[tuple[Path, Path]]:
    for kind, partner, lonely in (
        ("image", "mask", sorted(images.keys() - masks.keys(), key=natural_key)),
        ("mask", "image", sorted(masks.keys() - images.keys(), key=natural_key)),
    ):
        if lonely:
            shown = ", ".join(lonely[:_SHOWN]) + (", ..." if len(lonely) > _SHOWN else "")
            raise DataError(f"{folder}: {len(lonely)} {kind}(s) without a {partner}: {shown}")
    if not images:
        raise DataError(f"{folder}: no pairs: images/ and masks/, or NAME.png and NAME_mask.png")
    return [(images[name], masks[name]) for name in sorted(images, key=natural_key)]
