"""The second player: its losses, its bounds, and training with both players."""

import copy
import math

import pytest
import torch
from torch import nn

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.base import Batch
from ssl_teach.tasks.gan import Discriminator, discriminator_loss, eval_mode, generator_loss
from ssl_teach.tasks.inpainting import Inpainting
from ssl_teach.tasks.reconstruction import ReconstructionTask
from ssl_teach.tasks.super_resolution import SuperResolution
from ssl_teach.training.pretrain import pretrain

WIDTHS = (4, 8)


class Copying(ReconstructionTask):
    """The smallest task with an adversary: give the image back, from one number per channel."""

    def __init__(self, lambda_gan=0.1, warmup_steps=0):
        super().__init__(3, lambda_gan, warmup_steps)
        self.decoder = nn.Linear(WIDTHS[-1], 3)
        self.reconstructed = 0

    def make_batch(self, images, labels, generator):
        assert labels is None
        return Batch(images, images)

    def reconstruct(self, encoder, batch):
        self.reconstructed += 1
        return batch.images * 0.5 + self.decoder(encoder(batch.images))[:, :, None, None]

    def reconstruction_loss(self, images, batch, step):
        loss = (images - batch.targets).square().mean()
        return loss, {"mse": loss.detach()}


def fresh(seed=0, **options):
    torch.manual_seed(seed)
    return ConvNet(widths=WIDTHS), Copying(**options)


def images(count=24):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)


def run(encoder, task, steps):
    return pretrain(encoder, task, images(), steps=steps, batch_size=8, lr=1e-2, progress=False)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_losses_are_the_formulas():
    real, made = torch.tensor([2.0, -0.5, 0.1]), torch.tensor([-1.0, 3.0])
    d_real, d_made = real.sigmoid(), made.sigmoid()
    expected = -d_real.log().mean() - (1 - d_made).log().mean()
    torch.testing.assert_close(discriminator_loss(real, made), expected)
    torch.testing.assert_close(generator_loss(made), -d_made.log().mean())


def test_losses_of_a_discriminator_at_chance():
    half = torch.zeros(5)  # the logit of D = 1/2
    assert discriminator_loss(half, half).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(half).item() == pytest.approx(math.log(2))


def test_losses_are_finite_when_the_discriminator_is_sure():
    sure = torch.tensor([1000.0], dtype=torch.bfloat16, requires_grad=True)
    assert discriminator_loss(sure, -sure).item() == 0
    loss = generator_loss(-sure)  # the generator has lost: the loss is large, and so is its slope
    loss.backward()
    assert loss.item() == pytest.approx(1000)
    assert sure.grad.item() == pytest.approx(1)


def test_a_discriminator_judges_each_image_by_itself_at_any_size():
    discriminator = Discriminator(1).eval()
    for size in (8, 18, 32):
        images = torch.rand(3, 1, size, size)
        logits = discriminator(images)
        assert logits.shape == (3,)
        torch.testing.assert_close(logits[1:2], discriminator(images[1:2]))


def test_eval_mode_lets_gradients_through_and_restores_the_state():
    discriminator = Discriminator()
    discriminator.head.bias.requires_grad_(False)  # flags that differ are put back as they were
    discriminator.layers[1].eval()
    before = state(discriminator)
    images = torch.rand(2, 3, 8, 8, requires_grad=True)
    with eval_mode(discriminator):
        loss = generator_loss(discriminator(images))
    loss.backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is None for p in discriminator.parameters())
    assert same(state(discriminator), before)  # the estimates of the singular values included
    assert not discriminator.head.bias.requires_grad
    assert sum(not p.requires_grad for p in discriminator.parameters()) == 1
    assert discriminator.training and not discriminator.layers[1].training
    discriminator(images)
    assert not same(state(discriminator), before)  # used freely, it does move its estimates


def step(task, encoder, player, batch, step=0):
    optimizer = torch.optim.AdamW(task.parameters_of(player, encoder), lr=0.1)
    loss, metrics = task.loss_of(player, encoder, batch, step)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return metrics


