import cv2
import numpy as np
import torch

from coroseg.lab.erase import PART, erase_vessels, random_part


def _scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a smooth noisy background, (1, 96, 144), the same with a vessel, and its mask."""
    y, x = np.mgrid[0:96, 0:144] / 144
    noise = np.random.default_rng(0).normal(0, 0.01, y.shape)
    background = (0.5 + 0.2 * x - 0.1 * y + noise).astype(np.float32)
    mask = np.zeros(y.shape, np.float32)
    cv2.line(mask, (20, 80), (120, 15), 1.0, 6)
    image = background - 0.25 * cv2.GaussianBlur(mask, (0, 0), 1)
    return tuple(torch.from_numpy(a)[None] for a in (background, image, mask))


def test_an_erased_vessel_leaves_the_background_it_was_drawn_on() -> None:
    background, image, mask = _scene()
    torch.manual_seed(0)
    erased = erase_vessels(image, mask)
    inside = mask > 0.5
    assert (image - background)[inside].abs().mean() > 0.2
    assert (erased - background)[inside].abs().mean() < 0.02
    assert (erased - background)[inside].mean().abs() < 0.01


def test_what_lies_far_from_the_vessel_stays() -> None:
    _, image, mask = _scene()
    erased = erase_vessels(image, mask)
    reach = cv2.dilate(mask[0].numpy(), np.ones((25, 25), np.uint8)) > 0
    far = torch.from_numpy(~reach)[None]
    assert far.any()
    assert torch.equal(erased[far], image[far])


def test_the_fill_has_the_grain_of_the_image() -> None:
    _, image, mask = _scene()
    torch.manual_seed(1)
    inside = cv2.erode(mask[0].numpy(), np.ones((3, 3), np.uint8)) > 0.5
    rough = erase_vessels(image, mask)[0].numpy()
    grain = rough - cv2.GaussianBlur(rough, (0, 0), 2)
    assert 0.003 < grain[inside].std() < 0.02


def test_no_vessel_or_nothing_but_vessel_is_no_error() -> None:
    _, image, mask = _scene()
    assert torch.equal(erase_vessels(image, torch.zeros_like(mask)), image)
    assert torch.isfinite(erase_vessels(image, torch.ones_like(mask))).all()


def test_a_random_part_is_the_mask_inside_a_disc() -> None:
    _, _, mask = _scene()
    shares = []
    for seed in range(20):
        torch.manual_seed(seed)
        part = random_part(mask)
        assert torch.equal(part[part > 0], mask[part > 0])
        y, x = part[0].nonzero().T.float()
        assert torch.hypot(y.max() - y.min(), x.max() - x.min()) <= 2 * PART[1] * 144 + 1
        shares.append(float(part.sum() / mask.sum()))
    assert 0 < min(shares) < 0.5 < max(shares) <= 1
    assert not random_part(torch.zeros_like(mask)).any()


def test_traces_of_a_taught_mask_are_no_vessel() -> None:
    """A hundredth all over leaves the fill of the vessel, and the parts that are kept, as were."""
    _, image, mask = _scene()
    traces = torch.where(mask > 0, mask, 0.01)
    torch.manual_seed(3)
    expected = erase_vessels(image, mask)
    torch.manual_seed(3)
    assert (erase_vessels(image, traces) - expected).abs().max() < 0.01
    torch.manual_seed(4)
    part = random_part(mask)
    torch.manual_seed(4)
    torch.testing.assert_close(random_part(traces) * (mask > 0), part)
