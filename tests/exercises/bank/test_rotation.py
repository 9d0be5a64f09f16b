"""Lesson 4: right answers pass, however written; wrong ones fail for their own reason."""

import numpy as np
import pytest
import torch

from ssl_teach.exercises import exercise
from ssl_teach.exercises.bank.rotation import ROTATION_BATCH_FORMS, rotation_batch
from ssl_teach.tasks.rotation import rotate

from ..answers import Bad, assert_right, assert_wrong
from ..forms import everything

# rotation-batch


def turns_by_flips(form):
    def one(image, turns):
        for _ in range(turns):
            image = image.mT.flip(2) if form.clockwise else image.mT.flip(1)
        return image

    def rotation_batch(images):
        pairs = [(i, y) for i in range(len(images)) for y in range(form.classes)]
        if not form.by_image:
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
        if form.by_image:
            return np.stack(copies, 1).reshape(K * N, *rest), np.tile(labels, N)
        return np.concatenate(copies), np.repeat(labels, N)

    return rotation_batch


@pytest.mark.parametrize("form, asked", everything(ROTATION_BATCH_FORMS, rotation_batch))
def test_rotation_accepts(form, asked):
    assert_right(asked, turns_by_flips(form))
    assert_right(asked, turns_by_numpy(form))


@pytest.mark.parametrize("form, asked", everything(ROTATION_BATCH_FORMS, rotation_batch))
def test_rotation_refuses_every_other_form(form, asked):
    for other in ROTATION_BATCH_FORMS:
        if other != form:
            words = {"value": "copy number", "shape": "one for each rotation"}
            if sorted(other.turns) != sorted(form.turns) and len(other.turns) == len(form.turns):
                words["value"] = "appears"
            kind = "value" if len(other.turns) == len(form.turns) else "shape"
            clock = other.clockwise != form.clockwise
            if clock and {-k % 4 for k in form.turns} != set(form.turns):
                words["value"] = "appears"
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
        "appears 4 times",
    ),
    Bad(
        lambda x: (torch.cat(four(x)), torch.arange(1, 5).repeat_interleave(len(x))),
        "value",
        "has the label 1",
    ),
    Bad(
        lambda x: (torch.stack(four(x), 1).flatten(0, 1), torch.arange(4).repeat(len(x))),
        "value",
        "the other of the two usual orders",
    ),
    Bad(
        lambda x: (torch.cat(four(x)) * 0.99, torch.arange(4).repeat_interleave(len(x))),
        "value",
        "does not have the pixels",
    ),
    Bad(
        lambda x: (torch.cat(four(x.flip(0))), torch.arange(4).repeat_interleave(len(x))),
        "value",
        "copy number 0 is image 2",
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
