from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

import coroseg.lab.data as lab_data
from coroseg.datasets.manifest import Sample, read_manifest
from coroseg.errors import ConfigError, DataError
from coroseg.io.masks import UNKNOWN_SEGMENT
from coroseg.lab.augment import Augment
from coroseg.lab.config import Augmentation, Source
from coroseg.lab.data import EpochSampler, Portion, VesselImages, fit_square, read_sources
from coroseg.lab.module import resize_back

SIZE = 32


@pytest.fixture
def samples(make_data: Callable[..., Path]) -> list[Sample]:
    return read_manifest(make_data(5))


def images(samples: list[Sample], *, seed: int = 0, augmented: bool = True) -> VesselImages:
    augment = Augment(Augmentation(), SIZE) if augmented else None
    return VesselImages([Portion(samples)], SIZE, augment=augment, seed=seed)


def same(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_an_augmented_sample_depends_on_seed_epoch_and_index_only(samples: list[Sample]) -> None:
    first, again, other = images(samples), images(samples), images(samples, seed=1)
    drawn = {key: first[key] for key in [(e, i) for e in range(3) for i in range(5)]}
    torch.manual_seed(99)
    for key in reversed(drawn):
        assert same(again[key], drawn[key])
        assert not same(other[key], drawn[key])
    assert not same(drawn[0, 2], drawn[1, 2])
    assert not same(drawn[2, 0], drawn[0, 2])


def test_a_sample_leaves_the_global_generator_alone(samples: list[Sample]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    images(samples)[0, 0]
    assert torch.equal(torch.rand(3), expected)


def test_workers_draw_the_same_samples(samples: list[Sample]) -> None:
    def batches(workers: int) -> list[list[torch.Tensor]]:
        data = images(samples)
        sampler = EpochSampler(data, 1, 0, seed=4)
        loader = DataLoader(
            data, 2, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
        )
        found = []
        for epoch in range(2):
            sampler.set_epoch(epoch)
            found += list(loader)
        return found

    alone, with_workers = batches(0), batches(2)
    assert len(alone) == len(with_workers) == 6
    assert all(same(a, b) for a, b in zip(alone, with_workers, strict=True))


def test_files_are_decoded_once(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    for name in ("read_image", "read_mask"):
        original = getattr(lab_data, name)

        def counted(path: Path, original: Callable[..., object] = original) -> object:
            read.append(path)
            return original(path)

        monkeypatch.setattr(lab_data, name, counted)
    data = images(samples * 2)
    for epoch in range(3):
        for index in range(10):
            data[epoch, index]
    assert sorted(read) == sorted(p for s in samples for p in (s.image, s.mask))


def test_without_augmentation_a_sample_is_the_file_at_this_size(samples: list[Sample]) -> None:
    data = images(samples, augmented=False)
    image, mask = data[0, 3]
    assert same((image, mask), data[7, 3])
    assert image.shape == mask.shape == (1, SIZE, SIZE)
    pixels = cv2.imread(str(samples[3].image), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
    truth = cv2.imread(str(samples[3].mask), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
    np.testing.assert_allclose(image[0], fit_square(pixels, SIZE), atol=0.003)
    np.testing.assert_allclose(mask[0], fit_square(truth, SIZE), atol=0.003)
    # 60 x 44 pixels in a square of 60: the coverage is that of the whole square
    assert mask.mean() == pytest.approx(truth.sum() / 60**2, rel=0.01)


def smooth(rows: int, columns: int) -> NDArray[np.float32]:
    y, x = np.mgrid[:rows, :columns]
    return (0.3 + 0.5 * y / rows - 0.2 * x / columns).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 44), (44, 61), (50, 50), (33, 20)])
@pytest.mark.parametrize("size", [64, 128, 200])
def test_resize_back_undoes_fit_square(shape: tuple[int, int], size: int) -> None:
    image = smooth(*shape)
    back = resize_back(fit_square(image, size), shape)
    assert back.shape == shape
    assert back.flags.c_contiguous
    # half a pixel's shift would be 0.002 or more; at the padding black is mixed in
    np.testing.assert_allclose(back[3:-3, 3:-3], image[3:-3, 3:-3], atol=5e-4)


def test_resize_back_undoes_fit_square_where_it_made_smaller() -> None:
    image = smooth(240, 176)
    back = resize_back(fit_square(image, 60), image.shape)
    np.testing.assert_allclose(back[10:-10, 10:-10], image[10:-10, 10:-10], atol=5e-4)


def test_fit_square_pads_with_black_around_the_centre() -> None:
    square = fit_square(np.ones((40, 20), dtype=np.float32), 80)
    assert square.shape == (80, 80)
    assert (square[:, 25:55] == 1).all()
    assert (square[:, :15] == 0).all()
    assert (square[:, 65:] == 0).all()


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_share_an_epoch_without_overlap(samples: list[Sample], ranks: int) -> None:
    data = images(samples * 6)  # 30: each rank has as many
    samplers = [EpochSampler(data, ranks, rank, seed=1) for rank in range(ranks)]
    orders = []
    for epoch in range(2):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        keys = [key for sampler in samplers for key in sampler]
        assert sorted(keys) == [(epoch, index) for index in range(30)]
        orders.append([index for _, index in keys])
    assert orders[0] != orders[1]
    assert orders[0] != list(range(30))


def test_the_order_depends_on_the_seed(samples: list[Sample]) -> None:
    data = images(samples * 6)
    first, again, other = (list(EpochSampler(data, 1, 0, seed=s)) for s in (1, 1, 2))
    assert first == again != other


def test_sources_are_filtered_by_split(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("image,mask,split\na,1,train\nb,2,val\nc,3,train\n")
    manifest = tmp_path / "m.csv"
    found = read_sources(
        [Source(manifest=manifest, split="train", repeat=2), Source(manifest=manifest)]
    )
    assert [[s.image.name for s in portion.samples] for portion in found] == [
        ["a", "c"],
        list("abc"),
    ]
    assert [len(portion) for portion in found] == [4, 3]
    with pytest.raises(ConfigError, match=r"m\.csv: no image of split 'test'"):
        read_sources([Source(manifest=manifest, split="test")])
    assert read_sources([]) == []


@pytest.mark.parametrize(("count", "repeat"), [(5, 1.0), (5, 3.0), (5, 0.4), (5, 1.5), (7, 0.1)])
def test_a_portion_shows_all_its_samples_equally_often(count: int, repeat: float) -> None:
    samples = [Sample(Path(f"{k}.png"), Path(f"{k}_mask.png")) for k in range(count)]
    portion = Portion(samples, repeat)
    assert len(portion) == pytest.approx(count * repeat, abs=1)
    shown = Counter(
        portion.at(epoch, draw) for epoch in range(2 * count) for draw in range(len(portion))
    )
    assert shown == dict.fromkeys(samples, 2 * len(portion))


def test_a_fraction_shows_other_images_in_the_next_epoch(samples: list[Sample]) -> None:
    whole, part = images(samples, augmented=False), VesselImages([Portion(samples, 0.4)], SIZE)
    assert len(part) == 2
    for k in range(8):
        assert same(part[k // 2, k % 2], whole[0, k % 5])


def test_a_source_can_be_mirrored_while_others_are_not(make_data: Callable[..., Path]) -> None:
    off = dict.fromkeys(("affine", "crop_probability", "noise_probability"), 0)
    augment = Augment(Augmentation.model_validate({**off, "blur_probability": 0, "flip": 0}), SIZE)
    sources = [Source(manifest=make_data(2)), Source(manifest=make_data(2, name="other"), flip=1)]
    portions = read_sources(sources)
    plain, data = VesselImages(portions, SIZE), VesselImages(portions, SIZE, augment=augment)
    for k in range(2):
        assert same(data[0, k], plain[0, k])
    for k in range(2, 4):
        assert same(data[0, k], tuple(picture.flip(1, 2) for picture in plain[0, k]))


def test_a_bad_mask_is_named_when_it_is_read(samples: list[Sample]) -> None:
    cv2.imwrite(str(samples[1].mask), np.arange(100, dtype=np.uint8).reshape(10, 10))
    with pytest.raises(DataError, match=r"1_mask\.png: is not a binary mask"):
        images(samples)[0, 1]


def test_segments_are_a_third_map_of_the_nearest_numbers(samples: list[Sample]) -> None:
    numbers = np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3), np.ones((30, 20), np.uint8))
    path = samples[0].image.with_name("segments.png")
    cv2.imwrite(str(path), numbers)
    known = replace(samples[0], segments=path)
    data = VesselImages([Portion([known, *samples[1:]])], 60, segments=5)
    image, mask, segments = data[0, 0]
    assert segments.dtype == torch.uint8
    np.testing.assert_array_equal(segments[0], numbers)  # 60 x 60 pixels: every one its own
    half = VesselImages([Portion([known])], 30, segments=5)[0, 0][2]
    np.testing.assert_array_equal(half[0], numbers[::2, ::2])
    assert (data[0, 1][2] == UNKNOWN_SEGMENT).all()
    plain = VesselImages([Portion([known])], 60)[0, 0]
    assert len(plain) == 2
    assert same(plain, (image, mask))
    with pytest.raises(ConfigError, match=r"segments\.png: holds segment 5, above .* = 4: raise"):
        VesselImages([Portion([known])], 60, segments=4)


def test_segments_are_augmented_with_their_image(samples: list[Sample]) -> None:
    path = samples[0].image.with_name("segments.png")
    cv2.imwrite(str(path), cv2.imread(str(samples[0].mask), cv2.IMREAD_UNCHANGED) // 255 * 4)
    augment = Augment(Augmentation(noise_probability=0), SIZE)
    known = [Portion([replace(samples[0], segments=path)])]
    assert set(VesselImages(known, SIZE, segments=4)[0, 0][2].unique().tolist()) == {0, 4}
    data = VesselImages(known, SIZE, augment=augment, segments=4)
    for epoch in range(6):
        _, mask, segments = data[epoch, 0]
        assert segments[mask > 0.9].float().mean() > 3.5
        assert (segments[mask == 0] == 0).all()


def with_probabilities(
    samples: list[Sample], folder: Path, *, turned: bool = False
) -> list[Sample]:
    """Return the samples with a probability each, drawn at random."""
    random = np.random.default_rng(8)
    found = []
    for k, sample in enumerate(samples):
        shape = cv2.imread(str(sample.mask), cv2.IMREAD_UNCHANGED).shape
        shades = random.integers(0, 256, shape[::-1] if turned else shape).astype(np.uint8)
        cv2.imwrite(str(folder / f"p{k}.png"), shades)
        found.append(replace(sample, probability=folder / f"p{k}.png"))
    return found


def test_a_taught_mask_is_the_mean_with_the_probability(
    samples: list[Sample], tmp_path: Path
) -> None:
    taught = with_probabilities(samples, tmp_path)
    data = VesselImages([Portion(taught, taught=0.7), Portion(taught)], SIZE)
    for k, sample in enumerate(taught):
        truth = cv2.imread(str(sample.mask), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
        shades = cv2.imread(str(sample.probability), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
        mixed = fit_square(0.3 * truth + 0.7 * shades, SIZE)
        np.testing.assert_allclose(data[0, k][1][0], mixed, atol=0.003)
        # The same image in a portion that is not taught keeps its mask.
        np.testing.assert_allclose(data[0, 5 + k][1][0], fit_square(truth, SIZE), atol=0.003)


def test_what_cannot_be_taught_is_refused(samples: list[Sample], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"0\.png: its manifest gives no probability"):
        VesselImages([Portion(samples, taught=0.5)], SIZE)
    turned = with_probabilities(samples, tmp_path, turned=True)
    with pytest.raises(ConfigError, match=r"p0\.png: is \(44, 60\), its mask \(60, 44\)"):
        VesselImages([Portion(turned, taught=0.5)], SIZE)
