from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import erf

from coroseg.errors import ConfigError
from coroseg.simulation.detector import Exposure, expose, field_mask
from coroseg.simulation.display import Display
from coroseg.simulation.field import Field
from coroseg.simulation.scene import Map, View

VIEW = View(1050, 760, primary_deg=-20, secondary_deg=10, pitch_mm=0.35, size=256)
SLANT = np.tan(np.deg2rad(7))
QUIET = 1e9  # contrast-to-noise


def flat(view: View = VIEW, value: float = 4.0) -> Map:
    return np.full((view.size, view.size), value, dtype=np.float32)


def exposed(attenuation: Map, exposure: Exposure, seed: int = 0, view: View = VIEW) -> Map:
    pixels = expose(np.random.default_rng(seed), attenuation, exposure, view)
    return pixels.astype(np.float32)


def slanted_edge(view: View) -> tuple[Map, Map]:
    """Return each pixel's mean transmission beside an edge, and its distance to it in px."""
    fine = 16
    place = (np.arange(view.size * fine) + 0.5) / fine - 0.5
    rows = np.arange(view.size)
    at = view.size / 2 + SLANT * (rows - view.size / 2)
    covered = (place[None] > at[:, None]).reshape(view.size, view.size, fine).mean(axis=2)
    distance = (np.arange(view.size)[None] - at[:, None]) * np.cos(np.arctan(SLANT))
    return (1 - 0.4 * covered).astype(np.float32), distance.astype(np.float32)


@pytest.mark.parametrize("fwhm_mm", [0.4, 0.5, 0.6, 1.0])
@pytest.mark.parametrize("pitch_mm", [0.21, 0.48])
def test_an_edge_is_as_blurred_as_asked(fwhm_mm: float, pitch_mm: float) -> None:
    view = replace(VIEW, pitch_mm=pitch_mm)
    transmission, distance = slanted_edge(view)
    shown = exposed(-np.log(transmission), Exposure(fwhm_mm, QUIET, scatter=0), view=view)
    near = np.abs(distance) < 6

    def edge(x: Map, place: float, sigma: float, high: float, step: float) -> Map:
        return np.asarray(high - step * (1 + erf((x - place) / (sigma * np.sqrt(2)))) / 2)

    (place, sigma, *_), _ = curve_fit(edge, distance[near], shown[near], (0, 1, 1600, 600))
    # A pixel is 1 wide: its variance, 1/12, comes on top of the blur's.
    fwhm_px = np.sqrt(sigma**2 - 1 / 12) * np.sqrt(8 * np.log(2))
    fine = fwhm_mm > 1.4 * view.spacing_mm
    assert fwhm_px * view.spacing_mm == pytest.approx(fwhm_mm, rel=0.02 if fine else 0.045)
    assert place == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("asked", [3.0, 6.0, 12.0])
@pytest.mark.parametrize(("scatter", "grain"), [(0.0, 0.0), (0.4, 1.4)])
def test_a_2_mm_vessel_has_the_contrast_to_noise_asked_for(
    asked: float, scatter: float, grain: float
) -> None:
    exposure = Exposure(0.5, asked, scatter, iodine_per_mm=0.23, grain_px=grain)
    attenuation = flat()
    attenuation[:, 100:120] += 2 * 0.23
    beside, behind = [], []
    for seed in range(3):
        shown = exposed(attenuation, exposure, seed)
        beside.append(shown[:, :90])
        behind.append(shown[:, 105:115])
    # The scatter is a little less near the vessel: 1 % of it here.
    lost = np.mean(beside) - np.mean(behind)
    assert lost / np.std(beside) == pytest.approx(asked, rel=0.04)


