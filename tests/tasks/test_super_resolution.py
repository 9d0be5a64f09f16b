"""Super-resolution: pairs, the start at bicubic, the frozen judge of content, and a run."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.encoders.networks import ConvNet, build_encoder
from ssl_teach.tasks.super_resolution import CONTENT_SCALE, SuperResolution, bicubic, shrink
from ssl_teach.training.pretrain import pretrain

WIDTHS = (4, 8, 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def fresh(seed=0, **options):
    torch.manual_seed(seed)
    return ConvNet(widths=WIDTHS), SuperResolution(WIDTHS, **options)


def pictures(count=32):
    """Stripes two pixels wide: finer than the low resolution, but all alike."""
    stripes = (torch.arange(32) // 2 % 2 * 200).to(torch.uint8)
    shade = torch.randint(0, 56, (count, 3, 1, 1), generator=generator(), dtype=torch.uint8)
    return (stripes + shade).expand(count, 3, 32, 32).contiguous()


def run(encoder, task, steps=8, **options):
    return pretrain(encoder, task, pictures(), steps=steps, batch_size=8, progress=False, **options)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_pairs_are_means_of_blocks_and_originals():
    images = torch.rand(3, 2, 16, 24)
    batch = SuperResolution(WIDTHS, channels=2).make_batch(images, None, generator())
    assert batch.images.shape == (3, 2, 4, 6)
    assert torch.equal(batch.targets, images)
    torch.testing.assert_close(batch.images[1, 0, 2, 3], images[1, 0, 8:12, 12:16].mean())
    torch.testing.assert_close(batch.images, F.avg_pool2d(images, 4))


def test_sides_that_four_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="divisible by 4"):
        shrink(torch.rand(1, 3, 16, 18))


def test_at_the_start_it_equals_bicubic():
    encoder, task = fresh()
    low = torch.rand(3, 3, 8, 8)
    batch = task.make_batch(torch.rand(3, 3, 32, 32), None, generator())
    assert torch.equal(task.upscale(encoder, low), bicubic(low).clamp(0, 1))
    expected = F.mse_loss(bicubic(batch.images), batch.targets)
    loss, metrics = task(encoder, batch)
    assert loss == expected and metrics["pixel"] == expected


@pytest.mark.parametrize("name", ["convnet", "vgg", "resnet18"])
@pytest.mark.parametrize("size", [(32, 32), (44, 20)])
def test_any_encoder_and_size(name, size):
    encoder = build_encoder(name, channels=1)
    task = SuperResolution(encoder.widths, channels=1)
    torch.nn.init.normal_(task.decoder.last.weight)
    images = torch.rand(2, 1, *size)
    batch = task.make_batch(images, None, generator())
    assert task.reconstruct(encoder, batch).shape == images.shape
    task(encoder, batch)[0].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_upscale_stays_in_range_and_changes_no_state():
    encoder, task = fresh()
    torch.nn.init.normal_(task.decoder.last.weight)
    before, low = state(encoder), torch.rand(3, 3, 6, 5)
    high = task.upscale(encoder, low)
    assert high.shape == (3, 3, 24, 20) and not high.requires_grad
    assert high.min() == 0 and high.max() == 1
    assert same(state(encoder), before) and encoder.training
    torch.testing.assert_close(task.upscale(encoder, low[:1]), high[:1])


def test_content_is_compared_after_the_warm_up_in_the_chosen_stage():
    torch.manual_seed(1)
    judge = ConvNet(widths=(5, 6, 7)).eval()
    encoder, task = fresh(content_encoder=judge, content_stage=1, warmup_steps=3)
    batch = task.make_batch(torch.rand(3, 3, 32, 32), None, generator())
    made = task.reconstruct(encoder, batch)
    pixel, metrics = task.reconstruction_loss(made, batch, step=2)
    assert pixel == F.mse_loss(made, batch.targets) and set(metrics) == {"pixel"}
    content, metrics = task.reconstruction_loss(made, batch, step=3)
    expected = F.mse_loss(judge.stages(made)[1], judge.stages(batch.targets)[1])
    torch.testing.assert_close(content, CONTENT_SCALE * expected)
    assert metrics["pixel"] == pixel and metrics["content"] == content
    assert task.reconstruction_loss(batch.targets, batch, step=3)[0] == 0


def test_the_content_encoder_is_frozen_and_in_no_optimiser():
    torch.manual_seed(1)
    judge = ConvNet(widths=(5, 6))  # in training mode: it must not stay so within the task
    before = state(judge)
    encoder, task = fresh(content_encoder=judge, lambda_gan=0.1, warmup_steps=1)
    theirs = {id(p) for m in (judge, task.content) for p in m.parameters()}
    for player in task.players(5):
        assert not theirs & {id(p) for p in task.parameters_of(player, encoder)}
    inside = state(task.content)
    curve = run(encoder, task, steps=4)
    assert set(curve.values) == {
        "loss", "pixel", "content", "adversarial", "discriminator loss", "discriminator accuracy",
    }  # fmt: skip
    assert same(state(task.content), inside) and not task.content.training
    assert same(state(judge), before) and judge.training
    assert all(p.requires_grad for p in judge.parameters())
    assert all(p.grad is None for p in task.content.parameters())
    assert task.train().decoder.training and not task.content.training


def test_the_encoder_may_judge_itself_as_it_was():
    encoder, _ = fresh()
    task = SuperResolution(WIDTHS, content_encoder=encoder)
    before = state(task.content)
    run(encoder, task, steps=2)
    assert same(state(task.content), before)
    assert not torch.equal(encoder.blocks[0][0].weight, task.content.blocks[0][0].weight)


def test_a_stage_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="content_stage 2"):
        fresh(content_encoder=ConvNet(widths=(5, 6)), content_stage=2)


@pytest.mark.parametrize("lambda_gan", [0, 0.001])
def test_it_learns(lambda_gan):
    encoder, task = fresh(lambda_gan=lambda_gan, warmup_steps=20)
    curve = run(encoder, task, steps=50, lr=1e-2)
    losses = curve.values["pixel"]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


class CrashError(Exception):
    """Stands for a power cut."""


def test_resume_with_two_players_continues_to_the_same_result(tmp_path, monkeypatch):
    options = {"lambda_gan": 0.1, "warmup_steps": 2, "content_encoder": ConvNet(widths=(5, 6))}
    whole, task = fresh(**options)
    unbroken = run(whole, task)

    ordinary, calls = SuperResolution.make_batch, []

    def crash_at_fifth(*args):
        calls.append(args)
        if len(calls) == 5:
            raise CrashError
        return ordinary(*args)

    path = tmp_path / "run.pt"
    with monkeypatch.context() as patched:
        patched.setattr(SuperResolution, "make_batch", crash_at_fifth)
        with pytest.raises(CrashError):
            run(*fresh(**options), checkpoint=path, checkpoint_every=4)
    options["content_encoder"] = ConvNet(widths=(5, 6))  # other weights: all come from the file
    resumed, other = fresh(seed=99, **options)
    curve = run(resumed, other, checkpoint=path)
    for name, series in unbroken.values.items():  # NaN before the adversary joined
        np.testing.assert_array_equal(curve.values[name], series)
    assert same(state(resumed), state(whole))
    assert same(state(other), state(task))
