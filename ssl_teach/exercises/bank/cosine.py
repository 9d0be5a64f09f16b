"""An exercise on the cosine of pairs of vectors, and on the distances that it makes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.bank.similarity import LESSON
from ssl_teach.exercises.checks.harness import call, close, require, seeded, tensor_like
from ssl_teach.exercises.checks.nt_xent import NO_GRADIENT, together
from ssl_teach.exercises.core import Exercise, Property, Variant

Pairwise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Cosine:
    """The tests of one form of the cosine of pairs.

    Attributes:
        what: "cosine", "distance" (1 - cosine) or "chord" (the squared distance of the ends).
        layout: "rows" or "columns" that are compared, or "one" vector with rows.
    """

    what: str
    layout: str

    def pack(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """What the answer is called with, from (M, D) each; "one" takes the first row of a."""
        if self.layout == "columns":
            return a.T.contiguous(), b.T.contiguous()
        return (a[0].clone() if self.layout == "one" else a.clone()), b.clone()

    def of_cosine(self, cosine: float) -> float:
        """What is wanted, for a cosine."""
        return {"cosine": cosine, "distance": 1 - cosine, "chord": 2 - 2 * cosine}[self.what]

    def value(self, answer: Pairwise, a: Tensor, b: Tensor, on: str = "") -> Tensor:
        """What an answer gives."""
        on = on or f"{len(b)} pairs of random vectors with {b.shape[1]} numbers each"
        found = call(answer, *self.pack(a, b), on=on)
        return tensor_like(found, (len(b),), on=on, names="one number a pair")

    def any_size(self, answer: Pairwise) -> None:
        """A number for each pair."""
        for pairs, width in ((6, 4), (3, 5)):
            self.value(answer, *some_pairs(pairs, width))

    def known(self, answer: Pairwise) -> None:
        """Pairs whose angle one can see."""
        b = torch.tensor([[3.0, 4.0], [-3.0, -4.0], [-4.0, 3.0], [4.0, 3.0], [24.0, 32.0]])
        a = torch.tensor([[3.0, 4.0]]).repeat(5, 1)
        found = self.value(answer, a, b, "[3, 4] with five other vectors").tolist()
        kinds = ("the same", "opposite", "perpendicular", "neighbouring", "parallel")
        for kind, cosine, vector, value in zip(
            kinds, (1.0, -1.0, 0.0, 0.96, 1.0), b.tolist(), found, strict=True
        ):
            where = "is the product divided by both lengths?"
            if self.what != "cosine" and abs(value - cosine) < 1e-3:
                where = "that is the cosine itself; read again what is wanted"
            require(
                abs(value - self.of_cosine(cosine)) < 1e-3,
                f"for [3, 4] and {vector}, {kind} vectors, it gives {value:.4f}",
                where,
            )

    def lengths(self, answer: Pairwise) -> None:
        """The same for longer and shorter vectors."""
        a, b = some_pairs(5, 4)
        longer = torch.tensor([[0.2], [1.0], [7.0], [30.0], [2.0]])
        before, after = (
            self.value(answer, *pair) for pair in ((a, b), (a * longer.flip(0), b * longer))
        )
        require(
            close(before, after, 1e-3),
            "vectors were made longer and shorter, which changes no angle, and the result changed",
            "along which axis do the numbers of one vector lie?",
        )

    def swapped(self, answer: Pairwise) -> None:
        """The same if the two sides change places."""
        a, b = some_pairs(1 if self.layout == "one" else 5, 4)
        before, after = (self.value(answer, *pair) for pair in ((a, b), (b, a)))
        require(
            close(before, after, 1e-3),
            "the two sides changed places, which changes no angle, and the result changed",
            "is one side treated otherwise than the other?",
        )

    def formula(self, answer: Pairwise) -> None:
        """What the angle gives, computed number by number."""
        a, b = some_pairs(6, 3)
        found = self.value(answer, a, b).tolist()
        for i, (y, value) in enumerate(zip(b.tolist(), found, strict=True)):
            x = a[0 if self.layout == "one" else i].tolist()
            product = sum(p * q for p, q in zip(x, y, strict=True))
            right = self.of_cosine(product / math.hypot(*x) / math.hypot(*y))
            require(
                abs(value - right) < 1e-3,
                f"of 6 pairs of random vectors, number {i} gets {value:.4f}, and the sums of the "
                "formula, one by one, give another number",
                "compare the first pair by hand: which vector is compared with which?",
            )

    def half(self, answer: Pairwise) -> None:
        """Half precision of long vectors."""
        a, b = (60 * each for each in some_pairs(4, 64))
        exact = self.value(answer, a.half().float(), b.half().float())
        found = self.value(answer, a.half(), b.half(), "4 pairs of long vectors in half precision")
        require(
            torch.isfinite(found).all() and close(found, exact, 1e-2),
            f"of long vectors in half precision it gives {[round(x, 3) for x in found.tolist()]}: "
            "something ran over 65,504",
            "divide by the lengths before you multiply, or compute in float32",
        )

    def gradient(self, answer: Pairwise) -> None:
        """The gradient is the slope, and so at right angles to the vector."""
        args = [each.requires_grad_() for each in self.pack(*some_pairs(3, 4))]
        found = together(call(answer, *args, on="3 pairs of vectors that want gradients"))
        require(isinstance(found, Tensor) and found.requires_grad, *NO_GRADIENT)
        slopes = torch.autograd.grad(found.sum(), args, allow_unused=True)
        along = 0 if self.layout == "columns" else -1
        for slope, each in zip(slopes, args, strict=True):
            reached = slope is not None and bool((slope != 0).any())
            require(reached, "no gradient comes back to one of the two sides", "is it detached?")
            assert slope is not None
            stretch = (slope * each).sum(dim=along).abs().max()
            require(
                stretch < 1e-3,
                "to lengthen a vector changes no angle, yet the gradient has a part along the "
                "vector itself",
                "are the lengths detached?",
            )


def some_pairs(pairs: int, width: int) -> tuple[Tensor, Tensor]:
    """Pairs of random vectors: (M, D) and (M, D)."""
    draw = seeded(pairs + width)
    a, b = (torch.randn(pairs, width, generator=draw) for _ in range(2))
    return a, b


def cosine_similarity(variant: Variant) -> Exercise:
    """Cosine of the angle between two vectors, or one of the distances that it makes."""
    what = variant.choose("cosine what", ("cosine", "distance", "chord"))
    layout = variant.choose("cosine layout", ("rows", "columns", "one"))
    checks = Cosine(what, layout)
    lie, shapes = {
        "rows": (
            "The rows of `a` and `b`, both $(M, D)$, are compared pair by pair: row $m$ with row "
            "$m$",
            "(M, D), (M, D)",
        ),
        "columns": (
            "The columns of `a` and `b`, both $(D, M)$, are compared pair by pair: column $m$ with "
            "column $m$",
            "(D, M), (D, M)",
        ),
        "one": (
            "One vector `a`, $(D,)$, is compared with each row of `b`, $(M, D)$",
            "(D,), (M, D)",
        ),
    }[layout]
    asked, doc, returned = {
        "cosine": ("the cosines", "Cosines", "cosines"),
        "distance": ("the cosine distances, $1 - \\cos$", "Cosine distances", "1 - cosines"),
        "chord": (
            "the squared distances of the points that they become when each vector is scaled to "
            "length one",
            "Squared distances on the unit sphere",
            "2 - 2 * cosines",
        ),
    }[what]
    dim = 0 if layout == "columns" else 1
    lines = (
        "a, b = a.float(), b.float()",
        "lengths = a.norm() * b.norm(dim=1)"
        if layout == "one"
        else f"lengths = a.norm(dim={dim}) * b.norm(dim={dim})",
        f"cosines = {'b @ a' if layout == 'one' else f'(a * b).sum(dim={dim})'} / lengths",
        f"return {returned}",
    )
    head = f'''def similarity(a, b):
    """{doc}: {shapes} -> (M,)."""
    '''
    both = (
        () if layout == "one" else (Property("does not care which side is which", checks.swapped),)
    )
    return Exercise(
        key="cosine-similarity",
        lesson=LESSON,
        kind="implement",
        title="Alike or not",
        points=3,
        minutes=10,
        objective="compute how alike two vectors are, whatever their lengths",
        statement=f"""{lie}. Write `similarity(a, b)`: {asked}, $(M,)$. The cosine of two
