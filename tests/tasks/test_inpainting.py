"""Inpainting: holes, what is counted in them, and a run with and without the adversary."""

import numpy as np
import pytest
import torch

from ssl_teach.encoders.networks import ConvNet, build_encoder
from ssl_teach.export import export_decoder, export_painter, export_weights
from ssl_teach.tasks.inpainting import (
    GREY,
    HoleBatch,
    Inpainting,
    block_masks,
    centre_mask,
    reconstruction_loss,
    smooth_fill,
)
from ssl_teach.training.pretrain import pretrain

WIDTHS = (4, 8, 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def fresh(seed=0, **options):
    torch.manual_seed(seed)
    return ConvNet(widths=WIDTHS), Inpainting(WIDTHS, **options)


def pictures(count=32):
    """Flat colours: what is in a hole can be told from around it."""
    colours = torch.randint(0, 256, (count, 3, 1, 1), generator=generator(), dtype=torch.uint8)
    return colours.expand(count, 3, 16, 16).contiguous()


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_centre_is_a_quarter_in_the_middle():
    mask = centre_mask(torch.rand(2, 3, 8, 12))
    assert mask.shape == (2, 1, 8, 12) and mask.dtype == torch.bool
    assert mask[:, :, 2:6, 3:9].all() and mask.sum() == 2 * 4 * 6
    assert torch.equal(mask, mask.flip(2, 3))


def test_blocks_are_drawn_per_image_and_cover_at_most_a_quarter():
    images = torch.rand(200, 3, 32, 48)
    mask = block_masks(images, generator())
    assert mask.shape == (200, 1, 32, 48) and mask.dtype == torch.bool
    share = mask.float().mean(dim=(1, 2, 3))
    assert share.min() >= (1 / 8) ** 2 and share.max() <= 1 / 4
    assert len({tuple(m.flatten().tolist()) for m in mask}) == 200
    everywhere = mask.any(dim=0)[0]
    assert everywhere.any(dim=0).all() and everywhere.any(dim=1).all()  # borders included
    assert torch.equal(mask, block_masks(images, generator()))
    assert not torch.equal(mask, block_masks(images, generator(1)))


def test_a_single_block_is_a_rectangle_of_the_sizes_promised():
    sides = set()
    for mask in block_masks(torch.rand(300, 1, 32, 16), generator(), blocks=1)[:, 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert torch.equal(mask, rows[:, None] & columns)
        for line in (rows, columns):
            at = line.nonzero()
            assert len(at) == at.max() - at.min() + 1
        sides.add((int(rows.sum()), int(columns.sum())))
    assert {h for h, _ in sides} == {4, 5, 6, 7, 8}
    assert {w for _, w in sides} == {2, 3, 4}


@pytest.mark.parametrize("masks", [centre_mask, block_masks])
def test_a_batch_holds_originals_mask_and_grey_holes(masks):
    images = torch.rand(5, 3, 16, 16)
    batch = Inpainting(WIDTHS, masks=masks).make_batch(images, None, generator())
    hole = batch.mask.expand_as(images)
    assert torch.equal(batch.targets, images)
    assert torch.equal(batch.images[~hole], images[~hole])
    assert (batch.images[hole] == GREY).all() and hole.any()


def test_the_augmentation_comes_before_the_hole():
    task = Inpainting(WIDTHS, augment=lambda images, generator: 1 - images)
    images = torch.rand(2, 3, 16, 16)
    batch = task.make_batch(images, None, generator())
    assert torch.equal(batch.targets, 1 - images)
    hole = batch.mask.expand_as(images)
    assert torch.equal(batch.images[~hole], batch.targets[~hole])


def test_the_loss_is_the_mean_over_missing_pixels():
    originals, made = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    mask[0, :, 0, :2] = True
    mask[1, :, 3, 3] = True  # three missing pixels, so nine missing numbers
    made[0, 0, 0, 0], made[1, 2, 3, 3] = 0.5, 1.0
    made[:, :, 2] = 7  # known pixels: not counted
    assert reconstruction_loss(made, originals, mask).item() == pytest.approx((0.25 + 1) / 9)
    with pytest.raises(ValueError, match="hides nothing"):
        reconstruction_loss(made, originals, torch.zeros_like(mask))


def test_the_loss_counts_only_the_hole():
    encoder, task = fresh(lambda_rec=2.0)
    batch = task.make_batch(torch.rand(3, 3, 16, 16), None, generator())
    loss, metrics = task(encoder, batch)
    assert loss.item() == pytest.approx(2 * metrics["reconstruction"].item())
    elsewhere = torch.where(batch.mask, batch.targets, torch.rand(3, 3, 16, 16))
    assert task(encoder, HoleBatch(batch.images, elsewhere, batch.mask))[0] == loss
    within = torch.where(batch.mask, torch.rand(3, 3, 16, 16), batch.targets)
    assert task(encoder, HoleBatch(batch.images, within, batch.mask))[0] != loss


def test_the_adversary_sees_completed_images():
    encoder, task = fresh(lambda_gan=0.1)
    batch = task.make_batch(torch.rand(3, 3, 16, 16), None, generator())
    completed = task.reconstruct(encoder, batch)
    hole = batch.mask.expand_as(completed)
    assert torch.equal(completed[~hole], batch.targets[~hole])
    assert not torch.equal(completed[hole], batch.targets[hole])
    assert completed.min() >= 0 and completed.max() <= 1


@pytest.mark.parametrize("name", ["convnet", "vgg", "resnet18"])
def test_any_encoder_and_size(name):
    encoder = build_encoder(name, channels=1)
    task = Inpainting(encoder.widths, channels=1)
    images = torch.rand(2, 1, 24, 20)
    batch = task.make_batch(images, None, generator())
    assert task.reconstruct(encoder, batch).shape == images.shape
    assert torch.isfinite(task(encoder, batch)[0])


def test_fill_leaves_all_but_the_hole_and_changes_no_state():
    encoder, task = fresh()
    images = torch.rand(3, 3, 16, 16)
    mask = centre_mask(images)
    before = state(encoder)
    filled = task.fill(encoder, images, mask)
    hole = mask.expand_as(images)
    assert torch.equal(filled[~hole], images[~hole])
    assert not torch.isclose(filled[hole], images[hole]).all()
    assert same(state(encoder), before) and encoder.training and not filled.requires_grad
    assert all(p.requires_grad for p in encoder.parameters())
    other = torch.where(mask, torch.rand_like(images), images)
    torch.testing.assert_close(task.fill(encoder, other, mask), filled)  # no peeping
    torch.testing.assert_close(task.fill(encoder, images[:1], mask[:1]), filled[:1])


def test_fill_rejects_a_mask_that_does_not_fit():
    encoder, task = fresh()
    images = torch.rand(3, 3, 16, 16)
    for mask in (centre_mask(images).float(), centre_mask(images)[:1], centre_mask(images)[:, 0]):
        with pytest.raises(ValueError, match="mask must be bool"):
            task.fill(encoder, images, mask)


@pytest.mark.parametrize("masks", [centre_mask, block_masks])
@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 9, 14)])
def test_the_smooth_rule_makes_each_missing_pixel_the_mean_of_its_neighbours(masks, shape):
    images = torch.rand(shape, generator=generator())
    mask = masks(images, generator(1))
    filled = smooth_fill(images, mask)
    hole = mask.expand_as(images)
    assert filled.dtype == images.dtype and torch.equal(filled[~hole], images[~hole])
    for b, y, x in mask[:, 0].nonzero().tolist():
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [(i, j) for i, j in around if 0 <= i < shape[2] and 0 <= j < shape[3]]
        mean = torch.stack([filled[b, :, i, j] for i, j in inside]).mean(dim=0)
        torch.testing.assert_close(filled[b, :, y, x], mean, atol=1e-5, rtol=0)
    other = torch.where(mask, torch.rand_like(images), images)
    assert torch.equal(smooth_fill(other, mask), filled)  # no peeping


