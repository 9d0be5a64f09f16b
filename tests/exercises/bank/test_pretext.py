"""Pretext tasks: right answers pass, however written; wrong ones fail for their own reason."""

import functools
import itertools
import math
import random

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from ssl_teach.exercises import exercise
from ssl_teach.exercises.bank.inpainting import HOLES, masked_l2
from ssl_teach.exercises.bank.jigsaw import FAR, permutation_set
from ssl_teach.exercises.bank.patch_position import NUMBERINGS, PAIRS, patch_pair
from ssl_teach.exercises.bank.rotation import TURNS, rotation_batch
from ssl_teach.exercises.bank.super_resolution import SIGNALS, psnr
from ssl_teach.pretext.inpainting import reconstruction_loss
from ssl_teach.pretext.rotation import rotate

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything, in_form

# rotation-batch


def turns_by_flips(form):
    def one(image, turns):
        for _ in range(turns):
            image = image.mT.flip(2) if form.clockwise else image.mT.flip(1)
        return image

    def rotation_batch(images):
        pairs = [(i, y) for i in range(len(images)) for y in range(form.classes)]
        if not form.by_picture:
            pairs.sort(key=lambda pair: pair[1])
        copies = [one(images[i], form.turns[y]) for i, y in pairs]
        return torch.stack(copies), [y for _, y in pairs]

    return rotation_batch


def turns_by_numpy(form):
    def rotation_batch(images):
        axes = (3, 2) if form.clockwise else (2, 3)
        copies = [np.rot90(images.numpy(), k, axes).copy() for k in form.turns]
        K, (N, *rest) = form.classes, images.shape
        labels = np.arange(K)
        if form.by_picture:
            return np.stack(copies, 1).reshape(K * N, *rest), np.tile(labels, N)
        return np.concatenate(copies), np.repeat(labels, N)

    return rotation_batch


@pytest.mark.parametrize("form, asked", everything(TURNS, rotation_batch))
def test_rotation_accepts(form, asked):
    assert_right(asked, turns_by_flips(form))
    assert_right(asked, turns_by_numpy(form))


@pytest.mark.parametrize("form, asked", everything(TURNS, rotation_batch))
def test_rotation_refuses_every_other_form(form, asked):
    for other in TURNS:
        if other != form:
            words = {"value": "copy number", "shape": "one for each turn"}
            if sorted(other.turns) != sorted(form.turns) and len(other.turns) == len(form.turns):
                words["value"] = "is there"
            kind = "value" if len(other.turns) == len(form.turns) else "shape"
            clock = other.clockwise != form.clockwise
            if clock and {-k % 4 for k in form.turns} != set(form.turns):
                words["value"] = "is there"
            assert_wrong(asked, Bad(turns_by_flips(other), kind, words[kind]))


def four(images):
    return [torch.rot90(images, k, (2, 3)) for k in range(4)]


def in_place(images):
    copies = torch.cat(four(images))
    images.zero_()
    return copies, torch.arange(4).repeat_interleave(len(images))


ROTATION_WRONG = [
    Bad(lambda x: (torch.cat(four(x)), torch.arange(4).repeat(len(x))), "value", "the label"),
    Bad(
        lambda x: (torch.cat([x, x.mT, x.flip(2), x.flip(3)]), torch.arange(4).repeat(len(x))),
        "value",
        "mirrored",
    ),
    Bad(
        lambda x: (torch.cat([x] * 4), torch.arange(4).repeat_interleave(len(x))),
        "value",
        "is there 4 times",
    ),
    Bad(
        lambda x: (torch.cat(four(x)), torch.arange(1, 5).repeat_interleave(len(x))),
        "value",
        "has the label 1",
    ),
    Bad(
        lambda x: (torch.stack(four(x), 1).flatten(0, 1), torch.arange(4).repeat(len(x))),
        "value",
        "the other of the two orders",
    ),
    Bad(
        lambda x: (torch.cat(four(x)) * 0.99, torch.arange(4).repeat_interleave(len(x))),
        "value",
        "does not consist of the pixels",
    ),
    Bad(
        lambda x: (torch.cat(four(x.flip(0))), torch.arange(4).repeat_interleave(len(x))),
        "value",
        "copy number 0 is picture 2",
    ),
    Bad(
        lambda x: (torch.cat(four(x.flip(1))), torch.arange(4).repeat_interleave(len(x))),
        "value",
        "channels",
    ),
    Bad(
        lambda x: (torch.cat(four(x)), torch.arange(4.0).repeat_interleave(len(x))),
        "type",
        "whole numbers",
    ),
    Bad(lambda x: (torch.stack(four(x)), torch.arange(4)), "shape", "expected (12, 2, 4, 4)"),
    Bad(lambda x: torch.cat(four(x)), "type", "expected 2: images, labels"),
    Bad(
        lambda x: (torch.cat([torch.rot90(x, k) for k in range(4)]), torch.arange(4)),
        "exception",
        "RuntimeError",
    ),
    Bad(in_place, "changed input", "argument number 1"),
    Bad(
        lambda x: (
            torch.cat([rotate(x, k) for k in range(4)]),
            torch.arange(4).repeat_interleave(len(x)),
        ),
        "borrowed",
        "rotate",
    ),
]


