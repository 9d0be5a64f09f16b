"""Lesson 1: a budget of labels, drawn class by class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    Answer,
    call,
    expect_tensor,
    make_generator,
    require,
    unpack_result,
)
from ssl_teach.exercises.core import Exercise, Property, Variant

SIZES = (30, 18, 14)
"""Sizes of the classes in the checks."""


@dataclass(frozen=True)
class DrawLabels:
    """A form of the exercise, with its checks.

    Attributes:
        share: whether to draw a fraction of each class; otherwise a number of labels per class.
        held: whether a fifth of the labels drawn, at least one, is returned for validation.
        nested: whether a larger draw with the same seed must contain the smaller one.
    """

    share: bool
    held: bool
    nested: bool

    @property
    def budget(self) -> str:
        """Name of the second argument of the answer."""
        return "share" if self.share else "per_class"

    def take(self, budget: float, size: int) -> int:
        """The number of labels to draw from a class of this size."""
        return max(1, round(budget * size)) if self.share else int(budget)

    def share_of(self, part: str, budget: float) -> list[int]:
        """The number of labels of each class that belong to a part."""
        taken = [self.take(budget, size) for size in SIZES]
        if not self.held:
            return taken
        fifths = [max(1, count // 5) for count in taken]
        if part == "validation":
            return fifths
        return [count - fifth for count, fifth in zip(taken, fifths, strict=True)]

    def budgets(self) -> tuple[float, float]:
        """A small budget and a larger one."""
        return (0.03, 0.45) if self.share else (3, 7)

    def run(self, answer: Answer, labels: Tensor, budget: float, seed: int = 0) -> list[list[int]]:
        """The parts that the answer draws, as lists of indices."""
        on = f"{len(labels)} labels, {self.budget} {budget}"
        result = call(answer, labels, budget, make_generator(seed), on=on)
        names = ("training", "validation") if self.held else ("drawn",)
        parts = unpack_result(result, names, on=on) if self.held else (result,)
        found = []
        for name, part in zip(names, parts, strict=True):
            shape = getattr(part, "shape", [len(part)] if isinstance(part, (list, tuple)) else [])
            empty = tuple(shape) == (0,)  # an empty list has no element type
            places = expect_tensor(
                torch.zeros(0, dtype=torch.long) if empty else part,
                tuple(shape) if len(shape) == 1 else (sum(self.share_of(name, budget)),),
                on=on,
                whole=True,
                names=f"indices of the {name} labels",
            ).tolist()
            outside = [place for place in places if not 0 <= place < len(labels)]
            require(not outside, f"on {on}, it gives the index {outside[:1]}, which does not exist")
            found.append(places)
        return found

    def all_of(self, answer: Answer, labels: Tensor, budget: float, seed: int = 0) -> list[int]:
        """All indices that are drawn, including those for validation."""
        return [place for part in self.run(answer, labels, budget, seed) for place in part]

    @staticmethod
    def labels() -> Tensor:
        """Shuffled labels of three classes."""
        labels = torch.tensor([label for label, size in enumerate(SIZES) for _ in range(size)])
        return labels[torch.randperm(len(labels), generator=make_generator(1))]

    def places(self, answer: Answer) -> None:
        """The answer gives indices of labels, without repetition."""
        for budget in self.budgets():
            drawn = self.all_of(answer, self.labels(), budget)
            require(
                len(set(drawn)) == len(drawn),
                f"with {self.budget} {budget} it draws the same label twice",
                "randint can repeat itself, and validation labels must not be trained on",
            )

    def counts(self, answer: Answer) -> None:
        """The answer draws the requested number from each class."""
        labels = self.labels()
        for budget in (*self.budgets(), *([0.7] if self.share else [10, 12])):
            for part, places in zip(
                ("training", "validation"), self.run(answer, labels, budget), strict=False
            ):
                for label, size in enumerate(SIZES):
                    right = self.share_of(part, budget)[label]
                    count = int((labels[places] == label).sum()) if places else 0
                    among = f" for {part}" if self.held else ""
                    require(
                        count == right,
                        f"with {self.budget} {budget}, of the {size} labels of class {label} it "
                        f"draws {count}{among}",
                        "go through the classes one by one: how many labels should each give?",
                    )

    def chance(self, answer: Answer) -> None:
        """Every label has a chance to be drawn."""
        labels, budget = self.labels(), self.budgets()[1]
        times = torch.zeros(len(labels))
        for seed in range(60):
            times[self.all_of(answer, labels, budget, seed)] += 1
        for label in range(3):
            mine = times[labels == label]
            require(
                mine.min() > 0 and mine.max() < 60,
                f"in 60 draws, some label of class {label} was drawn {int(mine.max())} times, and "
                f"some {int(mine.min())} times",
                "the first labels of a class are not a random sample",
            )

    def repeatable(self, answer: Answer) -> None:
        """All randomness comes from the generator."""
        labels, budget = self.labels(), self.budgets()[1]
        state = torch.get_rng_state()
        first, second = (self.run(answer, labels, budget, seed=3) for _ in range(2))
        require(
            first == second,
            "two generators with the same seed drew different labels",
            "every random draw must use `generator`",
        )
        require(
            torch.equal(state, torch.get_rng_state()),
            "torch's global random generator was used or reseeded",
            "other parts of a program rely on it; use only `generator`",
        )

    def holds_smaller(self, answer: Answer) -> None:
        """A larger budget adds to a smaller one."""
        few, many = self.budgets()
        for seed in range(3):
            small, large = (
                set(self.all_of(answer, self.labels(), budget, seed)) for budget in (few, many)
            )
            require(
                small <= large,
                f"with the same seed, {len(small - large)} of the labels drawn with {self.budget} "
                f"{few} are not among those drawn with {many}",
                "does the order of the draw depend on the budget?",
            )

    def solution(self) -> str:
        """Code that passes."""
        take = "max(1, round(share * len(mine)))" if self.share else "per_class"
        if not self.held:
            return f'''def draw_labels(labels, {self.budget}, generator):
    """Indices of labels, drawn class by class: (N,) -> (M,)."""
    drawn = []
    for label in labels.unique():
        mine = (labels == label).nonzero().flatten()
        take = {take}
        drawn.append(mine[torch.randperm(len(mine), generator=generator)[:take]])
    return torch.cat(drawn)
'''
        return f'''def draw_labels(labels, {self.budget}, generator):
    """Indices for training and for validation, class by class: (N,) -> (M,), (V,)."""
    train, val = [], []
    for label in labels.unique():
        mine = (labels == label).nonzero().flatten()
        take = {take}
        mine = mine[torch.randperm(len(mine), generator=generator)[:take]]
        held = max(1, take // 5)
        val.append(mine[:held])
        train.append(mine[held:])
    return torch.cat(train), torch.cat(val)
'''


DRAW_LABELS_FORMS = (
    DrawLabels(False, False, False),
    DrawLabels(True, False, False),
    DrawLabels(False, True, False),
    DrawLabels(False, False, True),
    DrawLabels(True, False, True),
)


def draw_labels(variant: Variant) -> Exercise:
    """A budget of labels, drawn class by class."""
    form = variant.choose("budget of labels", DRAW_LABELS_FORMS)
    amount = (
        "the fraction `share` of the labels of each class, rounded, and at least one"
        if form.share
        else "`per_class` labels of each class (every class has at least that many)"
    )
    back = (
        "A fifth of those of each class, rounded down and at least one, is for validation. Return "
        "two tensors of indices: those to train on and those to validate on."
        if form.held
        else "Return their indices in `labels`, in any order."
    )
    more = (
        " A larger budget must only *add*: with a generator of the same seed, the smaller draw is "
        "part of the larger one."
        if form.nested
        else ""
    )
    returns = "(M,), (V,)" if form.held else "(M,)"
    nested = Property("draws more by adding to a smaller draw", form.holds_smaller)
    return Exercise(
        key="draw-labels",
        lesson="01_introduction",
        type="implement",
        title="A budget of labels",
        points=3,
        minutes=10,
        objective="draw a few labels reproducibly so that every class is represented",
        statement=f"""Write `draw_labels(labels, {form.budget}, generator)`. `labels` is $(N,)$, \
integers in any order. Draw at random, without repetition, {amount}. {back}{more} All randomness \
comes from `generator`, a `torch.Generator`.""",
        function="draw_labels",
        starter=f'''def draw_labels(labels, {form.budget}, generator):
    """Indices of labels, drawn class by class: (N,) -> {returns}."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`(labels == label).nonzero().flatten()` are the indices of one class.",
            "The first entries of a `torch.randperm` are a draw without repetition.",
        ),
        properties=(
            Property("draws indices of labels, without repetition", form.places),
            Property("draws the requested number from each class", form.counts),
            Property("gives every label a chance", form.chance),
            Property("takes all randomness from the generator", form.repeatable),
            *([nested] if form.nested else []),
        ),
        mistakes=(
            "Drawing from all labels at once: rare classes get few labels, or none.",
            "Taking the first ones of each class: they often come from one source or one day.",
            "Drawing with replacement.",
        ),
        discuss="Do you know the classes of images that have not been labelled? Who could draw "
        "like this?",
        form=f"{form.budget}{', with validation' if form.held else ''}"
        f"{', nested' if form.nested else ''}",
    )
