"""Lesson 6: permutations that are far apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import Answer, call, expect_tensor, make_generator, require
from ssl_teach.exercises.core import Exercise, Property, Variant


@dataclass(frozen=True)
class PermutationSet:
    """A form of the exercise, with its checks.

    Attributes:
        tiles: the number of tiles, T.
        mean: whether to maximise the mean distance; otherwise the smallest.
        apart: whether the unshuffled order must be far away too; it is not a class itself.
        wanted: (count, distance) that every sensible greedy choice reaches.
    """

    tiles: int
    mean: bool
    apart: bool
    wanted: tuple[tuple[int, float], ...]

    def run(self, answer: Answer, count: int, seed: int = 0) -> Tensor:
        """The set that the answer chooses, (P, T)."""
        on = f"count {count} and a generator"
        result = call(answer, count, make_generator(seed), on=on, seconds=20)
        return expect_tensor(
            result, (count, self.tiles), on=on, whole=True, names="one permutation in each row"
        )

    def permutations(self, answer: Answer) -> None:
        """Each row is a permutation."""
        for count in (1, 8):
            for row in self.run(answer, count).tolist():
                require(
                    sorted(row) == list(range(self.tiles)),
                    f"for count {count} there is a row {row}, which is not a permutation "
                    f"of 0 … {self.tiles - 1}",
                    "each tile must appear once",
                )

    def distinct(self, answer: Answer) -> None:
        """No row appears twice."""
        count = 60  # by mean distance, a chosen one is soon the best again
        rows = [tuple(row) for row in self.run(answer, count).tolist()]
        twice = [row for row, times in Counter(rows).items() if times > 1]
        require(
            not twice,
            f"for count {count}, the order {twice[:1]} appears more than once",
            "two identical classes cannot be distinguished",
        )
        require(
            not self.apart or tuple(range(self.tiles)) not in rows,
            "the unshuffled order is among them",
        )

    def distant(self, answer: Answer) -> None:
        """The set is as far apart as a greedy choice makes it."""
        for count, wanted in self.wanted:
            rows = self.run(answer, count)
            if self.apart:
                rows = torch.cat([torch.arange(self.tiles)[None], rows])
            distances = (rows[:, None] != rows[None]).sum(dim=2)
            among = distances[~torch.eye(len(rows), dtype=torch.bool)].float()
            reached = float(among.mean() if self.mean else among.min())
            name = "mean" if self.mean else "smallest"
            also = " and the unshuffled order" if self.apart else ""
            require(
                reached >= wanted,
                f"of {count} permutations{also}, the {name} distance is {reached:.3g}; a greedy "
                f"choice among a few hundred candidates reaches {wanted:g} or more",
                "compare each new one with all that were chosen before; are there enough "
                "candidates, and does their mean or their smallest distance count?",
            )

    def repeatable(self, answer: Answer) -> None:
        """All randomness comes from the generator."""
        state = torch.get_rng_state()
        first, second = (self.run(answer, 5, seed=3) for _ in range(2))
        require(
            torch.equal(first, second),
            "two generators with the same seed gave two different sets",
            "every random draw must use `generator`: torch.randperm(n, generator=generator)",
        )
        require(
            torch.equal(state, torch.get_rng_state()),
            "torch's global random generator was used or reseeded",
            "other parts of a program rely on it; use only `generator`",
        )

    def solution(self) -> str:
        """Code that passes."""
        if self.apart:
            start = "(candidates != torch.arange(TILES)).sum(dim=1)"
        else:
            start = "torch.full((len(candidates),), TILES)"
        join = (
            "(score + distance) * (distance > 0)  # none is chosen twice"
            if self.mean
            else "torch.minimum(score, distance)"
        )
        return f'''TILES = {self.tiles}


def permutation_set(count, generator):
    """Permutations that are far apart: -> (count, {self.tiles})."""
    candidates = torch.stack([torch.randperm(TILES, generator=generator) for _ in range(500)])
    score = {start}  # distance of each from those chosen
    chosen = []
    for _ in range(count):
        chosen.append(candidates[score.argmax()])
        distance = (candidates != chosen[-1]).sum(dim=1)
        score = {join}
    return torch.stack(chosen)
'''


PERMUTATION_SET_FORMS = (
    PermutationSet(9, False, False, ((10, 7), (30, 6))),
    PermutationSet(9, True, False, ((10, 8.55), (20, 8.3))),
    PermutationSet(9, False, True, ((10, 7), (30, 6))),
    PermutationSet(6, False, False, ((6, 5), (12, 4))),
    PermutationSet(6, False, True, ((5, 5), (11, 4))),
)


def permutation_set(variant: Variant) -> Exercise:
    """The classes of the jigsaw, far apart (Noroozi and Favaro, 2016)."""
    form = variant.choose("kind of permutation set", PERMUTATION_SET_FORMS)
    T, grid = form.tiles, {6: "2×3", 9: "3×3"}[form.tiles]
    what = "mean distance to all" if form.mean else "smallest distance to any"
    apart = (
        " The unshuffled order, $0, 1, 2, \\dots$, counts as already chosen: it is not a class, "
        "and all classes should be far from it too."
        if form.apart
        else ""
    )
    return Exercise(
        key="permutation-set",
        lesson="06_jigsaw",
        type="implement",
        title="Permutations far apart",
        points=4,
        minutes=20,
        objective="choose the classes of a task so that no two of them are similar",
        statement=f"""A puzzle of {grid} tiles is shuffled in one of $P$ orders. The Hamming \
distance of two orders is the number of positions in which they differ. Write \
`permutation_set(count, generator)`: $P$ different permutations of $0 \\dots {T - 1}$, $(P, {T})$ \
integers, chosen greedily. Each time, choose from many candidates one whose {what} of those \
chosen before is largest.{apart}

The candidates can be all ${T}!$ orders, or several hundred drawn at random. All randomness \
comes from `generator`, a `torch.Generator`.""",
        function="permutation_set",
        starter=f'''def permutation_set(count, generator):
    """Permutations that are far apart: -> (count, {T})."""
    ...
''',
        solution=form.solution(),
        hints=(
            "Distances of all candidates to one permutation: `(candidates != one).sum(dim=1)`.",
            "Keep one number for each candidate, and update it when one is chosen: no table of all "
            "pairs is needed.",
        ),
        properties=(
            Property("gives P permutations", form.permutations),
            Property("gives no permutation twice", form.distinct),
            Property(
                f"is as far apart as a greedy choice, by the {'mean' if form.mean else 'smallest'} "
                "distance",
                form.distant,
            ),
            Property("takes all randomness from the generator", form.repeatable),
        ),
        mistakes=(
            "The first P in lexicographic order: two neighbours differ in two positions.",
            "Random permutations: good on average, but some pair is close.",
            "Looking only at the distance to the one chosen last.",
            "The mean instead of the smallest distance, or the other way round.",
        ),
        discuss="What would the network learn if two of the classes differed in two tiles of sky?",
        form=f"{T} tiles, {'mean' if form.mean else 'smallest'} distance"
        + (", far from the unshuffled order" if form.apart else ""),
    )
