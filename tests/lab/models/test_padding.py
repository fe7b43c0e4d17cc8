import numpy as np
import pytest
import torch
from torch import Tensor

from coroseg.lab.models.padding import padded


@pytest.mark.parametrize(("rows", "columns"), [(8, 16), (5, 16), (9, 23), (1, 2)])
def test_edges_are_repeated_up_to_a_multiple_and_cut_off_the_result(
    rows: int, columns: int
) -> None:
    image = torch.rand(2, 3, rows, columns)
    seen = []

    def network(given: Tensor) -> Tensor:
        seen.append(given)
        return 2 * given[:, :1]

    result = padded(network, image, 8)
    beyond = ((0, 0), (0, 0), (0, -rows % 8), (0, -columns % 8))
    (given,) = seen
    np.testing.assert_array_equal(given, np.pad(image, beyond, mode="edge"))
    assert torch.equal(result, 2 * image[:, :1])