vectors is

$$\\cos(a, b) = \\frac{{a^\\top b}}{{\\lVert a \\rVert\\, \\lVert b \\rVert}}$$

No loop is needed. Long vectors in half precision must not overflow.""",
        function="similarity",
        starter=head + "...\n",
        solution=head + "\n    ".join(lines) + "\n",
        hints=(
            "Multiply the two sides number by number. What is left to do, and along which axis?",
            "Expand $\\lVert u - v \\rVert^2$ for two vectors of length one."
            if what == "chord"
            else "A length is the root of a sum of squares, along the same axis.",
        ),
        properties=(
            Property("gives one number for each pair", checks.any_size),
            Property("is right for angles that one can see", checks.known),
            Property("does not depend on how long the vectors are", checks.lengths),
            *both,
            Property("is what the formula gives for each pair", checks.formula),
            Property("bears half precision", checks.half),
            Property("has a gradient at right angles to each vector", checks.gradient),
        ),
        mistakes=(
            "Summing over the pairs, not over the numbers of one vector.",
            "Dividing by one length, or by squared lengths.",
            "All pairs in a matrix, where only $M$ of them were asked for.",
        ),
        discuss="Two images have the cosine 0.9 in one network and 0.7 in another: what does that "
        "say?",
        form=f"{what}, {layout}",
    )
