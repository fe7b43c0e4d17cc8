"""Are real lesions found? Stenosed stretches that readers marked in ARCADE, task `stenosis`.

    python benchmarks/stenosis.py PATH/arcade/stenosis/val [--pictures DIR]

A marked stretch is found where the narrowest place of a reported lesion lies in it or within 10
pixels of it; a reported lesion near no stretch is false. Reported from several diameter stenoses
on, with the flags (what may be no lesion is not reported) and without.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from coroseg.angiogram import Frame
from coroseg.datasets.arcade import draw_mask
from coroseg.datasets.content import read_image
from coroseg.geometry.distance import distance_inside
from coroseg.geometry.measure import measure_mask
from coroseg.geometry.tree import Stenosis, VesselTree
from coroseg.io.sources import natural_key
from coroseg.segmentation.binarize import binarize
from coroseg.segmentation.predictor import Predictor

NEAR_PX = 10.0
LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
SIDE_PX = 96
"""Half the side of a picture of a miss or a false lesion."""


@dataclass(frozen=True)
class Judged:
    """One image: its marked stretches, and how far every reported narrowing is from each."""

    path: Path
    image: Frame
    tree: VesselTree
    stretches: list[NDArray[np.bool_]]
    distance_px: dict[Stenosis, list[float]]

    def reported(self, level: float, *, flags: bool) -> list[Stenosis]:
        """Return the narrowings from `level` on; those with a flag only where `flags` is off."""
        return [
            stenosis
            for stenosis in self.distance_px
            if stenosis.diameter_stenosis >= level and not (flags and stenosis.flags)
        ]


def main() -> None:
    """Print the table, and draw misses and false lesions where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--pictures", type=Path, help="folder for what is wrong at 50 %%")
    options = parser.parse_args()
    predictor = Predictor(options.model)
    judged = [
        judge(path, stretches, predictor)
        for path, stretches in track(read_stretches(options.path), console=Console(stderr=True))
    ]
    total = sum(len(image.stretches) for image in judged)
    print(f"{len(judged)} images, {total} marked stretches")
    print("| reported from | flags | sensitivity | false a frame | precision | F1 |")
    print("|---|---|---|---|---|---|")
    for level in LEVELS:
        for flags in (True, False):
            print(row(judged, level, flags=flags))
    if options.pictures:
        draw(judged, options.pictures)


def read_stretches(path: Path) -> list[tuple[Path, list[NDArray[np.bool_]]]]:
    """Return the images of a split with the mask of every marked stretch."""
    coco = json.loads(next((path / "annotations").glob("*.json")).read_bytes())
    marked = defaultdict(list)
    for annotation in coco["annotations"]:
        marked[annotation["image_id"]].append(annotation)
    images = sorted(coco["images"], key=lambda image: natural_key(image["file_name"]))
    return [
        (
            path / "images" / image["file_name"],
            [draw_mask([one], image["height"], image["width"]) for one in marked[image["id"]]],
        )
        for image in images
    ]


def judge(path: Path, stretches: list[NDArray[np.bool_]], predictor: Predictor) -> Judged:
    """Return the image with what is measured in its predicted vessels."""
    image = read_image(path)
    tree = measure_mask(binarize(predictor.predict(image[None])[0]).mask, image, None)
    distances = [distance_inside(~stretch) for stretch in stretches]
    far = {}
    for stenosis in tree.stenoses:
        x, y = np.rint(tree.place(stenosis)).astype(int)
        far[stenosis] = [float(distance[y, x]) for distance in distances]
    return Judged(path, image, tree, stretches, far)


def row(judged: list[Judged], level: float, *, flags: bool) -> str:
    """Return a row of the table."""
    total = found = reported = right = 0
    for image in judged:
        near = [
            [distance <= NEAR_PX for distance in image.distance_px[stenosis]]
            for stenosis in image.reported(level, flags=flags)
        ]
        total += len(image.stretches)
        found += sum(any(hits) for hits in zip(*near, strict=True))
        reported += len(near)
        right += sum(any(hits) for hits in near)
    sensitivity, precision = found / total, right / max(reported, 1)
    f1 = 2 * sensitivity * precision / max(sensitivity + precision, 1e-9)
    return (
        f"| {100 * level:.0f} % | {'on' if flags else 'off'} | {sensitivity:.3f} "
        f"| {(reported - right) / len(judged):.2f} | {precision:.3f} | {f1:.3f} |"
    )


def draw(judged: list[Judged], folder: Path, level: float = 0.5) -> None:
    """Write a picture of every marked stretch that was missed and of every false lesion."""
    folder.mkdir(parents=True, exist_ok=True)
    for image in judged:
        reported = image.reported(level, flags=True)
        for number, stretch in enumerate(image.stretches):
            if not any(image.distance_px[s][number] <= NEAR_PX for s in reported):
                centre = np.argwhere(stretch).mean(axis=0)[::-1]
                _write(folder / f"missed-{image.path.stem}-{number}.png", image, centre)
        for stenosis in reported:
            if not any(distance <= NEAR_PX for distance in image.distance_px[stenosis]):
                name = f"false-{image.path.stem}-{100 * stenosis.diameter_stenosis:.0f}.png"
                _write(folder / name, image, image.tree.place(stenosis))


def _write(path: Path, image: Judged, centre: NDArray[np.float64]) -> None:
    """Write the surroundings of `centre`, plain and with stretches, branches and narrowings."""
    plain = cv2.cvtColor(np.rint(image.image * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    plain = cv2.resize(plain, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    drawn = plain.copy()
    for stretch in image.stretches:
        large = cv2.resize(stretch.astype(np.uint8), None, fx=3, fy=3)
        outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, (0, 255, 255), 1)
    for branch in image.tree.branches:
        points = np.rint(branch.centreline.points * 3 + 1).astype(np.int32)
        cv2.polylines(drawn, [points], False, (255, 160, 0), 1, cv2.LINE_AA)  # noqa: FBT003
        for stenosis in branch.stenoses:
            x, y = points[stenosis.minimum].tolist()
            colour = (160, 160, 160) if stenosis.flags else (0, 0, 255)
            cv2.circle(drawn, (x, y), 8, colour, 2, cv2.LINE_AA)
            text = " ".join([f"{100 * stenosis.diameter_stenosis:.0f}", *stenosis.flags])
            cv2.putText(drawn, text, (x + 10, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour)
    x, y = np.rint(centre * 3).astype(int)
    top, left = max(y - 3 * SIDE_PX, 0), max(x - 3 * SIDE_PX, 0)
    box = np.s_[top : top + 6 * SIDE_PX, left : left + 6 * SIDE_PX]
    cv2.imwrite(str(path), cv2.hconcat([plain[box], drawn[box]]))


if __name__ == "__main__":
    main()
