"""The default view: modality LUT, window or VOI LUT, each against its formula in PS3.3."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from coroseg.errors import InputError
from coroseg.io.dicom.view import default_view
from dicom_files import scene, xa_dataset

PIXELS = scene(frames=1)[0]


def view(pixels: Any = PIXELS, bits: int = 12, **elements: Any) -> Any:
    dataset = xa_dataset(pixels[np.newaxis], bits, **elements)
    dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=True)
    return default_view(pixels, dataset, 0)


def table(entries: Any, first: int, bits: int) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", [int(x) for x in entries])
    return Sequence([item])


@given(st.floats(2, 4000), st.floats(0, 4095))
def test_linear_window(width: float, centre: float) -> None:
    width, centre = round(width, 3), round(centre, 3)
    ramp = (PIXELS - (centre - 0.5)) / (width - 1) + 0.5  # C.11.2.1.2.1
    shown = view(WindowWidth=width, WindowCenter=centre)
    np.testing.assert_allclose(shown, np.clip(ramp, 0, 1), atol=1e-5)


def test_linear_exact_window() -> None:
    ramp = (PIXELS - 2000.0) / 1500 + 0.5  # C.11.2.1.3.2
    shown = view(WindowWidth=1500, WindowCenter=2000, VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_allclose(shown, np.clip(ramp, 0, 1), atol=1e-6)


@pytest.mark.parametrize("width", [1500, 0.5])
def test_sigmoid_window(width: float) -> None:
    with np.errstate(over="ignore"):
        curve = 1 / (1 + np.exp(-4 * (PIXELS - 2000.0) / width))  # C.11.2.1.3.1
    shown = view(WindowWidth=width, WindowCenter=2000, VOILUTFunction="SIGMOID")
    np.testing.assert_allclose(shown, curve, atol=1e-6)


def test_the_first_of_several_windows_is_used() -> None:
    several = view(WindowWidth=[1000, 50], WindowCenter=[2000, 10])
    np.testing.assert_array_equal(several, view(WindowWidth=1000, WindowCenter=2000))


def test_a_window_of_width_one_is_a_threshold() -> None:
    shown = view(WindowWidth=1, WindowCenter=2000)
    np.testing.assert_array_equal(shown, (PIXELS > 1999.5).astype(np.float32))


@pytest.mark.parametrize(
    "window", [{"WindowWidth": 0, "WindowCenter": 9}, {"WindowWidth": 9}, {"WindowCenter": 9}]
)
def test_a_window_that_makes_no_sense_is_ignored(window: dict[str, Any]) -> None:
    np.testing.assert_array_equal(view(**window), view())


def test_a_window_is_in_rescaled_values() -> None:
    shown = view(RescaleSlope=2, RescaleIntercept=-1000, WindowWidth=3000, WindowCenter=2500)
    ramp = (PIXELS * 2.0 - 1000 - 2499.5) / 2999 + 0.5
    np.testing.assert_allclose(shown, np.clip(ramp, 0, 1), atol=1e-6)


@pytest.mark.parametrize("bits", [8, 12])
def test_a_negative_slope_turns_black_to_white(bits: int) -> None:
    pixels = scene(frames=1, bits=bits)[0]
    turned = view(pixels, bits, RescaleSlope=-1, RescaleIntercept=100)
    np.testing.assert_allclose(turned, 1 - view(pixels, bits), atol=1e-6)


@given(st.floats(0.01, 100), st.floats(-5000, 5000))
def test_without_a_window_a_rescale_changes_nothing(slope: float, intercept: float) -> None:
    rescaled = view(RescaleSlope=round(slope, 6), RescaleIntercept=round(intercept, 4))
    np.testing.assert_allclose(rescaled, view(), atol=1e-5)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_voi_lut(bits: int) -> None:
    entries = np.linspace(0, 2**bits - 1, 1000).astype(int)
    shown = view(VOILUTSequence=table(entries, first=1500, bits=bits))
    looked_up = entries[np.clip(PIXELS.astype(int) - 1500, 0, 999)] / (2**bits - 1)
    np.testing.assert_allclose(shown, looked_up, atol=1e-6)


def test_voi_lut_as_bytes_comes_before_the_window() -> None:
    entries = (np.arange(4096) ** 2 // 4096).astype("<u2")
    sequence = table([0], first=0, bits=12)
    sequence[0].LUTDescriptor = [4096, 0, 12]
    sequence[0].add_new("LUTData", "OW", entries.tobytes())
    shown = view(VOILUTSequence=sequence, WindowWidth=10, WindowCenter=10)
    np.testing.assert_allclose(shown, entries[PIXELS] / 4095, atol=1e-6)


def test_modality_lut_comes_before_the_window() -> None:
    entries = 4095 - np.arange(4096)
    shown = view(ModalityLUTSequence=table(entries, 0, 12), WindowWidth=2000, WindowCenter=1800)
    ramp = ((4095.0 - PIXELS) - 1799.5) / 1999 + 0.5
    np.testing.assert_allclose(shown, np.clip(ramp, 0, 1), atol=1e-6)


@pytest.mark.parametrize("relationship", ["LOG", "DISP"])
def test_a_modality_lut_that_leads_back_to_intensity_is_not_shown(relationship: str) -> None:
    lut = table(4095 - np.arange(4096), 0, 12)
    shown = view(ModalityLUTSequence=lut, PixelIntensityRelationship=relationship)
    np.testing.assert_array_equal(shown, view())


def test_a_broken_lut_is_named() -> None:
    sequence = table([1, 2], first=0, bits=12)
    sequence[0].LUTDescriptor = [4096, 0, 12]
    with pytest.raises(InputError, match=r"VOI LUT Sequence \(0028,3010\) is broken"):
        view(VOILUTSequence=sequence)


def test_monochrome1_is_inverted_after_the_window() -> None:
    window = {"WindowWidth": 1000, "WindowCenter": 2000}
    shown = view(PhotometricInterpretation="MONOCHROME1", **window)
    np.testing.assert_allclose(shown, 1 - view(**window), atol=1e-6)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_one_scene_is_one_view_at_any_depth(bits: int) -> None:
    deep = scene(frames=1, bits=16)[0]
    np.testing.assert_allclose(
        view(deep >> np.uint16(16 - bits), bits), view(deep, 16), atol=2.0 / 2**bits * 2
    )
