"""Make the packaged model and the numbers of its card: train, leave groups out, export, score.

    make reproduce ARCADE=PATH DCA1=PATH

runs this after making data/arcade.csv and data/dca1.csv. Every step resumes; all it makes is in
runs/default: checkpoints, default.onnx, scores of every image, card.md, and pictures of the worst.
"""

import argparse
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from coroseg.datasets.content import read_image
from coroseg.datasets.manifest import Sample, read_manifest, write_manifest
from coroseg.datasets.splits import make_split
from coroseg.evaluation import DISTANCES, RATIOS, Evaluation, ImageScores, write_csv
from coroseg.io.masks import read_mask
from coroseg.io.overlay import draw_overlay
from coroseg.lab.config import Config, read_config
from coroseg.lab.export import export
from coroseg.lab.train import train
from coroseg.metrics import evaluate
from coroseg.segmentation.binarize import binarize
from coroseg.segmentation.contours import find_contours
from coroseg.segmentation.predictor import Predictor

ROOT = Path(__file__).parent.parent
DATA, CONFIGS, OUT = ROOT / "data", ROOT / "configs", ROOT / "runs" / "default"
FOLDS = 4
SEEDS = 2, 3
"""Of the third stage."""
SIZE = 384
"""Side of the square whose area the network is given in use."""
WORST = 6
ASSUMED_MM, ASSUMED_SIDE = 0.3, 512
"""The sets' pixel spacing is unknown: 0.3 mm is assumed where the image is 512 pixels wide."""


def main() -> None:
    """Do every step that is not done yet and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="only score this ONNX file on ARCADE val")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    arcade = read_manifest(DATA / "arcade.csv")
    validation = [sample for sample in arcade if sample.split == "val"]
    if options.model:
        print(_table("ARCADE val", _score(Predictor(options.model), validation, "arcade-val")))
        return
    train(read_config(CONFIGS / "default-1.toml"), OUT / "stage1", resume=True)
    train(read_config(CONFIGS / "default-2.toml"), OUT / "stage2", resume=True)
    third = read_config(CONFIGS / "default-3.toml")
    for seed in SEEDS:
        seeded = third.model_copy(update={"seed": seed})
        train(seeded, OUT / f"stage3-seed{seed}", resume=True)
    fourth, last = (read_config(CONFIGS / f"{name}.toml") for name in ("default-4", "default"))
    _make(fourth, last, OUT / "stage4", OUT / "stage5", OUT / "default.onnx")
    scores = _score(Predictor(OUT / "default.onnx"), validation, "arcade-val")
    tables = [_table("ARCADE val", scores)]
    dca1 = _leave_groups_out(fourth, last, read_manifest(DATA / "dca1.csv"))
    tables.append(_table(f"DCA1, groups left out in turn ({FOLDS} folds)", dca1))
    (OUT / "card.md").write_text("\n".join(tables), encoding="utf-8")
    print("\n".join(tables))


def _make(fourth: Config, last: Config, folder: Path, its_folder: Path, out: Path) -> None:
    """Train the fourth stage and from it the last, and write the file of both networks."""
    network = train(fourth, folder, resume=True).last
    second = train(last.model_copy(update={"start": (network,)}), its_folder, resume=True).last
    # Three quarters of the first network are the fourth stage's weights, one those it began with.
    others = [*(3 * len(fourth.start) - 1) * [network], *fourth.start]
    export(network, out, averaged_with=others, second=second, half=True, size=SIZE)


def _leave_groups_out(fourth: Config, last: Config, samples: list[Sample]) -> Evaluation:
    """Return the scores of every sample by a model that saw nothing of its group.

    Each begins with the second stage, which saw no DCA1; no epoch is chosen, the last is taken.
    """
    images: list[ImageScores] = []
    folds = make_split(samples, scheme="rotate", folds=FOLDS).folds
    for number, held_out in enumerate((fold.test for fold in folds), start=1):
        manifest = DATA / f"dca1-fold{number}.csv"
        marked = [replace(s, split="test" if s in held_out else "train") for s in samples]
        write_manifest(manifest, marked)
        begun = fourth.model_copy(update={"start": (OUT / "stage2" / "best.ckpt",)})
        name = f"fold{number}"
        _make(
            _without(begun, manifest),
            _without(last, manifest),
            OUT / name,
            OUT / f"{name}-second",
            OUT / f"{name}.onnx",
        )
        images += _score(Predictor(OUT / f"{name}.onnx"), held_out, name).images
    evaluation = Evaluation(tuple(images), ())
    write_csv(OUT / "dca1.csv", evaluation)
    return evaluation


def _without(config: Config, fold: Path) -> Config:
    """Return the stage on the training images of the fold's manifest in place of all of DCA1."""
    changes = {"manifest": fold, "split": "train"}
    sources = tuple(
        source.model_copy(update=changes) if source.manifest.name == "dca1.csv" else source
        for source in config.data.train
    )
    data = config.data.model_copy(update={"train": sources, "validation": ()})
    return config.model_copy(update={"data": data})


def _score(predictor: Predictor, samples: Sequence[Sample], name: str) -> Evaluation:
    """Score the product's path on the samples at their own size; draw the worst."""
    images = []
    for sample in samples:
        image, truth = read_image(sample.image), read_mask(sample.mask)
        mask = binarize(predictor.predict(image[None])[0]).mask
        diagonal = float(sum(side**2 for side in truth.shape)) ** 0.5
        scores = evaluate(mask, truth)
        images.append(ImageScores(sample.name, missing=False, diagonal=diagonal, scores=scores))
    evaluation = Evaluation(tuple(images), ())
    write_csv(OUT / f"{name}.csv", evaluation)
    by_name = {sample.name: sample for sample in samples}
    for image_scores in sorted(images, key=lambda i: i.scores.dsc)[:WORST]:
        _draw(predictor, by_name[image_scores.name], image_scores, OUT / "worst" / name)
    return evaluation


def _draw(predictor: Predictor, sample: Sample, scores: ImageScores, folder: Path) -> None:
    image, truth = read_image(sample.image), read_mask(sample.mask)
    probability = predictor.predict(image[None])[0]
    result = binarize(probability)
    ours = draw_overlay(image, find_contours(result.mask, probability, result.threshold))
    true = draw_overlay(image, find_contours(truth, truth.astype("float32"), 0.5))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scores.scores.dsc:.3f}-{sample.image.name}.png"
    cv2.imwrite(str(path), cv2.hconcat([true, ours])[..., ::-1])


def _table(title: str, evaluation: Evaluation) -> str:
    """Return the summary as Markdown, distances in pixels and in mm at the assumed spacing."""
    lines = [
        f"### {title}: {len(evaluation.images)} images",
        "",
        "| metric | mean | SD | median | undefined | mean, diagonal if undefined |",
        "|---|---|---|---|---|---|",
    ]
    for row in evaluation.summary():
        name = (RATIOS | DISTANCES)[row.metric]
        unit = " (px)" if row.metric in DISTANCES else ""
        lines.append(
            f"| {name}{unit} | {row.mean:.4f} | {row.sd:.4f} | {row.median:.4f} | {row.undefined} "
            f"| {row.mean_worst:.4f} |"
        )
    for metric, name in DISTANCES.items():
        values = [
            getattr(image.scores, metric) * ASSUMED_MM * ASSUMED_SIDE / (image.diagonal / 2**0.5)
            for image in evaluation.images
        ]
        defined = [value for value in values if not math.isnan(value)]
        mean = sum(defined) / len(defined) if defined else math.nan
        lines.append(f"| {name} (mm at the assumed spacing) | {mean:.4f} | | | | |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
