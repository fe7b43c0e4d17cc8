import torch
from torch import nn

from coroseg.lab.models.encoders import PlainEncoder
from coroseg.lab.models.network import Standardise
from coroseg.lab.models.routed import Routed, coarsest_means
from coroseg.lab.models.unet3plus import UNet3Plus

CHANNELS = (2, 3, 4, 4, 5)


def test_each_image_gets_the_network_that_its_score_chooses_in_any_batch() -> None:
    torch.manual_seed(0)
    first, second = (UNet3Plus(PlainEncoder(1, CHANNELS), width=2) for _ in range(2))
    with torch.no_grad():  # so that the batch norms let differences through
        for network in (first, second):
            for _ in range(40):
                network(torch.randn(4, 1, 32, 48))
            network.eval()
    images = torch.rand(6, 1, 32, 48)
    router = nn.Linear(CHANNELS[-1], 1)
    with torch.no_grad():
        standard = Standardise()(images)
        scores = router(coarsest_means(first.encoder(standard)))[:, 0]
        middle = scores.sort().values[2:4].mean()  # three are above, and not all one by one
        router.bias -= middle
        is_second = scores > middle
        alone = torch.stack(
            [
                (second if chosen else first)(image[None])[0]
                for chosen, image in zip(is_second.tolist(), standard, strict=True)
            ]
        )
        routed = Routed(first, second, router).eval()
        together, one_by_one = routed(images), torch.cat([routed(i[None]) for i in images])
        other = first(standard)
    assert is_second.sum() == 3
    assert int(is_second[:3].sum()) in {1, 2}
    assert (other - alone).abs().max() > 0.01  # the two differ
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(one_by_one, alone)
