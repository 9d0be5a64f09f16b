"""Jigsaw: permutations far apart, positions of tiles, and undoing the permutation."""

import itertools
import math

import numpy as np
import pytest
import torch
from einops import rearrange

from ssl_teach.encoders.networks import ConvNet
from ssl_teach.tasks.jigsaw import Jigsaw, normalize, shuffle, tiles
from ssl_teach.tasks.permutations import all_permutations, hamming_distances, permutation_set
from ssl_teach.training.pretrain import pretrain

WIDTHS = (8, 16)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def coordinates(count, height, width):
    """Images (B, 2, H, W) whose pixels tell their row and their column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns]).float().expand(count, 2, height, width)


def distance(p, q):
    return sum(a != b for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("count", range(1, 7))
def test_all_permutations_are_those_of_itertools(count):
    assert list(map(tuple, all_permutations(count))) == list(itertools.permutations(range(count)))


def test_hamming_distances_count_places():
    chosen = permutation_set(20, tiles=5)
    distances = hamming_distances(chosen)
    assert distances.tolist() == [[distance(p, q) for q in chosen] for p in chosen]


@pytest.mark.parametrize("tile_count", [3, 4, 5])
@pytest.mark.parametrize("criterion", ["mean", "minimum"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_set_is_the_greedy_choice_recomputed_slowly(tile_count, criterion, seed):
    everything = list(itertools.permutations(range(tile_count)))
    shuffled = np.random.RandomState(seed).permutation(np.arange(1, len(everything)))
    candidates = [everything[0], *(everything[i] for i in shuffled)]
    chosen = [candidates.pop(0)]
    while candidates and len(chosen) < 40:
        far = [[distance(p, q) for q in chosen] for p in candidates]
        scores = [sum(d) / len(d) if criterion == "mean" else min(d) for d in far]
        best = max(scores)
        chosen.append(candidates.pop(next(i for i, s in enumerate(scores) if s > best - 1e-9)))
    ours = permutation_set(len(chosen), seed, criterion, tile_count)
    assert list(map(tuple, ours)) == chosen


@pytest.mark.parametrize("criterion", ["mean", "minimum"])
def test_a_set_of_nine_tiles(criterion):
    chosen = permutation_set(100, criterion=criterion)
    assert chosen.shape == (100, 9)
    assert chosen[0].tolist() == list(range(9))
    assert (np.sort(chosen, axis=1) == np.arange(9)).all()
    off_diagonal = hamming_distances(chosen)[~np.eye(100, dtype=bool)]
    assert off_diagonal.mean() > 8.05  # of permutations drawn blindly: 8
    assert off_diagonal.min() >= (4 if criterion == "mean" else 6)
    assert (chosen == permutation_set(100, criterion=criterion)).all()
    assert (chosen[:30] == permutation_set(30, criterion=criterion)).all()  # a larger set extends
    assert (chosen != permutation_set(100, seed=1, criterion=criterion)).any()


def test_a_set_may_hold_all_permutations_each_once():
    assert len(np.unique(permutation_set(24, tiles=4), axis=0)) == 24


def test_impossible_sets_are_rejected():
    with pytest.raises(ValueError, match="24 permutations, cannot choose 25"):
        permutation_set(25, tiles=4)
    with pytest.raises(ValueError, match="between 1 and 9, got 16"):
        Jigsaw(WIDTHS, grid=4)
    with pytest.raises(ValueError, match="'maximum'"):
        permutation_set(5, criterion="maximum")


def test_tiles_lie_in_their_cells_in_reading_order_and_reach_every_place():
    images = coordinates(3000, 30, 36)  # cells of 10×12
    pieces = tiles(images, 3, 2, generator())
    assert pieces.shape == (3000, 9, 2, 8, 10)
    corner = pieces[..., 0, 0]  # (B, 9, 2)
    inside = corner[..., None, None] + coordinates(1, 8, 10)[0]
    assert torch.equal(pieces, inside)
    cells = torch.tensor([[10.0 * row, 12.0 * column] for row in range(3) for column in range(3)])
    off = corner - cells
    assert torch.equal(off.unique(), torch.arange(3.0))
    correlation = torch.corrcoef(off.flatten(1).T)  # drawn for each tile and axis by itself
    assert (correlation - torch.eye(18)).abs().max() < 0.09


def test_pixels_left_over_are_left_at_a_side_drawn_per_image():
    corner = tiles(coordinates(500, 32, 32), 3, 0, generator())[:, 0, :, 0, 0]
    assert torch.equal(corner.unique(), torch.arange(3.0))
    assert len(corner.unique(dim=0)) == 9


@pytest.mark.parametrize(("size", "side"), [(32, 9), (64, 18), (225, 64)])
def test_the_default_gap_is_that_of_the_paper(size, side):
    assert tiles(torch.rand(1, 1, size, size), 3, None, generator()).shape[-2:] == (side, side)


def test_tiles_say_what_size_they_need():
    with pytest.raises(ValueError, match=r"at least 15×15 pixels, got 14×40"):
        tiles(torch.rand(1, 3, 14, 40), 3, 4, generator())


def test_normalising_takes_away_brightness_and_contrast_and_nothing_else():
    pieces = torch.rand(4, 9, 3, 8, 8)
    normal = normalize(pieces)
    assert torch.allclose(normal.mean(dim=(-2, -1)), torch.tensor(0.5), atol=1e-5)
    assert torch.allclose(normal.std(dim=(-2, -1), correction=0), torch.tensor(0.25), atol=1e-5)
    contrast, light = 0.2 + torch.rand(4, 9, 3, 1, 1), torch.rand(4, 9, 3, 1, 1)
    assert torch.allclose(normalize(pieces * contrast + light), normal, atol=1e-4)
    assert torch.equal(
        normalize(torch.full((1, 9, 1, 4, 4), 0.75)), torch.full((1, 9, 1, 4, 4), 0.5)
    )


def test_undoing_the_permutation_restores_the_tiles():
    task = Jigsaw(WIDTHS, num_permutations=20, gap=0, normalize_tiles=False)
    images = torch.rand(6, 3, 30, 30)
    batch = task.make_batch(images, None, generator())
    assert batch.images.shape == (54, 3, 10, 10)
    shuffled = rearrange(batch.images, "(b tile) c h w -> b tile c h w", tile=9)
    orders = task.permutations[batch.targets]
    in_order = rearrange(images, "b c (i h) (j w) -> b (i j) c h w", i=3, j=3)
    for b in range(6):
        for place in range(9):  # place i shows tile orders[i]
            assert torch.equal(shuffled[b, place], in_order[b, orders[b, place]])
    assert torch.equal(shuffle(shuffled, orders.argsort(dim=1)), in_order)


def test_permutations_are_drawn_uniformly():
    task = Jigsaw(WIDTHS, num_permutations=10)
    targets = task.make_batch(torch.rand(5000, 1, 6, 6), None, generator()).targets
    assert (targets.bincount(minlength=10) / 5000 - 0.1).abs().max() < 0.02


def test_only_the_generator_decides():
    task, images = Jigsaw(WIDTHS), torch.rand(16, 3, 32, 32)
    first, again = (task.make_batch(images, None, generator(3)) for _ in range(2))
    assert torch.equal(first.images, again.images) and torch.equal(first.targets, again.targets)
    assert not torch.equal(first.targets, task.make_batch(images, None, generator(4)).targets)


def test_the_set_travels_with_the_task_and_its_choices_are_described():
    task = Jigsaw(WIDTHS, num_permutations=10, permutation_seed=1)
    other = Jigsaw(WIDTHS, num_permutations=10)
    assert not torch.equal(task.permutations, other.permutations)
    assert task.extra_repr() != other.extra_repr()
    other.load_state_dict(task.state_dict())
    assert torch.equal(task.permutations, other.permutations)


def test_at_chance_the_loss_is_the_logarithm_of_the_number_of_permutations():
    encoder, task = ConvNet(widths=WIDTHS), Jigsaw(WIDTHS, num_permutations=24, grid=2)
    for parameter in task.head[-1].parameters():
        torch.nn.init.zeros_(parameter)
    loss, metrics = task(encoder, task.make_batch(torch.rand(4, 3, 32, 32), None, generator()))
    assert loss.item() == pytest.approx(math.log(24))
    assert set(metrics) == {"accuracy"}


@pytest.mark.parametrize("normalize_tiles", [False, True])
def test_it_learns_where_brightness_tells_the_place_and_normalising_takes_that_away(
    normalize_tiles,
):
    torch.manual_seed(0)
    ramps = (coordinates(64, 30, 30) * 8).byte()  # darker at the upper left
    encoder = ConvNet(channels=2, widths=WIDTHS, norm="group")
    task = Jigsaw(WIDTHS, num_permutations=8, normalize_tiles=normalize_tiles)
    curve = pretrain(encoder, task, ramps, steps=60, batch_size=64, lr=1e-2, progress=False)
    accuracy = sum(curve.values["accuracy"][-10:]) / 10
    assert accuracy < 0.25 if normalize_tiles else accuracy > 0.95