def test_players_move_only_their_own_parameters():
    encoder, task = fresh()
    batch = Batch(*[torch.rand(4, 3, 8, 8)] * 2)
    learner = [encoder, task.decoder]
    parameters = [[p.detach().clone() for p in m.parameters()] for m in learner]
    metrics = step(task, encoder, "discriminator", batch)
    assert 0 <= metrics["discriminator accuracy"] <= 1
    for module, before in zip(learner, parameters, strict=True):
        assert all(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))
        assert all(p.grad is None for p in module.parameters())  # the images were detached
    moved = state(task.discriminator)
    metrics = step(task, encoder, "learner", batch)
    assert set(metrics) == {"mse", "adversarial"}
    assert same(state(task.discriminator), moved)
    for module, before in zip(learner, parameters, strict=True):
        assert not any(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))


def test_the_sets_of_parameters_do_not_overlap_and_leave_none_out():
    encoder, task = fresh()
    mine, yours = (
        [id(p) for p in task.parameters_of(player, encoder)]
        for player in ("learner", "discriminator")
    )
    assert not set(mine) & set(yours)
    assert {*mine, *yours} == {id(p) for m in (encoder, task) for p in m.parameters()}


def test_images_are_reconstructed_once_per_step_for_both_players():
    encoder, task = fresh(warmup_steps=2)
    run(encoder, task, steps=5)
    assert task.reconstructed == 5
    assert task._reconstructed is None
    batch, other = (Batch(*[torch.rand(4, 3, 8, 8)] * 2) for _ in range(2))
    task.loss_of("discriminator", encoder, batch, 2)
    task.loss_of("learner", encoder, other, 2)  # another batch: reconstructed again
    assert task.reconstructed == 7


def test_sharing_the_images_changes_no_gradient():
    encoder, task = fresh()
    batch = Batch(*[torch.rand(4, 3, 8, 8)] * 2)
    gradients = []
    for shared in (True, False):
        e, t = copy.deepcopy((encoder, task))
        step(t, e, "discriminator", batch)
        if not shared:
            t._reconstructed = None
        t.loss_of("learner", e, batch, 0)[0].backward()
        gradients.append([p.grad for p in t.parameters_of("learner", e)])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_warm_up_leaves_the_discriminator_untouched():
    encoder, task = fresh(warmup_steps=3)
    before = state(task.discriminator)
    curve = run(encoder, task, steps=3)
    assert set(curve.values) == {"loss", "mse"}
    assert same(state(task.discriminator), before)
    encoder, task = fresh(warmup_steps=3)
    curve = run(encoder, task, steps=4)
    assert not same(state(task.discriminator), before)
    names = {"loss", "mse", "adversarial", "discriminator loss", "discriminator accuracy"}
    assert set(curve.values) == names
    assert [math.isnan(x) for x in curve.values["adversarial"]] == [True, True, True, False]


def test_without_a_weight_there_is_no_adversary():
    encoder, task = fresh(lambda_gan=0)
    assert task.discriminator is None
    assert task.players(1000) == ("learner",)
    assert set(run(encoder, task, steps=2).values) == {"loss", "mse"}


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="lambda_gan"):
        Copying(lambda_gan=-1)
    with pytest.raises(ValueError, match="warmup_steps"):
        Copying(warmup_steps=-1)


def test_a_discriminator_learns_to_distinguish_sharp_from_flat():
    torch.manual_seed(0)
    discriminator = Discriminator()
    optimizer = torch.optim.AdamW(discriminator.parameters(), lr=1e-3)
    for _ in range(30):
        sharp, flat = torch.rand(16, 3, 8, 8), torch.rand(16, 3, 1, 1).expand(16, 3, 8, 8)
        loss = discriminator_loss(discriminator(sharp), discriminator(flat))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7 * 2 * math.log(2)


@pytest.mark.parametrize("task", [Inpainting, SuperResolution])
def test_both_players_can_move_in_half_precision(task):
    torch.manual_seed(0)
    encoder = ConvNet(widths=WIDTHS)
    task = task(WIDTHS, lambda_gan=0.1)
    batch = task.make_batch(torch.rand(4, 3, 32, 32), None, torch.Generator().manual_seed(0))
    for player in task.players(0):
        with torch.autocast("cpu", torch.bfloat16):  # as the loop does on CUDA
            loss, _ = task.loss_of(player, encoder, batch, 0)
        loss.backward()
        assert loss.dtype == torch.float32 and loss.isfinite()
        own = task.parameters_of(player, encoder)
        assert all(p.grad is None or p.grad.isfinite().all() for p in own)
