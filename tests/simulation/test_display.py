import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.simulation.display import Display
from coroseg.simulation.scene import View

VIEW = View(1000, 750, primary_deg=0, secondary_deg=0, pitch_mm=0.3, size=128)


@given(st.floats(0.2, 0.8), st.floats(0.5, 3))
def test_the_curve_never_falls_and_shows_the_reference_at_its_level(
    level: float, gamma: float
) -> None:
    display = Display(level=level, gamma=gamma)
    shown = display.curve(np.linspace(-4, 2, 100, dtype=np.float32))
    assert (np.diff(shown) >= 0).all()
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert display.curve(np.zeros(1, np.float32))[0] == pytest.approx(level, abs=1e-5)


def test_gamma_is_the_slope_in_percent() -> None:
    display = Display(level=0.4, gamma=1.5)
    signal = np.log(np.array([1.0, 1.01], dtype=np.float32))
    low, high = display.curve(signal)
    assert high / low - 1 == pytest.approx(0.01 * 1.5 * 0.6, rel=0.02)


def test_what_is_fine_is_sharpened_and_what_is_wide_is_evened() -> None:
    columns = np.arange(VIEW.size)
    fine, wide = (
        np.tile(np.exp(0.05 * np.sin(2 * np.pi * columns / period)), (VIEW.size, 1)).astype(
            np.float32
        )
        for period in (4, VIEW.size)
    )
    plain = Display(evened=0.0, sharpened=0.0)
    for signal, changed in (
        (fine, Display(evened=0.0, sharpened=1.0)),
        (wide, Display(evened=0.5, evened_mm=4.0, sharpened=0.0)),
    ):
        before, after = (d.shown(signal, VIEW)[:, 40:-40].std() for d in (plain, changed))
        if signal is fine:
            assert after > 1.7 * before
        else:
            assert after < 0.7 * before


def test_no_signal_is_shown_dark() -> None:
    shown = Display().shown(np.zeros((128, 128), dtype=np.float32), VIEW)
    assert np.isfinite(shown).all()
    assert shown.max() < 0.1
