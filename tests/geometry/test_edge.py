import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from coroseg.geometry import edge
from coroseg.geometry.edge import (
    BLUR,
    CENTRE,
    CONTRAST,
    LEVEL,
    RADIUS,
    SLOPE,
    TABLE_STEP,
    Prior,
    Profiles,
    blurred_chord,
    edge_model,
    fit_profiles,
)

BLURS = st.floats(0.5, 2.0)
RADII = st.floats(0.3, 20.0)


def blurred(function: object, offset: float, radius: float, blur: float) -> float:
    """The mean of a function of the chord under the Gaussian, by adaptive quadrature."""

    def integrand(angle: float) -> float:
        place, chord = radius * np.sin(angle), 2 * radius * np.cos(angle)
        gauss = np.exp(-(((offset - place) / blur) ** 2) / 2) / (blur * np.sqrt(2 * np.pi))
        return float(function(chord) * gauss * radius * np.cos(angle))  # type: ignore[operator]

    near = np.arcsin(np.clip(offset / radius, -1, 1))
    total, _ = quad(integrand, -np.pi / 2, np.pi / 2, points=[near], limit=200)
    return float(total)


def table(offset: float, radius: float, blur: float) -> np.ndarray:
    arguments = (np.array([[value]], np.float32) for value in (offset, radius, blur))
    return blurred_chord(*arguments)[0, 0]


@settings(max_examples=40, deadline=None)
@given(radius=RADII, blur=BLURS, share=st.floats(-1.6, 1.6))
def test_the_table_is_the_chord_under_the_gaussian(
    radius: float, blur: float, share: float
) -> None:
    offset = share * (radius + blur)
    chord, by_offset, by_radius, variance = table(offset, radius, blur)
    expected = blurred(lambda c: c, offset, radius, blur)
    square = blurred(np.square, offset, radius, blur)
    assert chord == pytest.approx(expected, abs=0.01 + 0.004 * radius)
    assert variance == pytest.approx(square - expected**2, abs=0.01 * blur**2 + 0.02 * radius**2)
    h = 0.02
    along = [blurred(lambda c: c, offset + d, radius, blur) for d in (-h, h)]
    wider = [blurred(lambda c: c, offset, radius + d, blur) for d in (-h, h)]
    assert by_offset == pytest.approx((along[1] - along[0]) / 2 / h, abs=0.02 * (1 + radius))
    assert by_radius == pytest.approx((wider[1] - wider[0]) / 2 / h, abs=0.02 * (1 + radius))


@given(radius=RADII, blur=BLURS)
def test_blur_keeps_the_lumen_s_area(radius: float, blur: float) -> None:
    offset = np.linspace(-1, 1, 2001, dtype=np.float32)[None] * np.float32(radius + 6 * blur)
    values = blurred_chord(offset, *(np.array([[v]], np.float32) for v in (radius, blur)))
    area = np.trapezoid(values[0, :, 0], offset[0])
    interpolation = np.pi * (TABLE_STEP * blur) ** 2 / 4  # of the square of the radius, linear
    assert -1e-3 * radius**2 < area - np.pi * radius**2 < interpolation + 1e-3 * radius**2


def test_the_derivatives_are_those_of_the_model() -> None:
    offset = np.linspace(-12, 12, 49, dtype=np.float32)[None]
    parameters = np.array([[0.4, np.log(4.0), np.log(1e-3), 0.2, 0.01, np.log(1.3)]])
    every = np.arange(6)
    _, slopes = edge_model(offset, parameters, every)
    for k in every:
        step = np.zeros((1, 6))
        step[0, k] = 0.05
        there, back = (edge_model(offset, parameters + s, every)[0] for s in (step, -step))
        np.testing.assert_allclose(slopes[k, 0], (there - back)[0] / 0.1, atol=1e-4)


@pytest.mark.parametrize("radius", [1.5, 3.0, 7.0])
def test_a_fit_finds_what_an_exact_profile_was_made_of(radius: float) -> None:
    centre, contrast, level, slope, blur = 0.35, 0.1, -0.5, 0.004, 1.1
    offset = np.linspace(-1, 1, 29)[None] * (1.4 * radius + 6)
    seen = [
        1 + blurred(lambda c: np.exp(-contrast * c) - 1, x - centre, radius, blur)
        for x in offset[0]
    ]
    value = np.log(seen) + level + slope * offset
    profiles = Profiles(*(a.astype(np.float32) for a in (offset, value, np.ones_like(offset))))
    start = np.array([[0.0, np.log(1.3 * radius), np.log(0.07), level, 0.0, np.log(0.9)]])
    prior = Prior(start, np.full((1, 6), 2.0))
    fit = fit_profiles(profiles, start, prior, np.array([1e-3]), rounds=12)
    found = fit.parameters[0]
    assert np.exp(found[RADIUS]) == pytest.approx(radius, rel=0.01)
    assert np.exp(found[CONTRAST]) == pytest.approx(contrast, rel=0.03)
    assert np.exp(found[BLUR]) == pytest.approx(blur, rel=0.05)
    assert found[CENTRE] == pytest.approx(centre, abs=0.01)
    assert found[SLOPE] == pytest.approx(slope, abs=1e-4)
    assert found[LEVEL] == pytest.approx(level, abs=2e-3)
    assert fit.residual[0] < 2e-3


def test_a_parameter_without_deviation_stays() -> None:
    offset = np.linspace(-9, 9, 29, dtype=np.float32)[None]
    truth = np.array([[0.0, np.log(3.0), np.log(0.05), 0.0, 0.0, np.log(1.4)]])
    value, _ = edge_model(offset, truth, np.arange(6))
    start = truth.copy()
    start[0, BLUR] = np.log(0.8)
    deviation = np.ones((1, 6))
    deviation[0, BLUR] = 0
    fit = fit_profiles(
        Profiles(offset, value, np.ones_like(value)),
        start,
        Prior(start, deviation),
        np.array([0.01]),
    )
    assert fit.parameters[0, BLUR] == np.log(0.8)
    assert fit.deviation[0, BLUR] == 0


def test_more_profiles_than_opencv_takes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    offset = rng.normal(size=(25, 7)).astype(np.float32)
    radius = rng.uniform(1, 5, size=(25, 1)).astype(np.float32)
    blur = np.ones_like(radius)
    at_once = blurred_chord(offset, radius, blur)
    monkeypatch.setattr(edge, "REMAP_ROWS", 10)
    np.testing.assert_array_equal(blurred_chord(offset, radius, blur), at_once)
