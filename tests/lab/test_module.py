from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coroseg.datasets.manifest import read_manifest
from coroseg.lab.config import Config
from coroseg.lab.data import Portion, VesselImages
from coroseg.lab.module import Indexed, Training

RATE, DECAY = 0.02, 0.5


class _Scale(nn.Module):
    """Logits that are the image, its gray level 0.5 at 0, times one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, image: Tensor) -> Tensor:
        return self.weight * (image - 0.5)


def module_of(config: Config, weight: float = 1.0) -> Training:
    return Training(_Scale(weight), config, read_manifest(config.data.validation[0].manifest))


@pytest.mark.parametrize("optimizer", ["rmsprop", "adamw"])
def test_decay_as_weight_decay(make_config: Callable[..., Config], optimizer: str) -> None:
    training = {"optimizer": optimizer, "learning_rate": RATE, "decay_rate": 0.3}
    found = module_of(make_config(training=training)).configure_optimizers()
    assert type(found).__name__.lower() == optimizer
    (group,) = found.param_groups
    assert (group["lr"], group["weight_decay"]) == (RATE, 0.3)


def test_decay_as_inverse_time_of_the_learning_rate(make_config: Callable[..., Config]) -> None:
    training = {"decay": "inverse_time", "learning_rate": RATE, "decay_rate": DECAY}
    found = module_of(make_config(training=training)).configure_optimizers()
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]["scheduler"]
    assert found["lr_scheduler"]["interval"] == "step"
    assert optimizer.param_groups[0]["weight_decay"] == 0
    for k in range(20):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(RATE / (1 + DECAY * k))
        optimizer.step()
        schedule.step()


def test_rmsprop_with_weight_decay_takes_the_step_of_its_formula(
    make_config: Callable[..., Config],
) -> None:
    training = {"optimizer": "rmsprop", "learning_rate": RATE, "decay_rate": 0.3}
    module = module_of(make_config(training=training), weight=2.0)
    optimizer = module.configure_optimizers()
    weight, mean_square = 2.0, 0.0
    for gradient in (0.7, -0.2, 0.4):
        module.network.weight.grad = torch.tensor(gradient)
        optimizer.step()
        total = gradient + 0.3 * weight  # the gradient of Eq. 7's L2 term
        mean_square = 0.99 * mean_square + 0.01 * total**2
        weight -= RATE * total / (np.sqrt(mean_square) + 1e-8)
        assert module.network.weight.item() == pytest.approx(weight, rel=1e-5)


def validation_dice(config: Config, weight: float) -> float:
    """Return the Dice that one whole validation logs, the batches being of unequal sizes."""
    module = module_of(config, weight).eval()
    logged: dict[str, object] = {}
    module.log = lambda name, value, **_: logged.update({name: value})  # type: ignore[method-assign]
    images = Indexed(VesselImages([Portion(module._validation)], config.data.size))
    with torch.no_grad():
        for batch in torch.utils.data.DataLoader(images, batch_size=2):
            module.validation_step(batch, 0)
    return float(logged["val_dice"].compute())  # type: ignore[attr-defined]


def test_validation_dice_is_that_of_masks_of_the_images_own_size(
    make_config: Callable[..., Config],
) -> None:
    """The vessel is dark: a network that takes dark for vessel is nearly right, others are not."""
    config = make_config()
    for sample in read_manifest(config.data.validation[0].manifest):
        mask = cv2.imread(str(sample.mask), cv2.IMREAD_UNCHANGED)
        # in gray levels far enough apart that black padding does not matter
        cv2.imwrite(str(sample.image), np.where(mask > 0, 230, 30).astype(np.uint8))
    assert validation_dice(config, weight=20.0) > 0.93
    assert validation_dice(config, weight=-20.0) < 0.2


def test_an_image_without_vessel_that_stays_empty_counts_for_nothing(
    make_config: Callable[..., Config],
) -> None:
    config = make_config()
    samples = read_manifest(config.data.validation[0].manifest)
    for sample in samples:
        mask = cv2.imread(str(sample.mask), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(sample.image), np.where(mask > 0, 230, 30).astype(np.uint8))
    with_all = validation_dice(config, weight=20.0)
    for path, level in ((samples[2].image, 30), (samples[2].mask, 0)):  # alone in its batch
        cv2.imwrite(str(path), np.full((60, 44), level, dtype=np.uint8))
    assert validation_dice(config, weight=20.0) == pytest.approx(with_all, abs=0.02)


def test_the_epoch_decides_what_is_drawn_in_training(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    for epoch in (0, 1, 0):
        monkeypatch.setattr(Training, "current_epoch", epoch)
        module_of(make_config()).on_train_epoch_start()
        drawn.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[2] != drawn[1]


def test_logits_of_all_outputs_are_trained(
    make_config: Callable[..., Config], tmp_path: Path
) -> None:
    module = module_of(make_config(loss={"side_weights": [1.0]}), weight=3.0)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    module.network.forward = lambda image: torch.cat([image, -image], 1) * module.network.weight
    image, truth = torch.rand(2, 1, 8, 9), torch.ones(2, 1, 8, 9)
    loss = module.training_step((image, truth), 0)
    torch.testing.assert_close(loss, module.loss(torch.cat([3 * image, -3 * image], 1), truth))
