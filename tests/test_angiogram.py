import numpy as np
import pytest

from coroseg.angiogram import Angiogram, Frame
from coroseg.errors import InputError


def run_of(count: int) -> Angiogram:
    frames: list[Frame] = [np.full((40, 56), i / 10, dtype=np.float32) for i in range(count)]
    return Angiogram("run.dcm", frames, rows=40, columns=56)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_frames_are_counted_from_one(number: int) -> None:
    assert run_of(3).frame(number)[0, 0] == np.float32((number - 1) / 10)


@pytest.mark.parametrize("number", [0, -1, 4])
def test_a_frame_outside_the_run_names_how_many_there_are(number: int) -> None:
    with pytest.raises(InputError, match=rf"run.dcm: there is no frame {number}: the run has 3"):
        run_of(3).frame(number)
