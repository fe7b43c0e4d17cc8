import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from coroseg.io.masks import UNKNOWN_SEGMENT
from coroseg.lab.augment import Augment, random_field
from coroseg.lab.config import Augmentation

SIZE = 48
OFF = {
    "flip": 0,
    "affine": 0,
    "rotate_deg": 0,
    "shift": 0,
    "scale": (1, 1),
    "crop_probability": 0,
    "noise_probability": 0,
    "blur_probability": 0,
}


def augment(**on: Any) -> Augment:
    return Augment(Augmentation.model_validate(OFF | on), SIZE)


def draw(augment: Augment, seed: int, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return augment(image, mask)


@pytest.fixture
def image() -> Tensor:
    """Return an image without symmetry, smooth enough to be resampled."""
    y, x = torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")
    return (0.5 + 0.3 * torch.sin(9 * x + 4 * y * y) + 0.15 * y)[None]


def disc(row: float = 24, column: float = 24, radius: float = 8) -> Tensor:
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return (((y - row) ** 2 + (x - column) ** 2) <= radius**2).float()[None]


def test_with_everything_off_nothing_changes(image: Tensor) -> None:
    for seed in range(5):
        same, mask = draw(augment(), seed, image, disc())
        assert torch.equal(same, image)
        assert torch.equal(mask, disc())


GEOMETRY = [
    {"flip": 0.5},
    {"affine": 1, "rotate_deg": 30},
    {"affine": 1, "scale": (0.7, 1.4)},
    {"affine": 1, "shift": 0.2},
    {"crop": 0.4, "crop_probability": 1},
    {"bend": 0.05, "bend_probability": 1},
]


@pytest.mark.parametrize("on", [*GEOMETRY, {k: v for one in GEOMETRY for k, v in one.items()}])
def test_the_mask_goes_where_the_image_goes(on: dict[str, Any], image: Tensor) -> None:
    changed = 0
    for seed in range(12):
        there, mask = draw(augment(**on), seed, image, image)
        torch.testing.assert_close(mask, there, rtol=0, atol=1e-6)
        changed += not torch.equal(there, image)
    assert changed >= 6


def test_flips_are_along_both_axes(image: Tensor) -> None:
    both, mask = draw(augment(flip=1), 0, image, disc(row=10, column=15))
    assert torch.equal(both, image.flip(1, 2))
    assert torch.equal(mask, disc(row=SIZE - 1 - 10, column=SIZE - 1 - 15))
    seen = {
        tuple(draw(augment(flip=0.5), s, image, image)[0][0, 0, :2].tolist()) for s in range(30)
    }
    assert len(seen) == 4


def test_rotation_is_about_the_centre_and_as_far_as_said(image: Tensor) -> None:
    mark = disc(row=24, column=40, radius=4)  # about 16 pixels right of the centre
    angles = []
    for seed in range(40):
        _, mask = draw(augment(affine=1, rotate_deg=20), seed, image, mark)
        y, x = centre(mask)
        angles.append(np.degrees(np.arctan2(y - 23.5, x - 23.5)))
        assert np.hypot(y - 23.5, x - 23.5) == pytest.approx(16.5, abs=0.5)
    assert 15 < max(np.abs(angles)) < 23
    assert min(angles) < 0 < max(angles)


def test_shift_is_at_most_the_fraction_of_the_side(image: Tensor) -> None:
    shifts = []
    for seed in range(40):
        _, mask = draw(augment(affine=1, shift=0.15), seed, image, disc())
        assert mask.sum() == pytest.approx(disc().sum())  # whole pixels, nothing lost
        shifts.append(np.subtract(centre(mask), 24))
    largest = np.abs(shifts).max(axis=0)
    assert (largest > 0.1 * SIZE).all()
    assert (largest <= 0.15 * SIZE + 0.5).all()


@pytest.mark.parametrize("scale", [0.5, 1.5])
def test_scale_is_that_of_lengths(scale: float, image: Tensor) -> None:
    _, mask = draw(augment(affine=1, scale=(scale, scale)), 0, image, disc())
    assert mask.sum() / disc().sum() == pytest.approx(scale**2, rel=0.05)


def test_crop_keeps_at_least_the_part_said_and_enlarges_it(image: Tensor) -> None:
    areas = []
    for seed in range(30):
        there, mask = draw(augment(crop=0.5, crop_probability=1), seed, image, disc(24, 24, 5))
        assert there.shape == mask.shape == (1, SIZE, SIZE)
        areas.append((mask.sum() / disc(24, 24, 5).sum()).item())
    assert max(areas) < 2.2
    assert max(areas) > 1.5


def test_bending_moves_points_smoothly_and_as_far_as_said() -> None:
    """The grey levels are the coordinates, so that the bent image says where each came from."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    moved = []
    for seed in range(60):
        bend = augment(bend=0.03, bend_probability=1)
        rows, columns = draw(bend, seed, y[None] / SIZE, x[None] / SIZE)
        inside = (slice(12, -12), slice(12, -12))
        by = torch.stack([rows[0] * SIZE - y, columns[0] * SIZE - x])[:, *inside]
        moved.append(by)
        assert by.diff(dim=1).abs().max() < 1  # a vessel bends, it does not fold
        assert by.diff(dim=2).abs().max() < 1
    # at the grid's own points, its middle one among them, the deviation is that of the settings
    middle = torch.stack(moved)[:, :, SIZE // 2 - 12, SIZE // 2 - 12]
    assert middle.std().item() == pytest.approx(0.03 * SIZE, rel=0.2)
    assert middle.mean().abs() < 0.02 * SIZE


def test_segments_go_where_the_mask_goes() -> None:
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    numbers = (1 + (x > y)).to(torch.uint8)[None]  # 1 on one side of the diagonal, 2 on the other
    changed = 0
    for seed in range(20):
        torch.manual_seed(seed)
        full = augment(**{k: v for one in GEOMETRY for k, v in one.items()}, collimate=0.5)
        there, mask, segments = full((numbers - 1).float(), torch.ones(1, SIZE, SIZE), numbers)
        assert segments.dtype == torch.uint8
        sure = (mask == 1) & ((there < 1e-4) | (there > 1 - 1e-4))
        assert torch.equal(segments[sure], 1 + there[sure].round().to(torch.uint8))
        assert (segments[mask == 0] == 0).all()
        changed += not torch.equal(segments, numbers)
    assert changed > 15


def test_an_erased_vessel_is_no_segment(image: Tensor) -> None:
    numbers = (disc() * 7).to(torch.uint8)
    left = 0
    for seed in range(12):
        torch.manual_seed(seed)
        _, mask, segments = augment(erase=1)(image, disc(), numbers)
        assert torch.equal(segments, (mask * 7).to(torch.uint8))
        left += bool(mask.any())
    assert 0 < left < 12


def test_segments_that_nobody_knows_stay_unknown(image: Tensor) -> None:
    unknown = torch.full((1, SIZE, SIZE), UNKNOWN_SEGMENT, dtype=torch.uint8)
    for seed in range(8):
        torch.manual_seed(seed)
        segments = augment(affine=1, shift=0.2, erase=0.5, collimate=1)(image, disc(), unknown)[2]
        assert torch.equal(segments, unknown)


def test_blur_smooths_the_image_only(image: Tensor) -> None:
    noisy = image + 0.1 * torch.randn(1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    there, mask = draw(augment(blur=3, blur_probability=1), 1, noisy, disc())
    assert torch.equal(mask, disc())
    assert there.diff(dim=2).square().mean() < 0.3 * noisy.diff(dim=2).square().mean()
    assert there.mean() == pytest.approx(noisy.mean().item(), abs=0.01)


def test_noise_has_the_standard_deviation_said_and_stays_in_range() -> None:
    gray = torch.full((1, SIZE, SIZE), 0.5)
    there, mask = draw(augment(noise=0.05, noise_probability=1), 0, gray, disc())
    assert torch.equal(mask, disc())
    assert (there - gray).std().item() == pytest.approx(0.05, rel=0.1)
    white, _ = draw(augment(noise=0.3, noise_probability=1), 0, torch.ones(1, SIZE, SIZE), disc())
    assert white.min() >= 0
    assert white.max() == 1


@pytest.mark.parametrize(("level", "kind"), [(0, "noise"), (0, "blur")])
def test_an_extent_of_0_switches_off(level: float, kind: str, image: Tensor) -> None:
    there, _ = draw(augment(**{kind: level, f"{kind}_probability": 1}), 0, image, disc())
    torch.testing.assert_close(there, image, rtol=0, atol=1e-6)


def test_gamma_bends_the_grey_scale_up_to_its_factor(image: Tensor) -> None:
    exponents = []
    for seed in range(40):
        there, mask = draw(augment(gamma=1.5), seed, image, disc())
        assert torch.equal(mask, disc())
        exponent = there.log() / image.log()
        assert exponent.std() < 1e-3
        exponents.append(exponent.mean().item())
    assert 1 / 1.5 - 1e-3 <= min(exponents) < 0.8
    assert 1.25 < max(exponents) <= 1.5 + 1e-3


def test_a_collimator_covers_image_and_mask_alike(image: Tensor) -> None:
    covered = 0
    for seed in range(20):
        there, mask = draw(augment(collimate=1), seed, image, torch.ones_like(image))
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        assert torch.equal(there, image * mask)
        covered += bool((mask == 0).any())
        assert mask.mean() > 0.5
        assert mask[0, SIZE // 2, SIZE // 2] == 1
    assert covered > 10


def test_a_field_is_round_or_a_rectangle_and_covers_unequal_sides() -> None:
    shapes = set()
    for seed in range(20):
        torch.manual_seed(seed)
        field = random_field(30, 50).numpy()
        assert field.shape == (30, 50)
        box = field[np.ix_(field.any(axis=1), field.any(axis=0))]
        shapes.add(bool(box.all()))
    assert shapes == {True, False}


FULL = {
    **{k: v for one in GEOMETRY for k, v in one.items()},
    "noise_probability": 1,
    "blur_probability": 1,
    "gamma": 1.5,
    "collimate": 0.5,
}


def test_values_stay_in_0_to_1() -> None:
    noise = torch.Generator().manual_seed(0)
    binary = (torch.rand(1, SIZE, SIZE, generator=noise) > 0.5).float()
    for seed in range(20):
        for values in draw(augment(**FULL), seed, binary, binary):
            assert values.dtype == torch.float32
            assert type(values) is Tensor
            assert values.min() >= 0
            assert values.max() <= 1 + 1e-6


def test_randomness_is_torch_s_seed_and_nothing_else(image: Tensor) -> None:
    results = []
    for other in (1, 2):
        random.seed(other)
        np.random.seed(other)  # noqa: NPY002
        results.append(draw(augment(**FULL), 7, image, disc()))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert not torch.equal(draw(augment(**FULL), 8, image, disc())[0], results[0][0])


def centre(mask: Tensor) -> tuple[float, float]:
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    total = mask[0].sum()
    return ((mask[0] * y).sum() / total).item(), ((mask[0] * x).sum() / total).item()


def test_fading_takes_a_part_of_the_vessel_s_contrast_and_keeps_the_mask() -> None:
    mask = torch.zeros(1, 96, 96)
    mask[:, 40:46, 10:86] = 1
    image = 0.7 - 0.4 * mask
    kept = []
    for seed in range(20):
        faded, label = draw(augment(fade=1), seed, image, mask)
        assert torch.equal(label, mask)
        kept.append(((0.7 - faded[0, 43, 20:76].mean()) / 0.4).item())
    assert 0.2 < min(kept) < 0.45
    assert 0.6 < max(kept) < 0.85
