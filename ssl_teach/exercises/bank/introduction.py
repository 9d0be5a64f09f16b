"""Exercise on budgets of labels: a draw class by class (lesson 1)."""

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
"""Of the classes in the checks."""


@dataclass(frozen=True)
class DrawLabels:
    """A form of the draw of labels.

    Attributes:
        share: draw a share of each class, else a number of labels per class.
        held: return a fifth of the drawn, at least one, apart for validation.
        nested: a larger draw by the same seed must hold the smaller one.
    """

    share: bool
    held: bool
    nested: bool

    @property
    def budget(self) -> str:
        """Name of the second argument."""
        return "share" if self.share else "per_class"

    def take(self, budget: float, size: int) -> int:
        """How many of a class of this size are drawn."""
        return max(1, round(budget * size)) if self.share else int(budget)

    def share_of(self, part: str, budget: float) -> list[int]:
        """How many of each class belong into a part."""
        taken = [self.take(budget, size) for size in SIZES]
        if not self.held:
            return taken
        fifths = [max(1, count // 5) for count in taken]
        if part == "validation":
            return fifths
        return [count - fifth for count, fifth in zip(taken, fifths, strict=True)]

    def budgets(self) -> tuple[float, float]:
        """A small and a larger one."""
        return (0.03, 0.45) if self.share else (3, 7)

    def run(self, answer: Answer, labels: Tensor, budget: float, seed: int = 0) -> list[list[int]]:
        """The parts that are drawn: lists of places."""
        on = f"{len(labels)} labels, {self.budget} {budget}"
        result = call(answer, labels, budget, make_generator(seed), on=on)
        names = ("training", "validation") if self.held else ("drawn",)
        parts = unpack_result(result, names, on=on) if self.held else (result,)
        found = []
        for name, part in zip(names, parts, strict=True):
            shape = getattr(part, "shape", [len(part)] if isinstance(part, (list, tuple)) else [])
            empty = tuple(shape) == (0,)  # a list of nothing is of no type
            places = expect_tensor(
                torch.zeros(0, dtype=torch.long) if empty else part,
                tuple(shape) if len(shape) == 1 else (sum(self.share_of(name, budget)),),
                on=on,
                whole=True,
                names=f"places of the {name} labels",
            ).tolist()
            outside = [place for place in places if not 0 <= place < len(labels)]
            require(not outside, f"on {on}, it gives the place {outside[:1]}, where no label is")
            found.append(places)
        return found

    def all_of(self, answer: Answer, labels: Tensor, budget: float, seed: int = 0) -> list[int]:
        """All places that are drawn, those for validation too."""
        return [place for part in self.run(answer, labels, budget, seed) for place in part]

    @staticmethod
    def labels() -> Tensor:
        """Three classes of 30, 18 and 14, in no order."""
        labels = torch.tensor([label for label, size in enumerate(SIZES) for _ in range(size)])
        return labels[torch.randperm(len(labels), generator=make_generator(1))]

    def places(self, answer: Answer) -> None:
        """Places of labels, each once."""
        for budget in self.budgets():
            drawn = self.all_of(answer, self.labels(), budget)
            require(
                len(set(drawn)) == len(drawn),
                f"with {self.budget} {budget} it draws the same label twice",
                "randint may repeat itself, and what validates must not train",
            )

    def counts(self, answer: Answer) -> None:
        """As many of each class as asked."""
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
                        "go through the classes one by one; what is asked of each of them?",
                    )

    def chance(self, answer: Answer) -> None:
        """Every label may be drawn."""
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
                "the first labels of a class are no random ones",
            )

    def repeatable(self, answer: Answer) -> None:
        """All randomness comes from the generator."""
        labels, budget = self.labels(), self.budgets()[1]
        state = torch.get_rng_state()
        first, second = (self.run(answer, labels, budget, seed=3) for _ in range(2))
        require(
            first == second,
            "two generators with the same seed drew different labels",
            "every drawing must use `generator`",
        )
        require(
            torch.equal(state, torch.get_rng_state()),
            "torch's own source of randomness was drawn from or seeded anew",
            "other parts of a program rely on it; use `generator` alone",
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
    """Places of labels, drawn class by class: (N,) -> (M,)."""
    drawn = []
    for label in labels.unique():
        mine = (labels == label).nonzero().flatten()
        take = {take}
        drawn.append(mine[torch.randperm(len(mine), generator=generator)[:take]])
    return torch.cat(drawn)
'''
        return f'''def draw_labels(labels, {self.budget}, generator):
    """Places for training and for validation, class by class: (N,) -> (M,), (V,)."""
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
        "of each class the share `share` of its labels, rounded, and at least one"
        if form.share
        else "of each class `per_class` labels (every class has as many)"
    )
    back = (
        "Of those of each class a fifth, rounded down and at least one, is for validation. Give "
        "two tensors of places, those to train on and those to validate on."
        if form.held
        else "Give their places in `labels`, in any order."
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
        objective="draw few labels so that every class has its part, and so that a seed gives "
        "the same ones again",
        statement=f"""Write `draw_labels(labels, {form.budget}, generator)`. `labels` is $(N,)$, \
whole numbers in any order. Draw at random, none twice, {amount}. {back}{more} Whatever is random \
comes from `generator`, a `torch.Generator`.""",
        function="draw_labels",
        starter=f'''def draw_labels(labels, {form.budget}, generator):
    """Places of labels, drawn class by class: (N,) -> {returns}."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`(labels == label).nonzero().flatten()` are the places of one class.",
            "The first entries of a `torch.randperm` are a draw without repetition.",
        ),
        properties=(
            Property("draws places of labels, none twice", form.places),
            Property("draws as many of each class as asked", form.counts),
            Property("gives every label a chance", form.chance),
            Property("takes all randomness from the generator", form.repeatable),
            *([nested] if form.nested else []),
        ),
        mistakes=(
            "Drawing from all labels at once: rare classes come off badly, and may get none.",
            "The first ones of each class: they often come from one source or one day.",
            "Drawing with replacement.",
        ),
        discuss="Do you know the classes of pictures that nobody has labelled? Who could draw like "
        "this?",
        form=f"{form.budget}{', with validation' if form.held else ''}"
        f"{', nested' if form.nested else ''}",
    )
