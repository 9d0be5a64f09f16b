"""Lesson 1: right answers pass, however written; wrong ones fail for their own reason."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedShuffleSplit

from ssl_teach.exercises.bank.introduction import DRAW_LABELS_FORMS, SIZES, draw_labels

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything, in_form

# draw-labels


def split_off(form, drawn):
    """The parts of a draw of one class."""
    held = max(1, len(drawn) // 5) if form.held else 0
    return drawn[held:], drawn[:held]


def draw_by_one_order(form):
    """One order of all labels; of it the first ones of each class."""

    def draw(labels, budget, generator):
        order = torch.randperm(len(labels), generator=generator).tolist()
        train, val = [], []
        for label in sorted(set(labels.tolist())):
            mine = [place for place in order if labels[place] == label]
            parts = split_off(form, mine[: form.take(budget, len(mine))])
            train, val = train + parts[0], val + parts[1]
        return (torch.tensor(train), torch.tensor(val)) if form.held else train

    return draw


def draw_by_sorting(form):
    """Random keys, sorted within each class: numpy."""

    def draw(labels, budget, generator):
        keys = torch.rand(len(labels), generator=generator).numpy()
        y = labels.numpy()
        train, val = [], []
        for label in np.unique(y):
            mine = np.flatnonzero(y == label)
            mine = mine[np.argsort(keys[mine])][: form.take(budget, len(mine))]
            for part, parts in zip((train, val), split_off(form, mine), strict=True):
                part.append(parts)
        train, val = np.concatenate(train), np.concatenate(val)
        return (train, val) if form.held else train

    return draw


@pytest.mark.parametrize("form, asked", everything(DRAW_LABELS_FORMS, draw_labels))
def test_draws_accepts(form, asked):
    assert_right(asked, draw_by_one_order(form))
    assert_right(asked, draw_by_sorting(form))


@pytest.mark.parametrize("form, asked", everything(DRAW_LABELS_FORMS, draw_labels))
def test_draws_refuses(form, asked):
    right = draw_by_one_order(form)

    def changed(change):
        def draw(labels, budget, generator):
            parts = right(labels, budget, generator)
            return tuple(map(change, parts)) if form.held else change(parts)

        return draw

    def both(part):
        return (part, part[:0]) if form.held else part

    def from_all(labels, budget, generator):
        count = sum(form.take(budget, size) for size in SIZES)
        return both(torch.randperm(len(labels), generator=generator)[:count])

    def first(labels, budget, generator):
        mine = [(labels == k).nonzero().flatten() for k in range(3)]
        parts = [split_off(form, each[: form.take(budget, len(each))]) for each in mine]
        train, val = (torch.cat([each[k] for each in parts]) for k in (0, 1))
        return (train, val) if form.held else train

    def twice(labels, budget, generator):
        mine = [(labels == k).nonzero().flatten() for k in range(3)]
        drawn = [
            each[torch.randint(len(each), (form.take(budget, len(each)),), generator=generator)]
            for each in mine
        ]
        return both(torch.cat(drawn))

    def seeds_torch(labels, budget, generator):
        torch.manual_seed(int(torch.randint(99, (1,), generator=generator)))
        return right(labels, budget, torch.default_generator)

    def unseeded(labels, budget, generator):
        return right(labels, budget, torch.Generator().manual_seed(int(np.random.randint(10**9))))

    wrong = [
        Bad(from_all, "value", "it draws"),
        Bad(first, "value", "in 60 draws"),
        Bad(twice, "value", "the same label twice"),
        Bad(seeds_torch, "value", "torch's global random generator"),
        Bad(unseeded, "value", "two generators with the same seed"),
        Bad(changed(lambda part: [(place + 1) % 62 for place in list(part)]), "value", "it draws"),
        Bad(
            changed(lambda part: [place + 100 for place in list(part)]),
            "value",
            "which does not exist",
        ),
        Bad(changed(lambda part: list(part)[1:]), "value", "it draws"),
        Bad(changed(lambda part: torch.as_tensor(part).float()), "type", "whole numbers"),
        Bad(changed(lambda part: torch.as_tensor(part)[:, None]), "shape", "indices of the"),
        Bad(lambda labels, budget, generator: 3, "type" if form.held else "shape", ""),
        Bad(lambda labels, budget, generator: labels[budget:generator], "exception", "TypeError"),
    ]
    for bad in wrong:
        assert_wrong(asked, bad)


def test_draws_know_one_form_from_another():
    without, held, nested = (in_form(draw_labels, DRAW_LABELS_FORMS[k]) for k in (0, 2, 3))
    assert_wrong(without, Bad(draw_by_sorting(DRAW_LABELS_FORMS[2]), "type", "not a tensor"))
    assert_wrong(held, Bad(draw_by_sorting(DRAW_LABELS_FORMS[0]), "type", "training, validation"))

    def not_nested(labels, budget, generator):
        torch.rand(budget, generator=generator)  # what comes first depends on the budget
        return draw_by_sorting(DRAW_LABELS_FORMS[3])(labels, budget, generator)

    assert_right(without, not_nested)
    assert_wrong(nested, Bad(not_nested, "value", "are not among those drawn with 7"))

    def overlapping(labels, budget, generator):
        train, val = draw_by_sorting(DRAW_LABELS_FORMS[2])(labels, budget, generator)
        return np.concatenate([train, val]), val

    assert_wrong(held, Bad(overlapping, "value", "the same label twice"))


def test_a_draw_by_a_library_passes():
    def draw(labels, share, generator):
        seed = int(torch.randint(10**6, (1,), generator=generator))
        found = []
        for label in labels.unique():
            mine = (labels == label).nonzero().flatten().numpy()
            take = max(1, round(share * len(mine)))
            split = StratifiedShuffleSplit(1, train_size=take, test_size=None, random_state=seed)
            found.extend(mine[next(split.split(mine, np.zeros(len(mine))))[0]])
        return torch.tensor(found)

    assert_right(in_form(draw_labels, DRAW_LABELS_FORMS[1]), draw)
