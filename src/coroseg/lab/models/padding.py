"""Images of any size for networks that take only multiples of their coarsest stride."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor


def padded(network: Callable[[Tensor], Tensor], image: Tensor, multiple: int) -> Tensor:
    """Return what `network` makes of `image` (N, C, H, W), of any H and W.

    The image is padded at the bottom and right, by its edge pixels, to multiples of `multiple`;
    the padding is cut off the result.
    """
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if not (bottom or right):
        return network(image)
    image = F.pad(image, (0, right, 0, bottom), mode="replicate")
    return network(image)[..., :height, :width]
