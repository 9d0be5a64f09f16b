"""Fine-tuning trains a copy of the encoder and leaves the encoder itself as it was."""

import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.training.fine_tune import fine_tune

from ..evaluation.greys import dataset


def test_fine_tuning_moves_a_copy_and_learns():
    data = dataset()
    encoder = ConvNet(channels=1, widths=(4, 8))
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    found = fine_tune(encoder, data, steps=60, batch_size=16, rates=(1e-2,), seed=0)
    assert found.test > 0.8
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())
