"""Rotation: batches, the rotation itself, and the loss at chance."""

import pytest
import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.rotation import Rotation, rotate


def generator():
    return torch.Generator().manual_seed(0)


def test_rotation_batch_holds_all_four_rotations_of_each_image():
    images = torch.rand(5, 3, 8, 8)
    batch = Rotation((4,)).make_batch(images, None, generator())
    assert batch.images.shape == (20, 3, 8, 8)
    assert torch.equal(batch.targets.bincount(), torch.full((4,), 5))
    for image, target in zip(batch.images, batch.targets, strict=True):
        undone = rotate(image[None], -int(target))[0]
        assert any(torch.equal(undone, original) for original in images)


def test_four_rotations_by_90_degrees_are_the_identity_and_one_moves_the_top_to_the_left():
    image = torch.zeros(1, 1, 4, 4)
    image[:, :, 0] = 1  # a bright top row
    once = rotate(image, 1)  # anticlockwise: the top becomes the left side
    assert once[0, 0, :, 0].sum() == 4
    assert torch.equal(rotate(once, 3), image)


def test_rotation_rejects_images_that_are_not_square():
    with pytest.raises(ValueError, match="square"):
        rotate(torch.rand(1, 3, 8, 6), 1)


def test_rotation_at_chance_is_log_four():
    encoder, task = ConvNet(), Rotation((32, 64, 128, 256))
    torch.nn.init.zeros_(task.head.weight)
    torch.nn.init.zeros_(task.head.bias)
    loss, _ = task(encoder, task.make_batch(torch.rand(4, 3, 16, 16), None, generator()))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(4.0)).item())
