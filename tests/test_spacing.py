import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coroseg.errors import SpacingError
from coroseg.spacing import PixelSpacing, SpacingSource


def test_sources_stand_in_the_order_of_trust() -> None:
    assert list(SpacingSource) == [
        "user",
        "catheter",
        "fiducial",
        "geometry",
        "object_plane",
        "magnification",
        "distances",
        "pixel_spacing_unspecified",
        "image_header",
        "detector_plane",
    ]


@given(st.tuples(*[st.floats(1e-6, 1e6)] * 2))
def test_positive_distances_are_kept(mm: tuple[float, float]) -> None:
    assert PixelSpacing(mm, SpacingSource.USER).mm == mm


@given(st.floats(max_value=0) | st.sampled_from([math.nan, math.inf]), st.booleans())
def test_other_distances_are_refused_with_the_remedy(bad: float, first: bool) -> None:
    with pytest.raises(SpacingError, match=r"mm \(user\).*--spacing MM"):
        PixelSpacing((bad, 0.3) if first else (0.3, bad), SpacingSource.USER)
