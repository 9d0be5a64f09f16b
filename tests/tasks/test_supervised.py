"""Supervised learning as a task: batches and their labels."""

import pytest
import torch

from ssl_teach.tasks.supervised import Supervised


def generator():
    return torch.Generator().manual_seed(0)


def test_supervised_needs_labels():
    task = Supervised((4,), 3)
    with pytest.raises(ValueError, match="labels"):
        task.make_batch(torch.rand(2, 3, 8, 8), None, generator())


def test_supervised_batch_is_images_and_labels():
    images, labels = torch.rand(2, 3, 8, 8), torch.tensor([2, 0])
    batch = Supervised((4,), 3).make_batch(images, labels, generator())
    assert torch.equal(batch.images, images)
    assert torch.equal(batch.targets, labels)
