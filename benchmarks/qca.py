"""How wrong are the measures? Simulated frames, measured from their true and their predicted masks.

    python benchmarks/qca.py [--count 240] [--seed 500000] [--plots docs/qca]

Fixed before measuring: both arteries in turn, standard projections, pixels of 0.15 to 0.35 mm at
the isocentre, a contrast-to-noise ratio of 3, 6 and 12 in turn on a 2 mm vessel, a blur of 0.4 to
0.6 mm FWHM, lesions of 10 to 90 %, no display processing. Overlap is kept; what could not be
measured is counted. Widths are those of the lumen projected in the view, in mm at the isocentre.
"""

import argparse
import statistics
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from coroseg.errors import ConfigError
from coroseg.geometry.measure import measure_mask
from coroseg.report.figures.look import BLUE, VERMILLION, write_figure
from coroseg.segmentation.binarize import binarize
from coroseg.segmentation.predictor import Predictor
from coroseg.simulation.agreement import Agreement, LesionPair, compare
from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.detector import Exposure
from coroseg.simulation.lesions import add_lesions
from coroseg.simulation.run import Simulation, draw_simulation
from coroseg.simulation.scene import Anatomy
from coroseg.simulation.views import draw_view
from coroseg.spacing import PixelSpacing, SpacingSource

CNRS = (3.0, 6.0, 12.0)
BLUR_MM = (0.4, 0.6)
SPACING_MM = (0.15, 0.35)
LESIONS, MOST_LESIONS = (0.1, 0.9), 3
SIDE = 512
WIDE_MM = 1.5
NEAR_MM = 0.7
GRADED = (0.3, 0.9)
TIGHT, TRUE_LESION = 0.5, 0.2
"""What counts as a tight lesion; a narrowing over a true one of at least 20 % is no false one."""
FALSE_A_FRAME = {"true mask": 0.3, "predicted mask": 0.5}

Array = NDArray[np.float64]


@dataclass
class Pool:
    """The agreement of all frames for one kind of mask, in mm."""

    agreements: list[Agreement] = field(default_factory=list)
    spacings_mm: list[float] = field(default_factory=list)
    cnrs: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def pairs(self) -> dict[str, Array]:
        """Return the true and measured widths and what goes with them, all frames together."""
        return {
            name: np.concatenate(
                [
                    np.asarray(getattr(a.pairs, name), float) * (mm if name.endswith("_px") else 1)
                    for a, mm in zip(self.agreements, self.spacings_mm, strict=True)
                ]
            )
            for name in (
                "width_px", "measured_px", "diameter_3d_mm", "length_px", "found", "overlapped",
                "gap_px",
            )
        }  # fmt: skip

    def lesions(self, least: float, most: float) -> list[tuple[LesionPair, float]]:
        """Return the lesions with a true diameter stenosis from `least` to `most`, with mm a px."""
        return [
            (pair, mm)
            for agreement, mm in zip(self.agreements, self.spacings_mm, strict=True)
            for pair in agreement.lesions
            if least <= pair.truth.diameter_stenosis <= most
        ]


