"""Relative patch position: patches are where the label says, and nothing else reveals it."""

import math

import pytest
import torch

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.patch_position import NEIGHBORS, PatchPosition, cut, drop_colors, patch_pairs
from ssl_teach.training.pretrain import pretrain

WIDTHS = (8, 16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def coordinates(count, height, width):
    """Images (B, 3, H, W) whose pixels tell their row, their column and their image."""
    rows = torch.arange(height)[:, None].expand(height, width)
    columns = torch.arange(width).expand(height, width)
    image = torch.arange(count)[:, None, None].expand(count, height, width)
    return torch.stack([rows.expand_as(image), columns.expand_as(image), image], dim=1).float()


def corners(patches):
    """Row and column of the upper left pixel of each patch of such images."""
    return patches[..., :2, 0, 0]


def test_cut_is_slicing():
    images = torch.rand(4, 3, 9, 13)
    places = torch.stack(
        [
            torch.randint(7, (4, 5), generator=generator()),
            torch.randint(9, (4, 5), generator=generator(1)),
        ],
        dim=2,
    )
    boxes = cut(images, places, (3, 5))
    assert boxes.shape == (4, 5, 3, 3, 5)
    for b in range(4):
        for k in range(5):
            y, x = places[b, k].tolist()
            assert torch.equal(boxes[b, k], images[b, :, y : y + 3, x : x + 5])


@pytest.mark.parametrize("corner", [(-1, 0), (0, -1), (7, 0), (0, 9)])
def test_cut_rejects_a_box_beyond_the_image(corner):
    with pytest.raises(ValueError, match="beyond"):
        cut(torch.rand(1, 1, 9, 13), torch.tensor([[corner]]), (3, 5))


def test_positions_are_numbered_in_reading_order_without_the_centre():
    cells = [(row, column) for row in range(3) for column in range(3)]
    assert list(NEIGHBORS) == [cell for cell in cells if cell != (1, 1)]


@pytest.mark.parametrize("gap", [0, 3])
def test_without_jitter_the_neighbour_is_exactly_where_the_label_says(gap):
    images = coordinates(64, 30, 37)
    pairs, positions = patch_pairs(images, 6, gap, 0, generator())
    assert pairs.shape == (64, 2, 3, 6, 6)
    step = (corners(pairs)[:, 1] - corners(pairs)[:, 0]) / (6 + gap)
    assert torch.equal(step, torch.tensor(NEIGHBORS)[positions].float() - 1)


def test_patches_are_whole_cuts_of_their_own_image():
    pairs, _ = patch_pairs(coordinates(32, 40, 40), 5, 2, 2, generator())
    expected = corners(pairs)[..., None, None] + coordinates(1, 5, 5)[0, :2]
    assert torch.equal(pairs[:, :, :2], expected)
    assert torch.equal(pairs[:, :, 2, 0, 0], torch.arange(32.0)[:, None].expand(32, 2))


def test_jitter_reaches_its_bounds_and_is_drawn_for_each_image_patch_and_axis():
    images = coordinates(4000, 26, 26)  # exactly as large as needed, so the grid cannot wander
    patch, gap, jitter = 6, 2, 2
    pairs, positions = patch_pairs(images, patch, gap, jitter, generator())
    cells = torch.tensor([[1, 1]]).expand(4000, 2)
    cells = torch.stack([cells, torch.tensor(NEIGHBORS)[positions]], dim=1)  # (B, 2, 2)
    off = corners(pairs) - jitter - cells * (patch + gap)  # from the place without jitter
    assert torch.equal(off.unique(), torch.arange(-jitter, jitter + 1.0))
    correlation = torch.corrcoef(off.flatten(1).T)
    assert (correlation - torch.eye(4)).abs().max() < 0.08


def test_positions_are_uniform_and_the_place_of_the_centre_does_not_tell_them():
    pairs, positions = patch_pairs(coordinates(8000, 30, 30), 6, 2, 1, generator())
    shares = positions.bincount(minlength=8) / 8000
    assert (shares - 1 / 8).abs().max() < 0.02
    centres = corners(pairs)[:, 0]
    means = torch.stack([centres[positions == k].mean(dim=0) for k in range(8)])
    assert (means - centres.mean(dim=0)).abs().max() < 0.2  # pixels
    assert len(centres[:, 0].unique()) == 30 - 24 + 3  # the grid wanders, and jitter adds to it


def test_only_the_generator_decides():
    task, images = PatchPosition(WIDTHS, patch=6, drop_color=True), torch.rand(16, 3, 32, 32)
    first, again = (task.make_batch(images, None, generator(3)) for _ in range(2))
    assert torch.equal(first.images, again.images) and torch.equal(first.targets, again.targets)
    other = task.make_batch(images, None, generator(4))
    assert not torch.equal(first.targets, other.targets)


def test_a_batch_holds_centre_and_neighbour_side_by_side_and_needs_no_labels():
    images = torch.rand(5, 1, 32, 32)
    batch = PatchPosition(WIDTHS).make_batch(images, None, generator())
    pairs, positions = patch_pairs(images, 8, 3, 1, generator())
    assert batch.images.shape == (10, 1, 8, 8)
    assert torch.equal(batch.images[0::2], pairs[:, 0])
    assert torch.equal(batch.images[1::2], pairs[:, 1])
    assert torch.equal(batch.targets, positions)


def test_augmentation_comes_before_the_cut():
    task = PatchPosition(WIDTHS, augment=lambda x, generator: 0 * x + 0.25)
    assert task.make_batch(torch.rand(2, 3, 32, 32), None, generator()).images.unique() == 0.25


@pytest.mark.parametrize("patch", [8, 16, 24, 32, 96])
def test_by_default_four_patches_a_side_suffice(patch):
    task = PatchPosition(WIDTHS, patch=patch)
    batch = task.make_batch(torch.rand(2, 3, 4 * patch, 4 * patch), None, generator())
    assert batch.images.shape == (4, 3, patch, patch)
    assert task.jitter == pytest.approx(patch * 7 / 96, abs=0.5)
    assert task.gap + task.jitter == patch // 2


def test_dropping_colours_leaves_one_channel_and_faint_noise():
    patches = torch.rand(3000, 3, 6, 6)
    dropped = drop_colors(patches, generator())
    kept = (dropped == patches).all(dim=(2, 3))  # (M, 3)
    assert torch.equal(kept.sum(dim=1), torch.ones(3000, dtype=torch.long))
    assert (kept.float().mean(dim=0) - 1 / 3).abs().max() < 0.03
    noise = (dropped - 0.5)[~kept]
    spread = patches[kept].std(dim=(1, 2)).mean()
    assert noise.std() == pytest.approx(0.01 * spread.item(), rel=0.05)
    assert noise.mean().abs() < 1e-4


def test_errors_say_what_is_needed():
    images = torch.rand(2, 3, 32, 32)
    with pytest.raises(ValueError, match=r"at least 64×64 pixels, got 32×32"):
        PatchPosition(WIDTHS, patch=16).make_batch(images, None, generator())
    with pytest.raises(ValueError, match="gap and jitter at least 0"):
        PatchPosition(WIDTHS, gap=-1).make_batch(images, None, generator())
    with pytest.raises(ValueError, match="3 channels, got 1"):
        drop_colors(images[:, :1], generator())


def test_at_chance_the_loss_is_log_eight():
    encoder, task = ConvNet(widths=WIDTHS), PatchPosition(WIDTHS)
    for parameter in task.head[-1].parameters():
        torch.nn.init.zeros_(parameter)
    loss, metrics = task(encoder, task.make_batch(torch.rand(4, 3, 32, 32), None, generator()))
    assert loss.item() == pytest.approx(math.log(8))
    assert set(metrics) == {"accuracy"}


def test_it_learns_where_pixels_tell_their_place():
    torch.manual_seed(0)
    images = (coordinates(64, 32, 32) * 8).clamp(0, 255)
    images[:, 2] = 0
    encoder, task = ConvNet(widths=WIDTHS, norm="group"), PatchPosition(WIDTHS)
    curve = pretrain(
        encoder, task, images.byte(), steps=150, batch_size=64, lr=2e-2, progress=False
    )
    assert curve.values["loss"][0] > 1.5
    assert sum(curve.values["accuracy"][-10:]) / 10 > 0.9
