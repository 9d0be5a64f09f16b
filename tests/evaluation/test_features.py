"""Features come from every stage of an encoder that is frozen, and new weights are new."""

import numpy as np
import pytest
import torch

from ssl_teach import evaluation
from ssl_teach.encoders.imagenet import ImageNetResNet18
from ssl_teach.encoders.networks import ConvNet, build_encoder


def test_every_stage_gives_the_same_number_of_features():
    for name in ("convnet", "vgg", "resnet18"):
        encoder = build_encoder(name)
        images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
        found = evaluation.features(encoder, images)
        # VGG's fourth stage is as wide as its fifth; all others trade channels for cells
        assert [x.shape for x in found] == [(3, encoder.widths[-1])] * len(encoder.widths)


def test_features_are_the_representation_at_the_last_stage():
    encoder = ConvNet(widths=(4, 8))
    images = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8)
    h = encoder.eval()(images.float() / 255).detach().numpy()
    np.testing.assert_allclose(
        evaluation.features(encoder, images, batch_size=3)[-1], h, rtol=1e-4, atol=1e-6
    )


def test_frozen_restores_the_mode_and_lets_a_still_encoder_pass():
    encoder = ConvNet(widths=(4, 8)).train()
    with evaluation.frozen(encoder):
        assert not encoder.training
        encoder(torch.rand(4, 3, 8, 8))
    assert encoder.training
    encoder.blocks[0].eval()  # somebody holds this part themselves
    with pytest.raises(KeyError), evaluation.frozen(encoder):
        raise KeyError
    assert encoder.training and not encoder.blocks[0].training
    encoder.blocks[0][0].weight.data.fill_(torch.nan)  # a run that diverged has not moved either
    with evaluation.frozen(encoder):
        pass


def test_frozen_sees_batch_norm_statistics_move():
    encoder = ConvNet(widths=(4, 8))
    with pytest.raises(evaluation.NotFrozenError, match="running_mean"), evaluation.frozen(encoder):
        encoder.train()  # the classic mistake
        encoder(torch.rand(4, 3, 8, 8))


def test_frozen_sees_weights_move():
    encoder = ConvNet(widths=(4, 8))
    with pytest.raises(evaluation.NotFrozenError, match="weight"), evaluation.frozen(encoder):
        encoder.blocks[0][0].weight.add_(1)


def test_random_weights_are_fresh_and_seeded():
    encoder = ConvNet(widths=(4, 8))
    a, b, c = (evaluation.random_weights(encoder, seed) for seed in (1, 1, 2))
    weight = [e.blocks[0][0].weight for e in (a, b, c, encoder)]
    assert torch.equal(weight[0], weight[1])
    assert not torch.equal(weight[0], weight[2])
    assert not torch.equal(weight[0], weight[3])


@pytest.mark.parametrize("new", [build_encoder("resnet18"), ImageNetResNet18()])
def test_random_weights_of_a_resnet_are_drawn_as_those_of_a_new_one(new):
    """torchvision draws its convolutions by another rule than torch does."""
    fresh = evaluation.random_weights(new, seed=1)
    for (name, a), b in zip(new.named_parameters(), fresh.parameters(), strict=True):
        if "head" in name:
            continue  # a linear layer, which torch draws
        if a.ndim < 2:
            assert torch.equal(a, b), name
        else:
            assert not torch.equal(a, b), name
            assert a.std().item() == pytest.approx(b.std().item(), rel=0.05), name
            spread = (a.abs().max() / a.std(), b.abs().max() / b.std())  # uniform, or normal
            assert (spread[0] < 2) == (spread[1] < 2), name


def test_random_weights_leave_no_parameter_as_it_was():
    class Attending(ConvNet):
        def __init__(self):
            super().__init__(widths=(4, 8))
            self.attention = torch.nn.MultiheadAttention(8, 2)
            self.place = torch.nn.Parameter(torch.ones(3))

    class Drawn(Attending):
        def reset_parameters(self):
            torch.nn.init.normal_(self.place)

    with pytest.raises(ValueError, match=r"it holds parameters .* reset_parameters"):
        evaluation.random_weights(Attending(), 0)
    encoder = Drawn()
    fresh = evaluation.random_weights(encoder, 0)
    for name in ("place", "attention.in_proj_weight", "attention.out_proj.weight"):
        assert not torch.equal(fresh.get_parameter(name), encoder.get_parameter(name)), name
    assert not fresh.attention.out_proj.bias.any()  # as it was made

    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.ones(1))

    inside = ConvNet(widths=(4, 8))
    inside.blocks[1].append(Scale())
    with pytest.raises(ValueError, match=r"its 'blocks\.1\.3', a Scale, holds parameters"):
        evaluation.random_weights(inside, 0)


def test_raw_pixels():
    images = torch.tensor([[[[0, 255], [51, 102]]]], dtype=torch.uint8)
    np.testing.assert_allclose(evaluation.raw_pixels(images), [[0, 1, 0.2, 0.4]], rtol=1e-6)
