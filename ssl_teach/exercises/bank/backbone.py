"""Exercise on frozen encoders: a backbone that thaws (lesson 3)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ssl_teach.exercises.bank.self_supervised_learning import (
    LESSON,
    Notes,
    require_unmoved,
    saved,
    small_encoder,
)
from ssl_teach.exercises.checks.harness import Wrong, call, describe, require, seeded, tensor_like
from ssl_teach.exercises.core import Exercise, Property, Variant

Answer = Callable[..., Any]

BACKBONES = {
    "attribute": (
        "    backbone.eval()\n    backbone.requires_grad = False\n",
        "    backbone.eval()\n    backbone.requires_grad_(False)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
    "biases": (
        "    backbone.eval()\n    for name, parameter in backbone.named_parameters():\n"
        '        if name.endswith("weight"):\n            parameter.requires_grad_(False)\n',
        "    backbone.eval()\n    backbone.requires_grad_(False)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
    "no grad": (
        "    backbone.requires_grad_(False)\n    with torch.no_grad():\n"
        "        features = backbone(images)\n",
        "    backbone.requires_grad_(False)\n    backbone.eval()\n    with torch.no_grad():\n"
        "        features = backbone(images)\n",
        "    optimizer = torch.optim.AdamW(head.parameters(), lr=0.05)\n",
        "logits = head(features)",
    ),
    "copy": (
        "    frozen = copy.deepcopy(backbone).requires_grad_(False)\n    frozen.eval()\n"
        "    backbone.eval()\n",
        "    frozen = copy.deepcopy(backbone).requires_grad_(False)\n    frozen.eval()\n"
        "    model = torch.nn.Sequential(frozen, head)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
}
"""Of each bug: the lines that mean to freeze, with the bug and mended; optimiser; pass."""


class Backbone:
    """Data and network for the head that is to be trained on a frozen backbone."""

    def __init__(self) -> None:
        """Three kinds of pictures that differ in their brightness and in their slope."""
        # torch's first optimiser imports its compiler: not within the time of an answer
        torch.optim.SGD([torch.zeros(1)])
        self.backbone = small_encoder()
        self.labels = torch.arange(3).repeat(10)
        kind = self.labels.view(-1, 1, 1, 1)
        slope = torch.linspace(-1, 1, 5) * (kind - 1)
        noise = 0.3 * torch.rand(30, 1, 5, 5, generator=seeded(4))
        self.images = noise + slope + 0.7 * (kind == 1)

    def ask(self, answer: Answer, steps: int) -> nn.Module:
        """The head that the answer trains."""
        on = f"30 pictures of 3 kinds and {steps} steps"
        state = torch.get_rng_state()
        torch.manual_seed(0)
        try:
            head = call(
                answer,
                *(self.backbone, 6, self.images, self.labels, steps),
                seconds=6,
                on=on,
                may_change=(0,),
            )
        finally:
            torch.set_rng_state(state)
        if not isinstance(head, nn.Module):
            raise Wrong("type", f"on {on}, it gave {describe(head)}, not the head")
        try:
            with torch.no_grad():
                scores = head(torch.zeros(2, 6))
        except RuntimeError as error:
            raise Wrong("type", f"the head does not take features (2, 6): {error}") from None
        tensor_like(scores, (2, 3), on="the head of features (2, 6)", names="scores of 3 classes")
        return head

    def loss(self, head: nn.Module) -> float:
        """Cross-entropy of the head on frozen features."""
        with torch.no_grad():
            h = copy.deepcopy(self.backbone).eval()(self.images)
            return float(nn.functional.cross_entropy(head.eval()(h), self.labels))


def _a_head(answer: Answer) -> None:
    Backbone().ask(answer, 2)


def _weights_stay(answer: Answer) -> None:
    for mode in (True, False):
        made = Backbone()
        made.backbone.train(mode)
        before = saved(made.backbone)
        made.ask(answer, 5)
        require_unmoved(before, made.backbone, weights=True)


def _statistics_stay(answer: Answer) -> None:
    for mode in (True, False):
        made = Backbone()
        made.backbone.train(mode)
        before = saved(made.backbone)
        made.ask(answer, 5)
        require_unmoved(before, made.backbone, weights=False)


def _looks_frozen(answer: Answer) -> None:
    made = Backbone()
    notes = [Notes(each) for each in made.backbone if not list(each.children())]
    made.ask(answer, 5)
    require(
        not any(any(each.training) for each in notes),
        "while the head learns, parts of the backbone are in training mode",
        "what will the head be given when it is used?",
    )


def _head_learns(answer: Answer) -> None:
    made = Backbone()
    before = saved(made.backbone)
    first, last = (made.loss(made.ask(answer, steps)) for steps in (1, 150))
    made.backbone.load_state_dict(before)
    require(
        last < min(0.7, first),
        f"on the features of evaluation mode the head has a loss of {first:.2f} after 1 step and "
        f"of {last:.2f} after 150",
        "does the optimiser hold the head, and does a gradient reach it?",
    )


def unfrozen_backbone(variant: Variant) -> Exercise:
    """A linear probe that trains the backbone, or moves its statistics."""
    bug = variant.choose("bug of the backbone", tuple(BACKBONES))
    wrong, right, optimizer, logits = BACKBONES[bug]

    def code(freeze: str, with_model: bool) -> str:
        model = "    model = torch.nn.Sequential(backbone, head)\n" if with_model else ""
        head = "" if bug != "copy" else "import copy\n\n\n"
        return f'''{head}def train_head(backbone, width, images, labels, steps):
    """A linear head on D = width frozen features: pictures (N, …), labels (N,) -> nn.Linear."""
    head = torch.nn.Linear(width, len(labels.unique()))
{model}{freeze}{optimizer}    for _ in range(steps):
        {logits}
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head
'''

    return Exercise(
        key="unfrozen-backbone",
        lesson=LESSON,
        kind="bug",
        title="A backbone that thaws",
        points=4,
        minutes=15,
        objective="find out whether a probe trains what it is to judge, and hold it still",
        statement="""`train_head(backbone, width, images, labels, steps)` is to train a linear \
head on a backbone that stays frozen, and that gives `width` features. No weight and no running \
statistic of it may move, and the head must learn from what the backbone says in evaluation mode. \
It trains, the loss falls, and the accuracy is good. But the backbone is another one afterwards. \
Find out what moves, and mend it in as few lines as you can.""",
        function="train_head",
        starter=code(wrong, bug != "no grad"),
        solution=code(right, bug not in ("no grad", "copy")),
        hints=(
            "Copy `backbone.state_dict()` before (clone each tensor) and compare afterwards: which "
            "names differ?",
            "Three things must be right: which parameters want gradients, which the optimiser "
            "holds, and in which mode the backbone runs.",
        ),
        properties=(
            Property("gives a head that takes features to scores", _a_head),
            Property("moves no weight of the backbone", _weights_stay),
            Property("moves no running statistic of the backbone", _statistics_stay),
            Property("runs the backbone in evaluation mode", _looks_frozen),
            Property("trains the head", _head_learns),
        ),
        mistakes=(
            "Putting statistics back afterwards: the head has then learnt from other features.",
            "Evaluation mode alone: it stops no weight from learning.",
            "No gradients alone: batch norm needs none to move.",
        ),
        discuss="Which of the numbers that one looks at in training would have shown this?",
        form=bug,
    )
