"""From attenuation to the pixels of a frame: blur, scatter, noise, field and display.

The signal is that of a detector that counts photons: primary rays `exp(-attenuation)`, blurred, and
scattered ones. Its reference is the median of the signal in the field, on which exposure control
rests and to which contrast-to-noise refers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from coroseg.errors import ConfigError
from coroseg.simulation.display import Display
from coroseg.simulation.field import Field, opening
from coroseg.simulation.scene import Array, Map, Mask, View
from coroseg.simulation.texture import blurred

WHITE = 4095
REFERENCE_VESSEL_MM = 2.0
_REFERENCE_LEVEL = 0.4  # of white, where the frame is shown as it was counted
_EDGE = 0.5  # of the beam
_ELECTRONIC = 0.05  # of the noise's variance at the reference signal
_SCATTER_SIGMA_MM = 30.0
_FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in standard deviations


@dataclass(frozen=True)
class Exposure:
    """How a frame is taken and shown.

    `blur_fwhm_mm`, of focus and detector together, is a length at the isocentre; the pixel's own
    width comes on top. `contrast_to_noise` is (signal beside - signal behind) / noise for a vessel
    of 2 mm full of contrast, before blur, at the reference signal; noise is the deviation of one
    pixel there. `scatter` is the share of the signal that is scattered, `grain_px` the FWHM over
    which noise is alike (0: pixels are independent). Without `display` the pixels are linear.
    """

    blur_fwhm_mm: float = 0.5
    contrast_to_noise: float = 6.0
    scatter: float = 0.3
    iodine_per_mm: float = 0.2
    grain_px: float = 0.0
    field: Field = field(default_factory=Field)
    display: Display | None = None

    def __post_init__(self) -> None:
        if self.contrast_to_noise <= 0 or not 0 <= self.scatter < 1 or self.blur_fwhm_mm < 0:
            raise ConfigError(
                f"exposure with contrast-to-noise {self.contrast_to_noise}, scatter {self.scatter} "
                f"and blur {self.blur_fwhm_mm} mm: choose > 0, 0 to below 1, and 0 or more"
            )

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Exposure:
        """Return an exposure by lot, as frames of clinics are taken and shown."""
        return cls(
            blur_fwhm_mm=rng.uniform(0.3, 0.6),
            contrast_to_noise=float(np.exp(rng.uniform(np.log(4.5), np.log(18)))),
            scatter=rng.uniform(0.15, 0.45),
            iodine_per_mm=rng.uniform(0.14, 0.28),
            grain_px=rng.uniform(0.8, 1.6),
            field=Field.drawn(rng),
            display=Display.drawn(rng),
        )


def expose(
    rng: np.random.Generator, attenuation: Map, exposure: Exposure, view: View
) -> NDArray[np.uint16]:
    """Return the frame (size, size), 12 bits, of an attenuation map (natural logarithm)."""
    opened = opening(exposure.field, view)
    inside = _inside(opened, view)
    # Far from 0 an exponential of 32 bits loses digits: take it from the middle.
    primary = np.exp(np.float32(_median(attenuation, inside)) - attenuation)
    primary = _blur(primary, exposure.blur_fwhm_mm / view.spacing_mm)
    reference = _median(primary, inside)
    if opened is not None:
        primary *= opened
    signal = primary
    if exposure.scatter > 0:
        soft = blurred(primary, _SCATTER_SIGMA_MM / view.spacing_mm)
        signal = primary + np.float32(exposure.scatter / (1 - exposure.scatter)) * soft
    level = _median(signal, inside)
    noise = _noise_deviation(exposure, reference) / level
    signal /= np.float32(level)
    deviation = noise * np.sqrt(_ELECTRONIC + (1 - _ELECTRONIC) * signal)
    signal += deviation * _grain(rng, view.size, exposure.grain_px)
    if exposure.display is None:
        shown = signal * np.float32(_REFERENCE_LEVEL)
    else:
        shown = exposure.display.shown(signal, view)
        if exposure.field.blackened and opened is not None:
            shown *= np.clip(20 * opened - 1, 0, 1)
    values: NDArray[np.uint16] = np.rint(np.clip(shown, 0, 1) * WHITE).astype(np.uint16)
    return values


def field_mask(exposure: Exposure, view: View) -> Mask:
    """Return where the image is in the beam (size, size)."""
    return _inside(opening(exposure.field, view), view)


def _inside(opened: Map | None, view: View) -> Mask:
    everything = np.ones((view.size, view.size), dtype=bool)
    return everything if opened is None else opened >= _EDGE


def _noise_deviation(exposure: Exposure, primary: float) -> float:
    """Return the noise's standard deviation at the reference, of which `primary` is not scatter."""
    lost = primary * -np.expm1(-exposure.iodine_per_mm * REFERENCE_VESSEL_MM)
    return float(lost / exposure.contrast_to_noise)


def _median(image: Map, inside: Mask) -> float:
    """Return the median of every fourth pixel both ways inside the field."""
    few = image[2::4, 2::4][inside[2::4, 2::4]]
    return float(np.median(few if few.size else image))


@lru_cache(maxsize=64)
def _kernel(fwhm_px: float) -> Array:
    """Return weights whose transfer is a Gaussian's at all frequencies that pixels can hold.

    A narrow Gaussian sampled at the pixels would blur less than asked. An edge is as wide as asked
    to 1 % where the FWHM is 1.4 px or more, to 4 % at 1.1 px.
    """
    sigma = fwhm_px / _FWHM
    reach = int(np.ceil(4 * sigma)) + 6
    frequency = 2 * np.pi * np.fft.rfftfreq(8 * reach)
    response = np.fft.irfft(np.exp(-0.5 * (sigma * frequency) ** 2))
    kernel: Array = np.roll(response, reach)[: 2 * reach + 1]
    kernel /= kernel.sum()
    return kernel


def _blur(image: Map, fwhm_px: float) -> Map:
    if fwhm_px == 0:
        return image
    kernel = _kernel(fwhm_px)
    soft = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(soft, dtype=np.float32)


def _grain(rng: np.random.Generator, size: int, fwhm_px: float) -> Map:
    """Return noise (size, size) of deviation 1, alike over `fwhm_px`."""
    if fwhm_px == 0:
        return rng.standard_normal((size, size), dtype=np.float32)
    kernel = _kernel(fwhm_px)
    reach = len(kernel) // 2
    white = rng.standard_normal((size + 2 * reach, size + 2 * reach), dtype=np.float32)
    grain = _blur(white, fwhm_px)[reach:-reach, reach:-reach]
    return np.asarray(grain / np.float32(np.sum(kernel**2)), dtype=np.float32)