@pytest.mark.parametrize("bad", ROTATION_WRONG)
def test_rotation_refuses(bad):
    assert_wrong(exercise("rotation-batch"), bad)


# patch-pair


def cells_of(form):
    return NUMBERINGS[form.numbering]


def pair_by_unfolding(form, cells=None, swapped=False, same=False, gap_at=1, ahead=0):
    cells = cells or cells_of(form)

    def patch_pair(image, place, patch, measure, offsets):
        step = measure if form.step else patch + gap_at * measure
        windows = image.unfold(1, patch, 1).unfold(2, patch, 1)  # (C, rows, columns, p, p)
        (a, b), (c, d) = (offsets[0], offsets[0]) if same else offsets
        if swapped:
            (a, b), (c, d) = (b, a), (d, c)
        row, column = cells[place]
        centre = windows[:, step + ahead + a, step + ahead + b]
        return centre, windows[:, row * step + ahead + c, column * step + ahead + d]

    return patch_pair


def pair_by_rolling(form):
    def patch_pair(image, place, patch, measure, offsets):
        step = measure if form.step else patch + measure
        cut = []
        for (i, j), (down, right) in zip([(1, 1), cells_of(form)[place]], offsets, strict=True):
            moved = image.roll((-(i * step + down), -(j * step + right)), dims=(1, 2))
            cut.append(moved[:, :patch, :patch].numpy())
        return np.stack(cut)

    return patch_pair


@pytest.mark.parametrize("form, asked", everything(PAIRS, patch_pair))
def test_pairs_accepts(form, asked):
    assert_right(asked, pair_by_unfolding(form))
    assert_right(asked, pair_by_rolling(form))


