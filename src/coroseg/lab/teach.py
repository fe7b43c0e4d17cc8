"""What other models say of images, stored so that a network can learn from it (distillation).

The mean over several models, each given the images in several sizes, is nearer to the truth than
any one of them is, and than one reader's mask is where readers differ (Hinton et al., arXiv
1503.02531). A training learns it where the source's `taught` is above 0.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample, read_manifest, write_manifest
from coroseg.errors import OutputError
from coroseg.io.files import write_whole
from coroseg.io.png import write_png
from coroseg.segmentation.predictor import Predictor

TEACHERS = "teachers.json"


def teach(
    manifest: Path, out: Path, predictors: Sequence[Predictor], sizes: Sequence[int | None]
) -> int:
    """Write the manifest `out`: that of `manifest` with a probability for every image.

    It is the mean over the models and the sizes that they are given the images in (None: the
    model's own), kept as 8-bit
    images in a folder beside `out` and with its name; those that are there already are kept.
    Returns the number of images. Raises `OutputError` where that folder is of other models, sizes
    or images.
    """
    samples = read_manifest(manifest)
    folder = out.with_suffix("")
    _claim(folder, predictors, sizes, samples)
    taught = []
    for number, sample in enumerate(track(samples, "teaching", disable=not sys.stderr.isatty())):
        place = folder / f"{number:05}.png"
        if not place.exists():
            probability = mean_probability(read_image(sample.image), predictors, sizes)
            with write_whole(place) as temporary:
                write_png(temporary, np.rint(probability * 255).astype(np.uint8))
        taught.append(replace(sample, probability=place))
    write_manifest(out, taught)
    return len(taught)


def mean_probability(
    image: NDArray[np.float32], predictors: Iterable[Predictor], sizes: Sequence[int | None]
) -> NDArray[np.float32]:
    """Return the mean of what the models say of the image (rows, columns) in each of the sizes."""
    found = [p.predict(image[None], input_size=size)[0] for p in predictors for size in sizes]
    return np.asarray(np.mean(found, axis=0))


def _claim(
    folder: Path,
    predictors: Sequence[Predictor],
    sizes: Sequence[int | None],
    samples: Sequence[Sample],
) -> None:
    """Write into the folder what its images are made of, or find the same there."""
    made_of = {
        "models": [predictor.info.sha256 for predictor in predictors],
        "sizes": list(sizes),
        "images": [str(sample.image) for sample in samples],
    }
    record = folder / TEACHERS
    if not record.exists():
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{folder}: holds other files: choose another --out")
        with write_whole(record) as temporary:
            temporary.write_text(json.dumps(made_of, indent=1), encoding="utf-8")
    elif json.loads(record.read_text(encoding="utf-8")) != made_of:
        raise OutputError(
            f"{folder}: holds the probabilities of other models, sizes or images: "
            "choose another --out, or remove the folder"
        )
