"""What is shown of a layer is what that layer saw."""

import numpy as np
import pytest
import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.evaluation.interpret import (
    correlation_ratio,
    max_activating_patches,
    receptive_field,
)


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_the_receptive_field_is_all_that_moves_a_position(stage):
    torch.manual_seed(0)
    encoder = ConvNet(channels=1, widths=(8, 8, 8, 8)).eval()
    x = torch.rand(1, 1, 96, 96, requires_grad=True)
    at = 48 // 2**stage
    encoder.stages(x)[stage - 1][0, :, at, at].sum().backward()
    touched = x.grad[0, 0].abs().sum(dim=0).nonzero()
    assert int(touched.max() - touched.min()) + 1 <= receptive_field(stage)
    assert int(touched.min()) >= at * 2**stage - (2**stage - 1)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_patch_alone_excites_the_channel_as_much_as_its_picture(stage):
    torch.manual_seed(1)
    encoder = ConvNet(channels=1, widths=(4, 4, 4)).eval()
    images = torch.randint(0, 256, (20, 1, 64, 64), dtype=torch.uint8)
    images[:, :, :16] = images[:, :, -16:] = 0  # the strongest answers lie inside
    images[:, :, :, :16] = images[:, :, :, -16:] = 0
    patches = max_activating_patches(encoder, images, stage, [0, 2], count=3)
    size = receptive_field(stage)
    assert patches.shape == (2, 3, 1, size, size) and patches.dtype == torch.uint8
    with torch.no_grad():
        whole = encoder.stages(images.float() / 255)[stage - 1]
    for row, channel in zip(patches, (0, 2), strict=True):
        best = whole[:, channel].flatten(1).max(dim=1).values.topk(3).values
        for patch, expected in zip(row, best, strict=True):
            # put back among black so that its centre falls on the grid of the strides
            canvas = torch.zeros(1, 1, 64, 64)
            corner = 32 - (2**stage - 1)
            canvas[0, :, corner : corner + size, corner : corner + size] = patch.float() / 255
            with torch.no_grad():
                found = encoder.stages(canvas)[stage - 1][
                    0, channel, 32 // 2**stage, 32 // 2**stage
                ]
            assert float(found) == pytest.approx(float(expected), abs=1e-4)


def test_the_share_between_classes_is_that_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    told, noise = labels.astype(float), rng.normal(size=300)
    mixed = told + noise
    found = correlation_ratio(np.stack([told, noise, mixed, np.ones(300)], axis=1), labels)
    assert found[0] == pytest.approx(1) and found[1] < 0.03 and np.isnan(found[3])
    within = sum(((mixed - mixed[labels == k].mean()) ** 2)[labels == k].sum() for k in range(3))
    assert found[2] == pytest.approx(1 - within / ((mixed - mixed.mean()) ** 2).sum())
