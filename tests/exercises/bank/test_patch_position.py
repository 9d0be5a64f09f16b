"""Lesson 5: right answers pass, however written; wrong ones fail for their own reason."""

import math

import numpy as np
import pytest
import torch

from ssl_teach.exercises.bank.patch_position import NUMBERINGS, PATCH_PAIR_FORMS, patch_pair

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything

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


@pytest.mark.parametrize("form, asked", everything(PATCH_PAIR_FORMS, patch_pair))
def test_pairs_accepts(form, asked):
    assert_right(asked, pair_by_unfolding(form))
    assert_right(asked, pair_by_rolling(form))


@pytest.mark.parametrize("form, asked", everything(PATCH_PAIR_FORMS, patch_pair))
def test_pairs_refuses_other_numberings(form, asked):
    for name, cells in NUMBERINGS.items():
        if name != form.numbering:
            other = pair_by_unfolding(form, cells)
            assert_wrong(asked, Bad(other, "value", "that is another of the usual numberings"))
    with_centre = [(k // 3, k % 3) for k in range(9)]
    assert_wrong(
        asked, Bad(pair_by_unfolding(form, with_centre), "value", "the second patch is here")
    )


@pytest.mark.parametrize("form, asked", everything(PATCH_PAIR_FORMS, patch_pair))
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
        Bad(pair_by_unfolding(form, ahead=-1), "value", "the first patch begins in row 5"),
        Bad(lambda *given: ["a", "b"], "type", "not a tensor"),
    ]
    if not form.step:
        wrong += [
            Bad(pair_by_unfolding(form, gap_at=0), "value", "the first patch begins in row 4"),
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
