"""ARCADE, task `syntax`: angiograms of 512 x 512 pixels with outlines of the SYNTAX segments.

Source: Popov et al., Scientific Data 11:20, 2024; Zenodo record 10390295.
"""

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coroseg.datasets.content import fingerprint, read_image
from coroseg.datasets.manifest import Sample, absolute, write_manifest
from coroseg.errors import DataError, MissingPackageError
from coroseg.io.files import write_whole
from coroseg.io.sources import natural_key

_log = logging.getLogger(__name__)

# An image that stands in two splits is kept in the first of these.
_SPLITS = ("test", "val", "train")
_VESSELS = range(1, 26)  # category 26 is stenosis
_RIGHT = {1, 2, 3, 4, 20, 21, 22, 23}  # the segments 1 to 4 and 16 to 16c
_MIN_POLYGON = 6  # numbers: three points


@dataclass(frozen=True)
class _Entry:
    """One image of the JSON, the annotations of its vessels and where its mask goes."""

    image: Path
    mask: Path
    segments: Path
    split: str
    rows: int
    columns: int
    annotations: list[dict[str, Any]]


def build(path: Path, out: Path) -> list[Sample]:
    """Write ARCADE's manifest to `out`, what it draws beside it, and return the samples.

    `path` is the data set's folder `syntax` or its parent. A mask, in `masks/arcade/`, is the union
    of an image's segments as pycocotools draws them; `segments/arcade/` tells them apart. Of images
    that are equal pixel for pixel one is kept: test before val before train, then the lowest
    number; the log names the others. The artery follows from the segments. Raises `DataError` for
    another layout and `MissingPackageError` where pycocotools is missing.
    """
    _rasteriser()
    kept: dict[str, _Entry] = {}
    for entry in _entries(_syntax(path), absolute(out.parent)):
        image = read_image(entry.image)
        if image.shape != (entry.rows, entry.columns):
            raise DataError(
                f"{entry.image}: is {image.shape[0]} x {image.shape[1]} (rows x columns), "
                f"its annotation says {entry.rows} x {entry.columns}"
            )
        first = kept.setdefault(fingerprint(image), entry)
        if first is entry:
            _write_drawn(entry)
        else:
            _log.warning(
                "%s/%s left out: the same image as %s/%s",
                *(entry.split, entry.image.name, first.split, first.image.name),
            )
    samples = [
        _sample(entry)
        for split in reversed(_SPLITS)
        for entry in kept.values()
        if entry.split == split
    ]
    write_manifest(out, samples)
    return samples


def draw_mask(annotations: list[dict[str, Any]], rows: int, columns: int) -> NDArray[np.bool_]:
    """Return the union of the annotations, (rows, columns), each as COCO's `annToMask` draws it."""
    polygons = [
        polygon
        for annotation in annotations
        for polygon in annotation["segmentation"]
        if len(polygon) >= _MIN_POLYGON
    ]
    if not polygons:
        return np.zeros((rows, columns), dtype=np.bool_)
    coco = _rasteriser()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # NumPy 2 on COCO
        drawn = coco.decode(coco.merge(coco.frPyObjects(polygons, rows, columns)))
    return np.asarray(drawn, dtype=np.bool_)


def draw_segments(annotations: list[dict[str, Any]], rows: int, columns: int) -> NDArray[np.uint8]:
    """Return which segment each pixel belongs to, (rows, columns): its category, 0 outside all.

    Where segments overlap, as they do by a few pixels where they meet, the later annotation counts.
    """
    drawn = np.zeros((rows, columns), dtype=np.uint8)
    for annotation in annotations:
        drawn[draw_mask([annotation], rows, columns)] = annotation["category_id"]
    return drawn


def _rasteriser() -> Any:
    try:
        from pycocotools import mask
    except ImportError as error:
        raise MissingPackageError(
            "pycocotools", "drawing ARCADE's outlines", 'pip install "coroseg[lab]"'
        ) from error
    return mask


def _syntax(path: Path) -> Path:
    """Return the folder that holds the splits."""
    for folder in (path, path / "syntax"):
        if any((folder / split / "annotations" / f"{split}.json").is_file() for split in _SPLITS):
            return folder
    raise DataError(f"{path}: not ARCADE's folder syntax: no train/annotations/train.json in it")


def _entries(folder: Path, out: Path) -> list[_Entry]:
    """Return the images of all splits there are, in the order in which equal images are kept."""
    entries = []
    for split in _SPLITS:
        annotations = folder / split / "annotations" / f"{split}.json"
        if annotations.is_file():
            entries += _read_split(annotations, split, out)
    return entries


def _read_split(path: Path, split: str, out: Path) -> list[_Entry]:
    """Return the images of one COCO file in natural order of their names."""
    images_folder = absolute(path.parent.parent / "images")
    try:
        coco = json.loads(path.read_bytes())
        annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in coco["images"]}
        for annotation in coco["annotations"]:
            if annotation["category_id"] in _VESSELS:
                _check_polygons(annotation)
                annotations[annotation["image_id"]].append(annotation)
        entries = [
            _Entry(
                image=images_folder / image["file_name"],
                mask=_place(out / "masks", split, image["file_name"]),
                segments=_place(out / "segments", split, image["file_name"]),
                split=split,
                rows=image["height"],
                columns=image["width"],
                annotations=annotations[image["id"]],
            )
            for image in coco["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as COCO annotations: {error!r}") from error
    if missing := [entry.image.name for entry in entries if not entry.image.is_file()]:
        raise DataError(
            f"{images_folder}: {len(missing)} image(s) of {path.name} missing: {missing[0]}"
        )
    return sorted(entries, key=lambda entry: natural_key(entry.image.name))


def _place(folder: Path, split: str, name: str) -> Path:
    return (folder / "arcade" / split / name).with_suffix(".png")


def _check_polygons(annotation: dict[str, Any]) -> None:
    if not isinstance(annotation["segmentation"], list):
        raise TypeError(f"annotation {annotation.get('id')} is no list of polygons")


def _write_drawn(entry: _Entry) -> None:
    import cv2

    drawn = (entry.annotations, entry.rows, entry.columns)
    mask = draw_mask(*drawn).astype(np.uint8) * 255
    for path, image in ((entry.mask, mask), (entry.segments, draw_segments(*drawn))):
        with write_whole(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _sample(entry: _Entry) -> Sample:
    """Return the manifest's row: segments of one coronary artery only tell which one is shown."""
    segments = {annotation["category_id"] for annotation in entry.annotations}
    artery = None
    if segments:
        artery = "RCA" if segments <= _RIGHT else None if segments & _RIGHT else "LCA"
    return Sample(
        entry.image,
        entry.mask,
        artery=artery,
        dataset="arcade",
        split=entry.split,
        segments=entry.segments,
    )