def main() -> None:
    """Print the table, and draw the plots where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--seed", type=int, default=500_000)
    parser.add_argument("--plots", type=Path, help="draw Bland-Altman plots, files of this stem")
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    predictor = Predictor(options.model)
    pools = {name: Pool() for name in FALSE_A_FRAME}
    for number in track(range(options.count), "frames", console=Console(stderr=True)):
        simulation = draw(options.seed, number)
        frame = simulation.frame(0)
        image = frame.pixels.astype(np.float32) / 4095
        predicted = binarize(predictor.predict(image[None])[0]).mask
        for pool, mask in zip(pools.values(), (frame.truth.mask, predicted), strict=True):
            mm = simulation.view.spacing_mm
            started = time.perf_counter()
            tree = measure_mask(mask, image, PixelSpacing((mm, mm), SpacingSource.GEOMETRY))
            pool.seconds.append(time.perf_counter() - started)
            pool.agreements.append(compare(tree, frame.truth))
            pool.spacings_mm.append(mm)
            pool.cnrs.append(CNRS[number % len(CNRS)])
    print(table(pools, options.count, options.seed))
    for name, pool in pools.items():
        print(f"\n{where_from(name, pool)}")
    if options.plots:
        draw_bland_altman(pools, options.plots)


def draw(seed: int, number: int) -> Simulation:
    """Return the frame of this number; its conditions depend on it and the seed alone."""
    rng = np.random.default_rng([seed, number])
    blur_mm, spacing_mm = rng.uniform(*BLUR_MM), rng.uniform(*SPACING_MM)
    artery = ("LCA", "RCA")[number // len(CNRS) % 2]
    healthy = grow_anatomy(rng, artery=artery, lesions=False)
    anatomy = _with_lesions(rng, healthy, rng.uniform(*LESIONS, rng.integers(MOST_LESIONS + 1)))
    view = draw_view(rng, artery, SIDE)
    pitch_mm = spacing_mm * view.source_to_detector_mm / view.source_to_isocentre_mm
    return draw_simulation(
        seed + number,
        anatomy=anatomy,
        view=replace(view, pitch_mm=pitch_mm),
        exposure=Exposure(blur_fwhm_mm=blur_mm, contrast_to_noise=CNRS[number % len(CNRS)]),
    )


def _with_lesions(rng: np.random.Generator, healthy: Anatomy, stenoses: Array) -> Anatomy:
    """Return the anatomy with as many of the lesions as a small tree has room for."""
    try:
        return add_lesions(rng, healthy, stenoses.tolist())
    except ConfigError:
        return _with_lesions(rng, healthy, stenoses[:-1])


def table(pools: dict[str, Pool], count: int, seed: int) -> str:
    """Return the results as Markdown."""
    columns = [_results(pool, FALSE_A_FRAME[name]) for name, pool in pools.items()]
    lines = [
        f"{count} frames, seed {seed}",
        "",
        f"| measure | {' | '.join(pools)} |",
        "|---|" + "---|" * len(pools),
    ]
    lines += [
        f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in columns[0]
    ]
    return "\n".join(lines)


def where_from(name: str, pool: Pool) -> str:
    """Return as Markdown where the diameters' squared error comes from, of 1.5 mm and more."""
    pairs = pool.pairs()
    wide = pairs["width_px"] >= WIDE_MM
    error = pairs["measured_px"] - pairs["width_px"]
    over, gap_mm = pairs["overlapped"] > 0, pairs["gap_px"]
    places = {
        "another vessel lies over the axis": over,
        "another lumen touches, or the own begins": ~over & (gap_mm <= 0),
        f"another lumen within {NEAR_MM} mm": ~over & (gap_mm > 0) & (gap_mm <= NEAR_MM),
        "clear of others": ~over & (gap_mm > NEAR_MM),
    }
    lines = [
        f"| {name} | points (%) | not measured (%) | bias / SD (mm) | squared error (%) |",
        "|---|---|---|---|---|",
    ]
    for place, here in places.items():
        these = error[wide & here]
        points, missing = 100 * len(these) / wide.sum(), 100 * np.isnan(these).mean()
        squared = 100 * np.nansum(these**2) / np.nansum(error[wide] ** 2)
        lines.append(f"| {place} | {points:.0f} | {missing:.0f} | {_bias(these)} | {squared:.0f} |")
    return "\n".join(lines)


def _results(pool: Pool, false_a_frame: float) -> dict[str, str]:
    pairs = pool.pairs()
    wide = pairs["width_px"] >= WIDE_MM
    centreline = np.concatenate([agreement.centreline_px for agreement in pool.agreements])
    stray = sum(agreement.stray for agreement in pool.agreements)
    results = {
        "centreline, mean distance (px)": f"{centreline.mean():.2f}",
        "centreline points in no lumen (%)": f"{100 * stray / (stray + len(centreline)):.1f}",
        "branches found, by length": _share(pairs["length_px"], pairs["found"] > 0),
        f"the same where >= {WIDE_MM} mm": _share(
            pairs["length_px"][wide], pairs["found"][wide] > 0
        ),
    }
    results |= _diameters(f"diameter where >= {WIDE_MM} mm", pairs, wide)
    results |= _diameters("the same, no overlap", pairs, wide & (pairs["overlapped"] == 0))
    results |= _diameters("diameter below it", pairs, ~wide)
    against_3d = (pairs["measured_px"] - pairs["diameter_3d_mm"])[wide]
    results["the same against the 3-D diameter, bias / SD (mm)"] = _bias(against_3d)
    cnr = np.repeat(pool.cnrs, [len(a.pairs.width_px) for a in pool.agreements])
    for ratio in CNRS:
        errors = (pairs["measured_px"] - pairs["width_px"])[wide & (cnr == ratio)]
        results[f"diameter, contrast-to-noise {ratio:.0f}, bias / SD (mm)"] = _bias(errors)
    results |= _lesions(pool)
    results |= _detection(pool, false_a_frame)
    results["measuring one frame, median (ms)"] = f"{1000 * statistics.median(pool.seconds):.0f}"
    return results


def _share(weights: Array, chosen: NDArray[np.bool_]) -> str:
    return f"{weights[chosen].sum() / weights.sum():.3f}"