@pytest.mark.parametrize("form, asked", everything(PAIRS, patch_pair))
def test_pairs_refuses_other_numberings(form, asked):
    for name, cells in NUMBERINGS.items():
        if name != form.numbering:
            other = pair_by_unfolding(form, cells)
            assert_wrong(asked, Bad(other, "value", "the numbering is another one in use"))
    with_centre = [(k // 3, k % 3) for k in range(9)]
    assert_wrong(asked, Bad(pair_by_unfolding(form, with_centre), "value", "the second patch lies"))


@pytest.mark.parametrize("form, asked", everything(PAIRS, patch_pair))
def test_pairs_refuses(form, asked):
    right = pair_by_unfolding(form)
    wrong = [
        Bad(lambda *given: tuple(reversed(right(*given))), "value", "and the second does not"),
        Bad(pair_by_unfolding(form, swapped=True), "value", "the patches moved by"),
        Bad(pair_by_unfolding(form, same=True), "value", "the patches moved by"),
        Bad(lambda *given: right(*given)[0], "shape", "two patches"),
        Bad(lambda *given: torch.stack(right(*given)).mT, "value", "pixel for pixel"),
        Bad(lambda *given: torch.stack(right(*given)).flip(2), "value", "pixel for pixel"),
        Bad(lambda *given: torch.stack(right(*given)) / 2, "value", "pixel for pixel"),
        Bad(lambda *given: torch.stack(right(*given)) * math.nan, "value", "pixel for pixel"),
        Bad(pair_by_unfolding(form, ahead=-1), "value", "the first one begins in row 5"),
        Bad(lambda *given: ["a", "b"], "type", "not a tensor"),
    ]
    if not form.step:
        wrong += [
            Bad(pair_by_unfolding(form, gap_at=0), "value", "the first one begins in row 4"),
            Bad(
                lambda *g: right(*g[:3], min(g[3], 2), g[4]), "value", "and a gap of 5, there are 2"
            ),
        ]
    else:
        wrong += [
            Bad(lambda i, t, p, s, o: right(i, t, p, p + s, o), "exception", "out of"),
            Bad(lambda i, t, p, s, o: right(i, t, p, p, o), "value", "begins in row 4"),
        ]
    for bad in wrong:
        assert_wrong(asked, bad)


# permutation-set


@functools.cache
def every_order(tiles):
    return np.array(list(itertools.permutations(range(tiles))), dtype=np.uint8)


def set_of_all(form):
    """Greedy among all orders, of which nine tiles have many: numpy."""

    def permutation_set(count, generator):
        table = every_order(form.tiles)
        table = table[torch.randperm(len(table), generator=generator).numpy()]
        score = np.zeros(len(table)) if form.mean else np.full(len(table), 99.0)
        chosen = [] if not form.apart else [np.arange(form.tiles)]
        while len(chosen) < count + form.apart:
            if chosen:
                distance = (table != chosen[-1]).sum(axis=1)
                score = score + distance if form.mean else np.minimum(score, distance)
                score[distance == 0] = -math.inf
            chosen.append(table[score.argmax()])
        return np.array(chosen[form.apart :]).astype(np.int64)

    return permutation_set


def set_by_refusing(form):
    """Draw until it fits, and ask for less when that takes too long: no table at all."""

    def permutation_set(count, generator):
        chosen = [np.arange(form.tiles)] if form.apart else []
        while len(chosen) < count + form.apart:
            best, best_score = None, -1.0
            for _ in range(150):
                one = torch.randperm(form.tiles, generator=generator).numpy()
                distances = (np.array(chosen) != one).sum(axis=1) if chosen else np.array([9])
                score = distances.mean() if form.mean else distances.min()
                if score > best_score and distances.min() > 0:
                    best, best_score = one, score
            chosen.append(best)
        return [row.tolist() for row in chosen[form.apart :]]

    return permutation_set


@pytest.mark.parametrize("form, asked", everything(FAR, permutation_set))
def test_permutations_accepts(form, asked):
    assert_right(asked, set_of_all(form))
    assert_right(asked, set_by_refusing(form))


def draw_some(tiles, count, generator):
    return torch.stack([torch.randperm(tiles, generator=generator) for _ in range(count)])


def by_last(form, count, generator):
    """Far from the one before, and from no other."""
    table = draw_some(form.tiles, 400, generator).unique(dim=0)
    chosen = [0]
    while len(chosen) < count:
        distance = (table != table[chosen[-1]]).sum(1)
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return table[chosen]


@pytest.mark.parametrize("form, asked", everything(FAR, permutation_set))
def test_permutations_refuses(form, asked):
    T = form.tiles

    def shuffled(count, generator):
        random.seed(int(torch.randint(100, (1,), generator=generator)))
        return [random.sample(range(T), T) for _ in range(count)]

    def global_source(count, generator):
        torch.manual_seed(int(torch.randint(100, (1,), generator=generator)))
        return set_by_refusing(form)(count, torch.default_generator)

    wrong = [
        Bad(shuffled, "value", "distance is" if T == 9 else "more than once"),
        Bad(
            lambda n, g: torch.tensor(list(itertools.islice(itertools.permutations(range(T)), n))),
            "value",
            "nothing is shuffled" if form.apart else "distance is",
        ),
        Bad(lambda n, g: draw_some(T, n, g) + 1, "value", "no order of 0"),
        Bad(lambda n, g: torch.randint(T, (n, T), generator=g), "value", "no order of 0"),
        Bad(lambda n, g: draw_some(T, 1, g).expand(n, T), "value", "more than once"),
        Bad(lambda n, g: draw_some(T, n, g).T, "shape", "one permutation a row"),
        Bad(lambda n, g: draw_some(T, n, g).float(), "type", "whole numbers"),
        Bad(lambda n, g: by_last(form, n, g), "value", ""),
        Bad(global_source, "value", "torch's own source"),
        Bad(
            lambda n, g: set_by_refusing(form)(
                n, torch.Generator().manual_seed(random.getrandbits(40))
            ),
            "value",
            "two generators with the same seed",
        ),
    ]
    if form.apart:

        def with_start(count, generator):
            return [list(range(T)), *set_by_refusing(form)(count, generator)[: count - 1]]

        wrong.append(Bad(with_start, "value", "nothing is shuffled"))
    for bad in wrong:
        assert_wrong(asked, bad)


def test_permutations_by_the_mean_do_not_pass_for_the_smallest_distance():
    assert_wrong(
        exercise("permutation-set"), Bad(set_by_refusing(FAR[1]), "value", "the smallest distance")
    )
    asked = in_form(permutation_set, FAR[1])
    assert_wrong(asked, Bad(set_by_refusing(FAR[0]), "value", "the mean distance"))


# masked-l2


def holes_by_loop(form):
    def masked_l2(made, true, mask, border=None):
        B, C = made.shape[:2]
        losses, total, count = [], 0.0, 0.0
        for b in range(B):
            mine, weighed = 0.0, 0.0
            for i, j in mask[b, 0].nonzero().tolist():
                k = form.border if border is not None and border[b, 0, i, j] else 1
                square = ((made[b, :, i, j] - true[b, :, i, j]) ** 2).sum()
                mine = mine + k * square / (1 if form.summed else C)
                weighed += k
            losses.append(mine / weighed if weighed else 0 * made.sum())
            total, count = total + mine, count + weighed
        if form.per_picture:
            return sum(losses) / B
        return total / count if count else 0 * made.sum()

    return masked_l2


def holes_by_picking(form):
    def masked_l2(made, true, mask, border=None):
        squared = ((made - true) ** 2).sum(1, keepdim=True) / (1 if form.summed else made.shape[1])
        weight = mask.to(made) if border is None else mask * (1 + (form.border - 1) * border)
        if not form.per_picture:
            picked, weight = squared[mask], weight[mask]
            return torch.nan_to_num((picked * weight).sum() / weight.sum())
        dims = (1, 2, 3)
        mean = (squared * weight).sum(dims) / torch.where(
            weight.sum(dims) > 0, weight.sum(dims), 1.0
        )
        return mean.mean()

    return masked_l2


@pytest.mark.parametrize("form, asked", everything(HOLES, masked_l2))
def test_holes_accepts(form, asked):
    assert_right(asked, holes_by_loop(form))
    assert_right(asked, holes_by_picking(form))


@pytest.mark.parametrize("form, asked", everything(HOLES, masked_l2))
def test_holes_refuses(form, asked):
    right = holes_by_loop(form)

    def unnormalised(made, true, mask, *border):
        return ((made - true) ** 2 * mask).sum()

    def all_pixels(made, true, mask, *border):
        return ((made - true) ** 2 * mask).mean()

    def no_channels(made, true, mask, *border):
        loss = right(made, true, mask, *border)
        return loss / made.shape[1] if form.summed else loss * made.shape[1]

    def cancels(made, true, mask, *border):
        loss = right(made.mean(1, keepdim=True), true.mean(1, keepdim=True), mask, *border)
        return loss * (made.shape[1] if form.summed else 1)

    wrong = [
        Bad(unnormalised, "value", "each missing number off by"),
        Bad(all_pixels, "value", "each missing number off by"),
        Bad(no_channels, "value", "each missing number off by"),
        Bad(cancels, "value", "too high"),
        Bad(lambda m, t, k, *b: right(m, t, ~k, *b), "value", "wrong everywhere else"),
        Bad(lambda m, t, k, *b: ((m - t) ** 2).mean(), "value", "wrong everywhere else"),
        Bad(lambda m, t, k, *b: right(m.detach(), t, k, *b), "value", "no gradient"),
        Bad(lambda m, t, k, *b: right(m, t, k, *b).item(), "value", "no gradient"),
        Bad(lambda m, t, k, *b: ((m - t) ** 2 * k).mean(dim=1), "shape", "expected ()"),
        Bad(lambda m, t, k, *b: m[k], "exception", "IndexError"),
        Bad(lambda m, t, k, *b: right(m, t, k, *b) ** 0.5, "value", "each missing number off by"),
        Bad(lambda m, t, k, *b: m.sub_(t) ** 2, "changed input", "argument number 1"),
        Bad(lambda m, t, k, *b: reconstruction_loss(m, t, k), "borrowed", "reconstruction_loss"),
    ]
    for bad in wrong:
        assert_wrong(asked, bad)
    if not form.border > 1:
        other = next(f for f in HOLES if f.border == 1 and f.summed == form.summed and f != form)
        assert_wrong(asked, Bad(holes_by_loop(other), "value", "weighs"))

    def nan(made, true, mask, *border):
        loss = right(made, true, mask, *border)
        return loss if mask.any() else loss * math.nan

    assert_wrong(asked, Bad(nan, "value", "it gives nan"))


@pytest.mark.parametrize("form, asked", everything([f for f in HOLES if f.border > 1], masked_l2))
def test_borders_refuses(form, asked):
    def ignored(made, true, mask, border):
        return holes_by_loop(form)(made, true, mask, torch.zeros_like(mask))

    def on_top_only(made, true, mask, border):
        loss = holes_by_loop(form)(made, true, mask, border)
        weight = (mask * (1 + (form.border - 1) * border)).sum((1, 2, 3))
        return loss * (weight / mask.sum((1, 2, 3)).clamp(min=1)).mean()

    def known_too(made, true, mask, border):
        weight = mask + form.border * border
        return ((made - true) ** 2 * weight).sum() / (weight.sum() * made.shape[1]).clamp(min=1)

    for bad in (
        Bad(ignored, "value", "at the border"),
        Bad(on_top_only, "value", "at the border"),
        Bad(known_too, "value", "wrong everywhere else"),
    ):
        assert_wrong(asked, bad)


# psnr


def psnr_by_skimage(form):
    def psnr(made, true):
        with np.errstate(divide="ignore"):
            if form.together:
                return peak_signal_noise_ratio(true.numpy(), made.numpy(), data_range=form.span)
            pairs = zip(true.numpy(), made.numpy(), strict=True)
            values = [peak_signal_noise_ratio(t, m, data_range=form.span) for t, m in pairs]
            return np.mean(values)

    return psnr


def psnr_by_hand(form):
    def one(made, true):
        values = [float(a - b) ** 2 for a, b in zip(made, true, strict=True)]
        error = sum(values) / len(values)
        return 20 * math.log10(form.span / math.sqrt(error)) if error else math.inf

    def psnr(made, true):
        made, true = made.double(), true.double()
        if form.together:
            return one(made.flatten(), true.flatten())
        values = [one(m.flatten(), t.flatten()) for m, t in zip(made, true, strict=True)]
        return sum(values) / len(values)

    return psnr


@pytest.mark.parametrize("form, asked", everything(SIGNALS, psnr))
def test_psnr_accepts(form, asked):
    assert_right(asked, psnr_by_skimage(form))
    assert_right(asked, psnr_by_hand(form))


@pytest.mark.parametrize("form, asked", everything(SIGNALS, psnr))
def test_psnr_refuses(form, asked):
    right = psnr_by_hand(form)
    other = next(f for f in SIGNALS if f.span == form.span and f.together != form.together)
    wrong = [
        Bad(psnr_by_hand(other), "value", "one off by a 5th"),
        Bad(lambda m, t: right(m, t) / math.log10(math.e), "value", "each pixel off by"),
        Bad(lambda m, t: 2 * right(m, t), "value", "each pixel off by"),
        Bad(lambda m, t: -right(m, t), "value", "each pixel off by"),
        Bad(lambda m, t: min(right(m, t), 100.0), "value", "compared with itself, it gives 100"),
        Bad(
            lambda m, t: (
                20 * math.log10(form.span / float((m.double() - t.double()).abs().mean()))
                if not torch.equal(m, t)
                else math.inf
            ),
            "value",
            "one of its two channels off",
        ),
        Bad(
            lambda m, t: 10 / math.log(10) * math.log(form.span**2 / ((m - t).double() ** 2).sum()),
            "value",
            "each pixel off by",
        ),
        Bad(lambda m, t: (m.double() - t.double()) ** 2, "shape", "expected ()"),
        Bad(lambda m, t: f"{right(m, t)} dB", "type", "dB"),
        Bad(lambda m, t: int(right(m, t)), "type", "real numbers"),
    ]
    if form.span != 1:
        wrong.append(
            Bad(lambda m, t: right(m, t) - 20 * math.log10(form.span), "value", "each pixel off by")
        )
    if form.span == 255:
        wrong.append(
            Bad(
                lambda m, t: 20 * math.log10(255) - 10 * math.log10(((m - t).double() ** 2).mean()),
                "value",
                "exchanged",
            )
        )
    else:
        wrong.append(
            Bad(
                lambda m, t: 10 * math.log10(form.span**2 / float(((m - t) ** 2).mean())),
                "value" if not form.together else "exception",
                "one off by a 5th" if not form.together else "ZeroDivisionError",
            )
        )
    for bad in wrong:
        assert_wrong(asked, bad)