def test_noise_grows_as_that_of_counted_photons() -> None:
    iodine, asked = 0.23, 8.0
    bands = [slice(0, 80), slice(80, 176), slice(176, 256)]
    attenuation = flat()
    attenuation[:, bands[0]] -= 0.7
    attenuation[:, bands[2]] += 1.5
    shown = exposed(attenuation, Exposure(0.5, asked, scatter=0.0, iodine_per_mm=iodine))
    parts = [shown[:, band.start + 8 : band.stop - 8] for band in bands]
    signal, variance = (np.array([f(part) for part in parts]) for f in (np.mean, np.var))
    np.testing.assert_allclose(signal / signal[1], np.exp([0.7, 0, -1.5]), rtol=0.01)
    # The middle band is the median. Photons make 95 % of the variance there, electronics 5 %.
    middle = (signal[1] * (1 - np.exp(-2 * iodine)) / asked) ** 2
    expected = middle * (0.05 + 0.95 * signal / signal[1])
    np.testing.assert_allclose(variance, expected, rtol=0.05)


def test_grain_is_alike_as_far_as_asked() -> None:
    shown = exposed(flat(), Exposure(0.5, 6.0, grain_px=1.5))
    noise = shown - shown.mean()
    beside = (noise[:, 1:] * noise[:, :-1]).mean() / noise.var()
    # White noise blurred by s has the correlation exp(-d^2 / 4 s^2).
    assert beside == pytest.approx(np.exp(-8 * np.log(2) / 4 / 1.5**2), abs=0.03)


def test_scatter_is_its_share_of_the_signal_and_smooth() -> None:
    attenuation = flat()
    attenuation[100:160, 100:160] += 20  # nothing comes through but what is scattered
    shown = exposed(attenuation, Exposure(0.0, QUIET, scatter=0.35))
    share = shown[130, 130] / shown[5, 5]
    assert 0.2 < share < 0.35
    assert np.abs(np.diff(shown[105:155, 105:155])).max() < 0.01 * shown[5, 5]


def test_a_frame_is_a_seed() -> None:
    exposure = Exposure.drawn(np.random.default_rng(5))
    first, again, other = (exposed(flat(), exposure, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_frames_fill_12_bits_and_do_not_depend_on_the_body() -> None:
    thin, thick = (exposed(flat(value=value), Exposure()) for value in (2.0, 30.0))
    np.testing.assert_allclose(thin, thick, atol=1)
    assert np.median(thin) == pytest.approx(0.4 * 4095, rel=0.01)
    bright = exposed(np.linspace(8, 0, VIEW.size**2).reshape(2 * [VIEW.size]), Exposure())
    assert bright.max() == 4095


@pytest.mark.parametrize("wrong", [{"contrast_to_noise": 0.0}, {"scatter": 1.0}])
def test_an_exposure_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"exposure with contrast-to-noise .*: choose"):
        Exposure(**wrong)  # type: ignore[arg-type]


def test_the_field_is_what_the_shutters_leave() -> None:
    exposure = Exposure(field=Field((0.1, 0.2, 0.05, 0.0)))
    mask = field_mask(exposure, replace(VIEW, size=200))
    rows, columns = np.nonzero(mask)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == (20, 40, 189, 199)
    assert mask.sum() == pytest.approx(160 * 170, rel=1e-3)  # the corners are round


def test_a_round_field_is_a_disc() -> None:
    mask = field_mask(Exposure(field=Field(radius=0.5)), VIEW)
    assert mask.sum() == pytest.approx(np.pi * (VIEW.size / 2) ** 2, rel=0.005)
    assert not mask[0, 0]
    assert mask[VIEW.size // 2, 0]


def test_an_open_field_is_everything() -> None:
    assert field_mask(Exposure(), VIEW).all()


@pytest.mark.parametrize("blackened", [True, False])
def test_it_is_dark_outside_the_field(blackened: bool) -> None:
    field = Field((0.2, 0.0, 0.0, 0.1), blackened=blackened)
    shown = exposed(flat(), Exposure(field=field, display=Display()))
    inside = field_mask(Exposure(field=field), VIEW)
    assert shown[~inside].mean() < 0.3 * shown[inside].mean()
    assert (shown[:200, :40].max() == 0) == blackened
    assert np.median(shown[:150, 80:]) == pytest.approx(0.45 * 4095, rel=0.12)
