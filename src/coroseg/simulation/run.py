"""A simulated angiogram: everything is drawn from one seed, then made frame by frame.

Each part (anatomy, view, ...) has a lot of its own, so that fixing one leaves the others as they
are; and so has each frame's noise, so that a frame does not depend on those made before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coroseg.simulation.anatomy import grow_anatomy
from coroseg.simulation.catheter import catheter_attenuation, place_catheter
from coroseg.simulation.chest import Chest
from coroseg.simulation.contrast import Bolus
from coroseg.simulation.detector import Exposure, expose, field_mask
from coroseg.simulation.lumen import lumen_maps
from coroseg.simulation.motion import Motion
from coroseg.simulation.reflux import blush, spilled_contrast
from coroseg.simulation.scene import Anatomy, Array, FrameTruth, Mask, Vessel, View
from coroseg.simulation.sections import join, see
from coroseg.simulation.silhouette import coverage
from coroseg.simulation.truth import frame_truth
from coroseg.simulation.views import draw_view

FRAME_TIME_MS: Final = 1000 / 7.5
SIZES: Final = range(64, 2049)
FRENCH: Final = (5.0, 6.0, 6.0, 7.0)

_ANATOMY, _VIEW, _EXPOSURE, _CHEST, _MOTION, _BOLUS, _CATHETER, _NOISE, _REFLUX, _BLUSH = range(10)
_LEFT_IN_CATHETER = 0.4  # contrast of the injection before this one
_COVERED = 0.5  # the share of a pixel from which it belongs to a mask


@dataclass(frozen=True)
class SimulatedFrame:
    """One frame (rows, columns), 12 bits, at `seconds` after the run's start, and its truth.

    `outlined` is the part of the truth's mask that readers outline: vessels of some width.
    """

    pixels: NDArray[np.uint16]
    seconds: float
    truth: FrameTruth
    outlined: Mask


@dataclass(frozen=True)
class Simulation:
    """All that a run is made from; `french` is the catheter's size (6 is 2 mm).

    Readers outline vessels whose healthy diameter is at least `least_mm`.
    """

    seed: int
    anatomy: Anatomy
    view: View
    exposure: Exposure
    chest: Chest
    motion: Motion
    bolus: Bolus
    french: float
    seconds: tuple[float, ...]
    least_mm: float = 0.0
    frame_time_ms: float = FRAME_TIME_MS

    def frames(self) -> Iterator[SimulatedFrame]:
        """Yield the frames one by one; none is kept."""
        for index in range(len(self.seconds)):
            yield self.frame(index)

    def frame(self, index: int) -> SimulatedFrame:
        """Return frame `index`, counted from 0."""
        seconds = self.seconds[index]
        anatomy = self.motion.at(self.anatomy, seconds)
        contrast = [self.bolus.at(vessel.path_mm, seconds) for vessel in anatomy.vessels]
        maps = lumen_maps(anatomy.vessels, contrast, self.view)
        # The same lot at all times: the catheter follows the ostium and keeps its shape.
        catheter = place_catheter(_lot(self.seed, _CATHETER), anatomy, self.french)
        at_ostium = float(self.bolus.at(np.zeros(1), seconds)[0])
        iodine_mm = maps.iodine_mm + blush(_lot(self.seed, _BLUSH), maps.coverage, self.view)
        iodine_mm += at_ostium * spilled_contrast(_lot(self.seed, _REFLUX), anatomy, self.view)
        attenuation = self.chest.attenuation(seconds)
        attenuation += np.float32(self.exposure.iodine_per_mm) * iodine_mm
        attenuation += catheter_attenuation(
            catheter,
            self.view,
            contrast=max(at_ostium, _LEFT_IN_CATHETER),
            iodine_per_mm=self.exposure.iodine_per_mm,
        )
        pixels = expose(_lot(self.seed, _NOISE, index), attenuation, self.exposure, self.view)
        field = field_mask(self.exposure, self.view)
        truth = frame_truth(
            anatomy, contrast, self.view, maps, _outline(catheter, self.view), field
        )
        return SimulatedFrame(pixels, seconds, truth, self._outlined(anatomy, contrast, truth))

    def _outlined(self, anatomy: Anatomy, contrast: Sequence[Array], truth: FrameTruth) -> Mask:
        if self.least_mm == 0:
            return truth.mask
        sections = join(anatomy.vessels)
        diameter_mm = np.concatenate([2 * v.healthy_radius_mm for v in anatomy.vessels])
        wide = np.where(diameter_mm >= self.least_mm, np.concatenate(contrast), 0)
        share = coverage(sections, see(sections, self.view), wide, self.view.size)
        return truth.mask & (share >= _COVERED)


@dataclass(frozen=True)
class SimulatedRun:
    """A whole run in memory: frames (N, rows, columns), 12 bits, and the truth of each."""

    frames: NDArray[np.uint16]
    truths: tuple[FrameTruth, ...]
    anatomy: Anatomy
    view: View
    exposure: Exposure
    seed: int
    frame_time_ms: float


def draw_simulation(
    seed: int,
    *,
    frames: int = 1,
    size: int = 512,
    artery: str | None = None,
    lesions: bool = True,
    anatomy: Anatomy | None = None,
    view: View | None = None,
    exposure: Exposure | None = None,
    least_mm: float = 0.0,
) -> Simulation:
    """Return what the seed's run of `frames` square frames of `size` pixels is made from.

    What is given is not drawn: the `artery` (LCA or RCA), whether there are `lesions`, or a whole
    anatomy, view (then of its own size) or exposure. A single frame is taken at a moment when
    contrast is in the vessels; a run begins before.
    """
    if anatomy is None:
        anatomy = grow_anatomy(_lot(seed, _ANATOMY), artery=artery, lesions=lesions)
    if view is None:
        view = draw_view(_lot(seed, _VIEW), anatomy.artery, size)
    motion = Motion.drawn(_lot(seed, _MOTION))
    lot = _lot(seed, _BOLUS)
    bolus = Bolus.drawn(lot, motion.heart_period_s)
    seconds = tuple(index * FRAME_TIME_MS / 1000 for index in range(frames))
    if frames == 1:
        longest_mm = max(vessel.path_mm[-1] for vessel in anatomy.vessels)
        seconds = (bolus.single_frame_s(lot, longest_mm),)
    return Simulation(
        seed=seed,
        anatomy=anatomy,
        view=view,
        exposure=exposure or Exposure.drawn(_lot(seed, _EXPOSURE)),
        chest=Chest.drawn(_lot(seed, _CHEST), view, heart=anatomy.heart, motion=motion),
        motion=motion,
        bolus=bolus,
        french=float(_lot(seed, _CATHETER).choice(FRENCH)),
        seconds=seconds,
        least_mm=least_mm,
    )


def _lot(seed: int, *part: int) -> np.random.Generator:
    return np.random.default_rng([seed, *part])


def _outline(catheter: Vessel, view: View) -> Mask:
    """Return where the catheter is seen."""
    sections = join([catheter])
    everywhere = np.ones(len(catheter.points_mm))
    return coverage(sections, see(sections, view), everywhere, view.size) >= _COVERED


def simulate_run(seed: int, frames: int = 24, size: int = 512) -> SimulatedRun:
    """Return a run with all its frames; the same seed gives the same run."""
    return _whole(draw_simulation(seed, frames=frames, size=size))


def simulate_frame(seed: int, *, size: int = 512) -> SimulatedRun:
    """Return a run of one frame with contrast in the vessels."""
    return _whole(draw_simulation(seed, size=size))


def _whole(simulation: Simulation) -> SimulatedRun:
    frames = list(simulation.frames())
    return SimulatedRun(
        frames=np.stack([frame.pixels for frame in frames]),
        truths=tuple(frame.truth for frame in frames),
        anatomy=simulation.anatomy,
        view=simulation.view,
        exposure=simulation.exposure,
        seed=simulation.seed,
        frame_time_ms=simulation.frame_time_ms,
    )
