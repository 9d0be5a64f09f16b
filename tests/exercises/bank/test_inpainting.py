"""Lesson 7: right answers pass, however written; wrong ones fail for their own reason."""

import math

import pytest
import torch

from ssl_teach.exercises.bank.inpainting import MASKED_L2_FORMS, masked_l2
from ssl_teach.tasks.inpainting import reconstruction_loss

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything

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
        if form.per_image:
            return sum(losses) / B
        return total / count if count else 0 * made.sum()

    return masked_l2


def holes_by_picking(form):
    def masked_l2(made, true, mask, border=None):
        squared = ((made - true) ** 2).sum(1, keepdim=True) / (1 if form.summed else made.shape[1])
        weight = mask.to(made) if border is None else mask * (1 + (form.border - 1) * border)
        if not form.per_image:
            picked, weight = squared[mask], weight[mask]
            return torch.nan_to_num((picked * weight).sum() / weight.sum())
        dims = (1, 2, 3)
        mean = (squared * weight).sum(dims) / torch.where(
            weight.sum(dims) > 0, weight.sum(dims), 1.0
        )
        return mean.mean()

    return masked_l2


@pytest.mark.parametrize("form, asked", everything(MASKED_L2_FORMS, masked_l2))
def test_holes_accepts(form, asked):
    assert_right(asked, holes_by_loop(form))
    assert_right(asked, holes_by_picking(form))


@pytest.mark.parametrize("form, asked", everything(MASKED_L2_FORMS, masked_l2))
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
        Bad(unnormalised, "value", "each missing value off by"),
        Bad(all_pixels, "value", "each missing value off by"),
        Bad(no_channels, "value", "each missing value off by"),
        Bad(cancels, "value", "too high"),
        Bad(lambda m, t, k, *b: right(m, t, ~k, *b), "value", "wrong everywhere else"),
        Bad(lambda m, t, k, *b: ((m - t) ** 2).mean(), "value", "wrong everywhere else"),
        Bad(lambda m, t, k, *b: right(m.detach(), t, k, *b), "value", "no gradient"),
        Bad(lambda m, t, k, *b: right(m, t, k, *b).item(), "value", "no gradient"),
        Bad(lambda m, t, k, *b: ((m - t) ** 2 * k).mean(dim=1), "shape", "expected ()"),
        Bad(lambda m, t, k, *b: m[k], "exception", "IndexError"),
        Bad(lambda m, t, k, *b: right(m, t, k, *b) ** 0.5, "value", "each missing value off by"),
        Bad(lambda m, t, k, *b: m.sub_(t) ** 2, "changed input", "argument number 1"),
        Bad(lambda m, t, k, *b: reconstruction_loss(m, t, k), "borrowed", "reconstruction_loss"),
    ]
    for bad in wrong:
        assert_wrong(asked, bad)
    if not form.border > 1:
        other = next(
            f for f in MASKED_L2_FORMS if f.border == 1 and f.summed == form.summed and f != form
        )
        assert_wrong(asked, Bad(holes_by_loop(other), "value", "requested weights"))

    def nan(made, true, mask, *border):
        loss = right(made, true, mask, *border)
        return loss if mask.any() else loss * math.nan

    assert_wrong(asked, Bad(nan, "value", "it gives nan"))


@pytest.mark.parametrize(
    "form, asked", everything([f for f in MASKED_L2_FORMS if f.border > 1], masked_l2)
)
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
