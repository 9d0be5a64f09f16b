"""Lesson 8: right answers pass, however written; wrong ones fail for their own reason."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from ssl_teach.exercises.bank.super_resolution import PSNR_FORMS, psnr

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything

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


@pytest.mark.parametrize("form, asked", everything(PSNR_FORMS, psnr))
def test_psnr_accepts(form, asked):
    assert_right(asked, psnr_by_skimage(form))
    assert_right(asked, psnr_by_hand(form))


@pytest.mark.parametrize("form, asked", everything(PSNR_FORMS, psnr))
def test_psnr_refuses(form, asked):
    right = psnr_by_hand(form)
    other = next(f for f in PSNR_FORMS if f.span == form.span and f.together != form.together)
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