def test_the_smooth_rule_continues_a_slope_and_handles_its_limits():
    slope = (torch.arange(16.0) / 15).expand(1, 1, 16, 16)
    torch.testing.assert_close(smooth_fill(slope, centre_mask(slope)), slope)
    nothing = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    with pytest.raises(ValueError, match="hides nothing"):
        smooth_fill(slope, nothing)
    assert (smooth_fill(slope, ~nothing) == GREY).all()
    nothing[..., 0, 0] = True  # all but one pixel
    risen = 0.3 + slope / 2
    torch.testing.assert_close(smooth_fill(risen, ~nothing), torch.full_like(slope, 0.3))


def test_an_inpainting_network_is_exported_as_encoder_and_decoder():
    encoder, task = fresh()
    layers, data = export_painter(encoder, task)
    first, weights = export_weights(encoder, torch.nn.Sequential())
    last, more = export_decoder(task.decoder)
    assert layers == [*first, *last] and data == weights + more
    assert ["slope" in layer for layer in layers] == [False] * 3 + [True] * 4
    with pytest.raises(ValueError, match="only a ConvNet"):
        export_painter(build_encoder("vgg"), task)


@pytest.mark.parametrize("options", [{}, {"lambda_gan": 0.01, "warmup_steps": 20}])
def test_it_learns_with_and_without_the_adversary(options):
    torch.manual_seed(0)
    encoder, task = ConvNet(widths=(16, 32, 32)), Inpainting((16, 32, 32), **options)
    curve = pretrain(encoder, task, pictures(), steps=50, batch_size=16, lr=1e-2, progress=False)
    losses = curve.values["reconstruction"]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


class CrashError(Exception):
    """Stands for a power cut."""


def test_resume_with_two_players_continues_to_the_same_result(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"

    def run(encoder, task, **options):
        return pretrain(encoder, task, pictures(), steps=8, batch_size=8, progress=False, **options)

    options = {"lambda_gan": 0.1, "warmup_steps": 2}
    whole, task = fresh(**options)
    unbroken = run(whole, task)
    ordinary, calls = Inpainting.make_batch, []

    def crash_at_fifth(*args):
        calls.append(args)
        if len(calls) == 5:
            raise CrashError
        return ordinary(*args)

    with monkeypatch.context() as patched:
        patched.setattr(Inpainting, "make_batch", crash_at_fifth)
        with pytest.raises(CrashError):
            run(*fresh(**options), checkpoint=path, checkpoint_every=4)
    resumed, other = fresh(seed=99, **options)  # other weights: all must come from the file
    curve = run(resumed, other, checkpoint=path)
    assert curve.values.keys() == unbroken.values.keys()
    for name, series in curve.values.items():  # NaN before the adversary joined
        np.testing.assert_array_equal(series, unbroken.values[name])
    assert same(state(resumed), state(whole))
    assert same(state(other), state(task))
