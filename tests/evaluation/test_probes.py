"""The protocol: frozen is frozen, choices fall on validation data, budgets count every label."""

import numpy as np
import pytest
import torch

from ssl_teach import evaluation
from ssl_teach.data import Dataset
from ssl_teach.encoders.imagenet import ImageNetResNet18
from ssl_teach.encoders.networks import ConvNet, build_encoder
from ssl_teach.evaluation.probes import ProbeData


def blobs(count=90, classes=3, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    x = 4 * np.eye(classes)[y] + noise * rng.normal(size=(count, classes))
    return x.astype(np.float32), y


def dataset(per_class=20, classes=3, seed=0):
    """Grey level tells the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(per_class * classes) % classes
    images = torch.randint(0, 40, (len(labels), 1, 8, 8), generator=generator)
    images = (images + 90 * labels[:, None, None, None]).to(torch.uint8)
    cut = [0, 12 * classes, 15 * classes, 20 * classes]
    splits = {
        name: torch.arange(a, b)
        for name, a, b in zip(("train", "val", "test"), cut, cut[1:], strict=False)
    }
    names = tuple("abc"[:classes])
    return Dataset("greys", images, labels, names, {}, splits)


def labelled(data, stage=-1, encoder=None):
    encoder = encoder or ConvNet(channels=1, widths=(4, 8))
    parts = (data.train, data.val, data.test)
    return ProbeData(
        *((evaluation.features(encoder, p.images)[stage], p.labels.numpy()) for p in parts)
    )


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


def test_no_labels_are_drawn_where_there_are_none():
    data = Dataset("bare", torch.zeros(4, 1, 2, 2, dtype=torch.uint8), splits={})
    with pytest.raises(ValueError, match="'bare' has no labels to draw from"):
        evaluation.draw_labels(data, 0.5, seed=0)
    labelled = Dataset(
        "half",
        data.images,
        torch.zeros(4, dtype=torch.long),
        ("a",),
        {},
        {"train": torch.arange(4)},
    )
    with pytest.raises(ValueError, match="no split 'val'; it has train"):
        evaluation.draw_labels(labelled, 0.5, seed=0)


def test_raw_pixels():
    images = torch.tensor([[[[0, 255], [51, 102]]]], dtype=torch.uint8)
    np.testing.assert_allclose(evaluation.raw_pixels(images), [[0, 1, 0.2, 0.4]], rtol=1e-6)


@pytest.mark.parametrize("probe", [evaluation.linear_probe, evaluation.knn_probe])
def test_probes_learn_what_is_there_and_nothing_else(probe):
    easy = ProbeData(blobs(), blobs(30, seed=1), blobs(60, seed=2))
    assert probe(easy).test > 0.9
    x, y = blobs(300, seed=2)
    shuffled = np.random.default_rng(0).permutation(y)
    none = ProbeData(blobs(), blobs(30, seed=1), (x, shuffled))
    assert abs(probe(none).test - 1 / 3) < 0.12


def test_the_choice_falls_on_validation_data_alone():
    """With validation labels shuffled differently the choice may move; with test labels, never."""
    train, val = blobs(60, noise=3), blobs(60, noise=3, seed=1)
    x, y = blobs(60, noise=3, seed=2)
    choices = {
        evaluation.linear_probe(ProbeData(train, val, (x, np.roll(y, shift)))).choice
        for shift in range(3)
    }
    assert len(choices) == 1


def test_the_chosen_penalty_is_the_best_on_validation():
    train, val = blobs(30, noise=3), blobs(200, noise=3, seed=1)
    data = ProbeData(train, val, val)
    alone = {p: evaluation.linear_probe(data, [p]).val for p in evaluation.PENALTIES}
    chosen = evaluation.linear_probe(data)
    assert chosen.val == max(alone.values()) == alone[chosen.choice]


def test_features_are_standardised_for_the_linear_probe():
    """Blowing one useless feature up by a million must not drown the others."""

    def loud(part):
        x, y = part
        rng = np.random.default_rng(len(x))
        return np.hstack([x, 1e6 * rng.normal(size=(len(x), 1))]).astype(np.float32), y

    data = ProbeData(*(loud(blobs(n, seed=s)) for s, n in enumerate((90, 30, 60))))
    assert evaluation.linear_probe(data).test > 0.9


def test_a_label_budget_counts_validation_labels_too():
    data = dataset(per_class=20)  # 15 labels per class outside the test split
    train, val = evaluation.draw_labels(data, 0.4, seed=0)
    counts = [torch.bincount(part.labels, minlength=3).tolist() for part in (train, val)]
    assert counts == [[5, 5, 5], [1, 1, 1]]  # 40% of 15 is 6
    again, _ = evaluation.draw_labels(data, 0.4, seed=0)
    other, _ = evaluation.draw_labels(data, 0.4, seed=1)
    assert torch.equal(train.images, again.images)
    assert not torch.equal(train.images, other.images)


def test_a_label_budget_never_touches_the_test_split():
    data = dataset()
    test = {image.numpy().tobytes() for image in data.test.images}
    for part in evaluation.draw_labels(data, 0.5, seed=3):
        assert not test & {image.numpy().tobytes() for image in part.images}


def test_bad_budgets_are_named():
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        evaluation.draw_labels(dataset(), 0, seed=0)
    with pytest.raises(ValueError, match="two per class"):
        evaluation.draw_labels(dataset(), 0.05, seed=0)


def test_fine_tuning_moves_a_copy_and_learns():
    data = dataset()
    encoder = ConvNet(channels=1, widths=(4, 8))
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    found = evaluation.fine_tune(encoder, data, steps=60, batch_size=16, rates=(1e-2,), seed=0)
    assert found.test > 0.8
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())