def _bias(errors: Array) -> str:
    known = errors[~np.isnan(errors)]
    return f"{known.mean():+.3f} / {known.std():.3f}"


def _diameters(name: str, pairs: dict[str, Array], chosen: NDArray[np.bool_]) -> dict[str, str]:
    errors = (pairs["measured_px"] - pairs["width_px"])[chosen]
    return {
        f"{name}, bias / SD (mm)": _bias(errors),
        f"{name}, not measured (%)": f"{100 * np.isnan(errors).mean():.1f}",
    }


def _lesions(pool: Pool) -> dict[str, str]:
    pairs = pool.lesions(*GRADED)
    mld = [(pair.minimal_px - pair.truth.minimal_width_px) * mm for pair, mm in pairs]
    percent = [100 * (p.diameter_stenosis - p.truth.diameter_stenosis) for p, _ in pairs]
    return {
        "lesions of 30 to 90 %": str(len(pairs)),
        "of these not measured": str(int(np.isnan(mld).sum())),
        "MLD, mean absolute error (mm)": f"{np.nanmean(np.abs(mld)):.3f}",
        "MLD, bias / SD (mm)": _bias(np.array(mld)),
        "diameter stenosis, mean absolute error (points)": f"{np.nanmean(np.abs(percent)):.1f}",
        "diameter stenosis, bias / SD (points)": _bias(np.array(percent)),
    }


def _detection(pool: Pool, false_a_frame: float) -> dict[str, str]:
    """Return sensitivity for tight lesions where at most so many narrowings a frame are false."""
    levels = np.arange(TRUE_LESION, TIGHT + 0.205, 0.01)
    curve = [_detected(pool, level) for level in levels]
    allowed = [
        (sensitivity, false, level)
        for (sensitivity, false), level in zip(curve, levels, strict=True)
        if false <= false_a_frame
    ]
    sensitivity, false, level = max(allowed, default=(float("nan"),) * 3)
    at_tight, false_tight = _detected(pool, TIGHT)
    return {
        "lesions >= 50 %": str(len(pool.lesions(TIGHT, 1))),
        "sensitivity at so many false a frame": (
            f"{sensitivity:.3f} at {false:.2f} (reported from {100 * level:.0f} %)"
        ),
        "the same, reported from 50 %": f"{at_tight:.3f} at {false_tight:.2f}",
    }


def _detected(pool: Pool, level: float) -> tuple[float, float]:
    """Return sensitivity and false lesions a frame of narrowings reported from `level` on."""
    found = asked = false = 0
    for agreement in pool.agreements:
        true = [pair.truth.diameter_stenosis for pair in agreement.lesions]
        reported = [
            narrowing
            for narrowing in agreement.narrowings
            if narrowing.stenosis.diameter_stenosis >= level
        ]
        touched = {number for narrowing in reported for number in narrowing.touched}
        tight = {number for number, share in enumerate(true) if share >= TIGHT}
        asked += len(tight)
        found += len(tight & touched)
        false += sum(
            not any(true[number] >= TRUE_LESION for number in narrowing.touched)
            for narrowing in reported
        )
    return found / max(asked, 1), false / len(pool.agreements)


def draw_bland_altman(pools: dict[str, Pool], stem: Path) -> None:
    """Draw the difference of measured and true width against their mean, a panel a mask."""
    figure = Figure((8, 3.2), layout="constrained")
    axes = figure.subplots(1, len(pools), sharey=True)
    for panel, (name, pool) in zip(axes, pools.items(), strict=True):
        pairs = pool.pairs()
        difference = pairs["measured_px"] - pairs["width_px"]
        mean = (pairs["measured_px"] + pairs["width_px"]) / 2
        known = ~np.isnan(difference)
        shown = np.flatnonzero(known)[:: max(1, int(known.sum()) // 8000)]
        panel.plot(mean[shown], difference[shown], ".", color=BLUE, markersize=1, alpha=0.3)
        wide = difference[known & (pairs["width_px"] >= WIDE_MM)]
        for level in (
            wide.mean(),
            wide.mean() - 1.96 * wide.std(),
            wide.mean() + 1.96 * wide.std(),
        ):
            panel.axhline(level, color=VERMILLION, linewidth=0.8)
            panel.text(5, level, f"{level:+.2f}", ha="right", va="bottom", fontsize=7)
        panel.set(title=name, xlim=(0, 5), ylim=(-1.5, 1.5), xlabel="mean of both (mm)")
    axes[0].set_ylabel("measured - true width (mm)")
    with mpl.rc_context({"svg.hashsalt": "coroseg"}):
        write_figure(figure, stem)


if __name__ == "__main__":
    main()
