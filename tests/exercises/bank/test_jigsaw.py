"""Lesson 6: right answers pass, however written; wrong ones fail for their own reason."""

import functools
import itertools
import math
import random

import numpy as np
import pytest
import torch

from ssl_teach.exercises import exercise
from ssl_teach.exercises.bank.jigsaw import PERMUTATION_SET_FORMS, permutation_set

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything, in_form

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


@pytest.mark.parametrize("form, asked", everything(PERMUTATION_SET_FORMS, permutation_set))
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


@pytest.mark.parametrize("form, asked", everything(PERMUTATION_SET_FORMS, permutation_set))
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
            "the unshuffled order is among them" if form.apart else "distance is",
        ),
        Bad(lambda n, g: draw_some(T, n, g) + 1, "value", "not a permutation of 0"),
        Bad(lambda n, g: torch.randint(T, (n, T), generator=g), "value", "not a permutation of 0"),
        Bad(lambda n, g: draw_some(T, 1, g).expand(n, T), "value", "more than once"),
        Bad(lambda n, g: draw_some(T, n, g).T, "shape", "one permutation in each row"),
        Bad(lambda n, g: draw_some(T, n, g).float(), "type", "whole numbers"),
        Bad(lambda n, g: by_last(form, n, g), "value", ""),
        Bad(global_source, "value", "torch's global random generator"),
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

        wrong.append(Bad(with_start, "value", "the unshuffled order is among them"))
    for bad in wrong:
        assert_wrong(asked, bad)


def test_permutations_by_the_mean_do_not_pass_for_the_smallest_distance():
    assert_wrong(
        exercise("permutation-set"),
        Bad(set_by_refusing(PERMUTATION_SET_FORMS[1]), "value", "the smallest distance"),
    )
    asked = in_form(permutation_set, PERMUTATION_SET_FORMS[1])
    assert_wrong(
        asked, Bad(set_by_refusing(PERMUTATION_SET_FORMS[0]), "value", "the mean distance")
    )
