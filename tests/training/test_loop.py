"""The shown loop is the loop: `pretrain` without options gives the same weights to the last bit."""

import pytest
import torch

from ssl_teach.augment import simclr_augmentation
from ssl_teach.encoders import ConvNet
from ssl_teach.tasks import Rotation, SimCLR, Supervised
from ssl_teach.training import pretrain
from ssl_teach.training.loop import batch_indices, learning_rate, train

TASKS = {
    "rotation": lambda widths: Rotation(widths),
    "simclr": lambda widths: SimCLR(widths, simclr_augmentation(3)),
    "supervised": lambda widths: Supervised(widths, 3),
}


def trained(how, task, **options):
    torch.manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8)
    encoder = ConvNet(widths=(4, 8))
    task = TASKS[task](encoder.widths)
    labels = torch.arange(40) % 3 if task.uses_labels else None
    found = how(encoder, task, images, labels, steps=7, batch_size=8, seed=5, **options)
    return [*encoder.state_dict().values(), *task.state_dict().values()], found


@pytest.mark.parametrize("task", TASKS)
def test_pretrain_gives_the_weights_of_the_shown_loop(task):
    shown, losses = trained(train, task)
    ours, curve = trained(pretrain, task, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(shown, ours, strict=True))
    assert curve.values["loss"] == losses


def test_the_shown_loop_learns_and_ends_in_evaluation_mode():
    bright = torch.zeros(64, 3, 8, 8, dtype=torch.uint8)
    bright[:, :, :3] = 255  # light at the top reveals the rotation
    torch.manual_seed(0)
    encoder = ConvNet(widths=(4, 8))
    losses = train(encoder, Rotation((4, 8)), bright, steps=120, batch_size=16, lr=1e-2)
    assert losses[0] > 1 and sum(losses[-20:]) / 20 < 0.3 and not encoder.training


def test_an_epoch_shows_each_image_once_and_the_rate_rises_and_falls():
    seen = torch.cat([batch_indices(step, 12, 4, seed=0) for step in range(3)])
    assert sorted(seen.tolist()) == list(range(12))
    rates = [learning_rate(step, 100, 1.0) for step in range(100)]
    assert rates.index(max(rates)) == 4 and rates[4] == 1 and rates[-1] < 0.01
