"""Lesson 11: cosines, the affinity matrix, partners, and SimCLR's loss with its common bugs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    call,
    expect_tensor,
    is_close,
    make_generator,
    require,
)
from ssl_teach.exercises.checks.nt_xent import NO_GRADIENT, NtXent, mean_over_views, stack_numbers
from ssl_teach.exercises.checks.reference import ORDERS, arrange_views, cosine_matrix, partner_of
from ssl_teach.exercises.core import Exercise, Property, Variant

LESSON = "11_simclr"
Pairwise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class CosineSimilarity:
    """A form of the exercise on the cosine of pairs, with its checks.

    Attributes:
        what: "cosine", "distance" (1 - cosine) or "chord" (the squared Euclidean distance).
        layout: whether "rows" or "columns" are compared, or "one" vector with rows.
    """

    what: str
    layout: str

    def pack(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The arguments of the answer, from (M, D) each; "one" takes the first row of a."""
        if self.layout == "columns":
            return a.T.contiguous(), b.T.contiguous()
        return (a[0].clone() if self.layout == "one" else a.clone()), b.clone()

    def of_cosine(self, cosine: float) -> float:
        """The required number for a cosine."""
        return {"cosine": cosine, "distance": 1 - cosine, "chord": 2 - 2 * cosine}[self.what]

    def value(self, answer: Pairwise, a: Tensor, b: Tensor, on: str = "") -> Tensor:
        """The result of an answer."""
        on = on or f"{len(b)} pairs of random vectors with {b.shape[1]} numbers each"
        found = call(answer, *self.pack(a, b), on=on)
        return expect_tensor(found, (len(b),), on=on, names="one number per pair")

    def any_size(self, answer: Pairwise) -> None:
        """The answer gives a number for each pair."""
        for pairs, width in ((6, 4), (3, 5)):
            self.value(answer, *random_pairs(pairs, width))

    def known(self, answer: Pairwise) -> None:
        """Correct for pairs with familiar angles."""
        b = torch.tensor([[3.0, 4.0], [-3.0, -4.0], [-4.0, 3.0], [4.0, 3.0], [24.0, 32.0]])
        a = torch.tensor([[3.0, 4.0]]).repeat(5, 1)
        found = self.value(answer, a, b, "[3, 4] with five other vectors").tolist()
        relations = ("the same", "opposite", "perpendicular", "neighbouring", "parallel")
        for relation, cosine, vector, value in zip(
            relations, (1.0, -1.0, 0.0, 0.96, 1.0), b.tolist(), found, strict=True
        ):
            where = "is the product divided by both lengths?"
            if self.what != "cosine" and abs(value - cosine) < 1e-3:
                where = "that is the cosine itself; read again what is required"
            require(
                abs(value - self.of_cosine(cosine)) < 1e-3,
                f"for [3, 4] and {vector}, {relation} vectors, it gives {value:.4f}",
                where,
            )

    def lengths(self, answer: Pairwise) -> None:
        """Independent of the lengths of the vectors."""
        a, b = random_pairs(5, 4)
        longer = torch.tensor([[0.2], [1.0], [7.0], [30.0], [2.0]])
        before, after = (
            self.value(answer, *pair) for pair in ((a, b), (a * longer.flip(0), b * longer))
        )
        require(
            is_close(before, after, 1e-3),
            "vectors were made longer and shorter, which changes no angle, and the result changed",
            "which axis runs over the dimensions of one vector?",
        )

    def swapped(self, answer: Pairwise) -> None:
        """Symmetric in the two sides."""
        a, b = random_pairs(1 if self.layout == "one" else 5, 4)
        before, after = (self.value(answer, *pair) for pair in ((a, b), (b, a)))
        require(
            is_close(before, after, 1e-3),
            "the two sides were exchanged, which changes no angle, and the result changed",
            "is one side treated differently?",
        )

    def formula(self, answer: Pairwise) -> None:
        """Equal to the formula, computed number by number."""
        a, b = random_pairs(6, 3)
        found = self.value(answer, a, b).tolist()
        for i, (y, value) in enumerate(zip(b.tolist(), found, strict=True)):
            x = a[0 if self.layout == "one" else i].tolist()
            product = sum(p * q for p, q in zip(x, y, strict=True))
            right = self.of_cosine(product / math.hypot(*x) / math.hypot(*y))
            require(
                abs(value - right) < 1e-3,
                f"of 6 pairs of random vectors, number {i} gets {value:.4f}, and the sums of the "
                "formula, term by term, give another number",
                "compare the first pair by hand: which vector is compared with which?",
            )

    def half(self, answer: Pairwise) -> None:
        """Accurate for long vectors in half precision."""
        a, b = (60 * each for each in random_pairs(4, 64))
        exact = self.value(answer, a.half().float(), b.half().float())
        found = self.value(answer, a.half(), b.half(), "4 pairs of long vectors in half precision")
        require(
            torch.isfinite(found).all() and is_close(found, exact, 1e-2),
            f"of long vectors in half precision it gives {[round(x, 3) for x in found.tolist()]}: "
            "something exceeded 65,504",
            "divide by the lengths before you multiply, or compute in float32",
        )

    def gradient(self, answer: Pairwise) -> None:
        """The gradient is orthogonal to each vector, since length has no effect."""
        args = [each.requires_grad_() for each in self.pack(*random_pairs(3, 4))]
        found = stack_numbers(call(answer, *args, on="3 pairs of vectors that require gradients"))
        require(isinstance(found, Tensor) and found.requires_grad, *NO_GRADIENT)
        slopes = torch.autograd.grad(found.sum(), args, allow_unused=True)
        along = 0 if self.layout == "columns" else -1
        for slope, each in zip(slopes, args, strict=True):
            reached = slope is not None and bool((slope != 0).any())
            require(reached, "no gradient reaches one of the two sides", "is it detached?")
            assert slope is not None
            stretch = (slope * each).sum(dim=along).abs().max()
            require(
                stretch < 1e-3,
                "lengthening a vector changes no angle, yet the gradient has a component along the "
                "vector itself",
                "are the lengths detached?",
            )


def random_pairs(pairs: int, width: int) -> tuple[Tensor, Tensor]:
    """Pairs of random vectors: (M, D) and (M, D)."""
    draw = make_generator(pairs + width)
    a, b = (torch.randn(pairs, width, generator=draw) for _ in range(2))
    return a, b


def cosine_similarity(variant: Variant) -> Exercise:
    """Cosine of the angle between two vectors, or a distance derived from it."""
    what = variant.choose("cosine what", ("cosine", "distance", "chord"))
    layout = variant.choose("cosine layout", ("rows", "columns", "one"))
    checks = CosineSimilarity(what, layout)
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
            "the squared distances between the vectors after each has been scaled to length one",
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
    both = () if layout == "one" else (Property("is symmetric in the two sides", checks.swapped),)
    return Exercise(
        key="cosine-similarity",
        lesson=LESSON,
        type="implement",
        title="Cosine similarity",
        points=3,
        minutes=10,
        objective="compute the similarity of two vectors independently of their lengths",
        statement=f"""{lie}. Write `similarity(a, b)`: {asked}, $(M,)$. The cosine of two
vectors is

$$\\cos(a, b) = \\frac{{a^\\top b}}{{\\lVert a \\rVert\\, \\lVert b \\rVert}}$$

No loop is needed. Long vectors in half precision must not overflow.""",
        function="similarity",
        starter=head + "...\n",
        solution=head + "\n    ".join(lines) + "\n",
        hints=(
            "Multiply the two sides element by element. What remains to be done, and along which "
            "axis?",
            "Expand $\\lVert u - v \\rVert^2$ for two vectors of length one."
            if what == "chord"
            else "A length is the root of a sum of squares, along the same axis.",
        ),
        properties=(
            Property("gives one number for each pair", checks.any_size),
            Property("is correct for familiar angles", checks.known),
            Property("does not depend on the lengths of the vectors", checks.lengths),
            *both,
            Property("is what the formula gives for each pair", checks.formula),
            Property("is accurate in half precision", checks.half),
            Property("has a gradient orthogonal to each vector", checks.gradient),
        ),
        mistakes=(
            "Summing over the pairs, not over the dimensions of one vector.",
            "Dividing by one length, or by squared lengths.",
            "All pairs in a matrix, where only $M$ of them were required.",
        ),
        discuss="Two images have a cosine of 0.9 in one network and 0.7 in another: what does that "
        "tell you?",
        form=f"{what}, {layout}",
    )


Matrix = Callable[[Tensor], Tensor]


def _square(answer: Matrix, z: Tensor, on: str) -> Tensor:
    """The student's matrix for z, (M, D) -> (M, M)."""
    return expect_tensor(
        call(answer, z, on=on), (len(z), len(z)), on=on, names="one row per vector"
    )


def _shape(answer: Matrix) -> None:
    z = torch.randn(6, 4, generator=make_generator())
    _square(answer, z, "z of 6 vectors with 4 numbers each")


def _cosines(answer: Matrix) -> None:
    z = torch.tensor([[3.0, 4.0], [4.0, 3.0], [-3.0, -4.0], [-4.0, 3.0]])
    s = _square(answer, z, "z = [[3, 4], [4, 3], [-3, -4], [-4, 3]]")
    for i, j, what in ((0, 2, "opposite"), (0, 3, "perpendicular"), (0, 1, "neighbouring")):
        cosine = float(z[i] @ z[j]) / 25
        require(
            abs(float(s[i, j]) - cosine) < 1e-4,
            f"for the {what} vectors {z[i].tolist()} and {z[j].tolist()} it gives "
            f"{float(s[i, j]):.4f}, which is not the cosine of the angle between them",
            "each product must be divided by both lengths",
        )


def _lengths(answer: Matrix) -> None:
    z = torch.randn(5, 3, generator=make_generator(1))
    lengths = torch.tensor([[0.1], [1.0], [7.0], [30.0], [2.0]])
    s, scaled = (_square(answer, x, "5 random vectors") for x in (z, z * lengths))
    require(
        is_close(s, scaled),
        "vectors were made longer and shorter, which changes no angle, and the matrix changed",
        "along which axis is the length computed? dim=1 runs over the dimensions of one vector",
    )


def _order(answer: Matrix) -> None:
    z = torch.randn(6, 3, generator=make_generator(2))
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    s, moved = (_square(answer, x, "6 random vectors") for x in (z, z[order]))
    require(
        is_close(s[order][:, order], moved),
        "the vectors were put in another order, but rows and columns of the matrix did not follow",
        "is any vector treated differently?",
    )


def _symmetric(answer: Matrix) -> None:
    s = _square(answer, torch.randn(7, 5, generator=make_generator(3)), "7 random vectors")
    require(is_close(s, s.T), "s_ij and s_ji differ: the matrix is not symmetric")
    require(
        is_close(s.diagonal(), torch.ones(7)),
        f"a vector with itself gives {float(s[0, 0]):.4f} on the diagonal",
        "the diagonal is left out later, in the loss; the matrix itself holds all cosines",
    )


def _half(answer: Matrix) -> None:
    z = torch.randn(4, 64, generator=make_generator(4)) * 60
    s = _square(answer, z.half(), "4 long vectors in half precision")
    require(
        torch.isfinite(s).all() and float(s.abs().max()) < 1.01,
        "in half precision it gives numbers that are not cosines: a sum of squares exceeded 65,504",
        "divide by the lengths before you multiply, or compute in float32",
    )


def _gradient(answer: Matrix) -> None:
    z = torch.randn(3, 4, generator=make_generator(5), dtype=torch.float64, requires_grad=True)
    s = call(answer, z, on="3 random vectors that require gradients")
    require(isinstance(s, Tensor) and s.requires_grad, *NO_GRADIENT)


def affinity_matrix(variant: Variant) -> Exercise:
    """Cosines of all pairs of views (Chen et al., 2020, Algorithm 1)."""
    return Exercise(
        key="affinity-matrix",
        lesson=LESSON,
        type="implement",
        title="The affinity matrix",
        points=4,
        minutes=10,
        objective="compute all cosines of a batch without a loop, and say what they ignore",
        statement="""Write `affinity(z)`: all pairwise cosines of the rows of `z`.

$$s_{ij} = \\frac{z_i^\\top z_j}{\\lVert z_i \\rVert\\, \\lVert z_j \\rVert}$$

`z` is $(M, D)$, and the result $(M, M)$. No loop is needed.""",
        function="affinity",
        starter='''def affinity(z):
    """Cosines of all pairs: (M, D) -> (M, M)."""
    ...
''',
        solution='''def affinity(z):
    """Cosines of all pairs: (M, D) -> (M, M)."""
    z = torch.nn.functional.normalize(z, dim=1)
    return z @ z.T
''',
        hints=(
            "What is the length of each row, and which shape must it have to divide `z` by it?",
            "If all rows have length one, the cosines are the products `z @ z.T`.",
        ),
        properties=(
            Property("gives a matrix with one row and one column for each vector", _shape),
            Property("gives the cosine of the angle between two vectors", _cosines),
            Property("does not depend on the lengths of the vectors", _lengths),
            Property("follows when the vectors are reordered", _order),
            Property("is symmetric, with ones on the diagonal", _symmetric),
            Property("is accurate in half precision", _half),
            Property("lets gradients through", _gradient),
        ),
        mistakes=(
            "Normalising over the batch (`dim=0`): features get length one, and vectors do not.",
            "Dividing by the squared lengths, or by one of the two lengths only.",
            "Removing the diagonal here; that belongs in the loss.",
        ),
        discuss="Which changes of an image should the cosine ignore, and which not?",
    )


def partner_index(variant: Variant) -> Exercise:
    """The index of each view's partner, in one of three orders."""
    order = variant.choose("partner order", tuple(ORDERS))
    solution = {
        "pairs": "    return torch.arange(num_views) ^ 1",
        "halves": "    return (torch.arange(num_views) + num_views // 2) % num_views",
        "mirrored": "    return torch.arange(num_views).flip(0)",
    }

    def index(answer: Callable[[int], Tensor], views: int) -> Tensor:
        on = f"{views} views"
        return expect_tensor(call(answer, views, on=on), (views,), on=on, whole=True)

    def shape(answer: Callable[[int], Tensor]) -> None:
        for views in (2, 6, 10):
            index(answer, views)

    def no_fixed_point(answer: Callable[[int], Tensor]) -> None:
        found = index(answer, 8)
        itself = (found == torch.arange(8)).nonzero().flatten().tolist()
        require(not itself, f"of 8 views, number {itself[:1]} is said to be its own partner")
        outside = [place for place in found.tolist() if not 0 <= place < 8]
        require(not outside, f"of 8 views, a partner is said to be number {outside[:1]}")

    def mutual(answer: Callable[[int], Tensor]) -> None:
        found = index(answer, 8)
        back = found[found]
        lost = (back != torch.arange(8)).nonzero().flatten().tolist()
        require(
            not lost,
            f"of 8 views, the partner of number {lost[:1]} has a different partner",
            "partnership is mutual: the partner's partner is the view itself",
        )

    def right_order(answer: Callable[[int], Tensor]) -> None:
        for views in (4, 12):
            found = index(answer, views).tolist()
            in_orders = {o: [partner_of(i, views, o) for i in range(views)] for o in ORDERS}
            strays = [i for i in range(views) if found[i] != in_orders[order][i]]
            i = strays[0] if strays else 0
            other = found in in_orders.values()
            require(
                not strays,
                f"of {views} views, number {i} is paired with number {found[i]}"
                + (": that is another of the usual orders" if other else ""),
                "read again in which order the views are",
            )

    return Exercise(
        key="partner-index",
        lesson=LESSON,
        type="implement",
        title="Where is the partner?",
        points=3,
        minutes=5,
        objective="give each row of the affinity matrix its label, for the order of the batch",
        statement=f"""A batch of $2N$ views has this order: {ORDERS[order]}. Write
`partner(num_views)`: for each view the index of its partner, $(2N,)$ integers.""",
        function="partner",
        starter='''def partner(num_views):
    """Index of each view's partner: 2N -> (2N,)."""
    ...
''',
        solution=f'''def partner(num_views):
    """Index of each view's partner: 2N -> (2N,)."""
{solution[order]}
''',
        hints=("Write down the answer for six views first.",),
        properties=(
            Property("gives one integer for each view", shape),
            Property("pairs no view with itself", no_fixed_point),
            Property("is mutual", mutual),
            Property("fits the order of the batch", right_order),
        ),
        mistakes=(
            "Another order: nothing fails, and the loss attracts views of different images.",
            "Counting from 1, as the paper does.",
        ),
        discuss="How would you notice during training that labels and batch have different orders?",
        form=f"views in {order}",
    )


FORMULA = """$$\\ell(i, j) = -\\log \\frac{\\exp(s_{i,j}/\\tau)}
{\\sum_{k \\neq i} \\exp(s_{i,k}/\\tau)}$$"""


def _first_half(losses: Sequence[float]) -> float:
    """Mean over the first views only."""
    return mean_over_views(losses[: len(losses) // 2])


def _sum(losses: Sequence[float]) -> float:
    """The sum over all views."""
    return sum(losses)


def _per_image(losses: Sequence[float]) -> float:
    """The sum over all views, divided by the number of images."""
    return 2 * mean_over_views(losses)


def two_loops(variant: Variant) -> Exercise:
    """Algorithm 1 implemented literally, from the affinity matrix (Chen et al., 2020)."""
    order = variant.choose("two loops order", ("pairs", "halves", "mirrored"))
    over = variant.choose("two loops reduction", ("mean", "sum", "first"))
    place = {
        "pairs": "i ^ 1",
        "halves": "(i + views // 2) % views",
        "mirrored": "views - 1 - i",
    }[order]
    asked, wanted, rows, returned, reduce = {
        "mean": (
            "the mean of $\\ell$ over all $2N$ views",
            "the mean over all views",
            "views",
            "total / views",
            mean_over_views,
        ),
        "sum": (
            "the sum of $\\ell$ over all $2N$ views",
            "the sum over all views",
            "views",
            "total",
            _sum,
        ),
        "first": (
            "the mean of $\\ell$ over the $N$ first views, those in the first half of the batch",
            "the mean over the first views",
            "views // 2",
            "total / (views // 2)",
            _first_half,
        ),
    }[over]

    def pack(first: Tensor, second: Tensor, tau: float) -> tuple[Tensor, float]:
        return cosine_matrix(arrange_views(first, second, order)).float(), tau

    checks = NtXent(pack, reduce, order)
    both = () if over == "first" else ("swapped",)
    return Exercise(
        key="nt-xent-two-loops",
        lesson=LESSON,
        type="implement",
        title="The loss, one term at a time",
        points=5,
        minutes=15,
        objective="read the formula of the loss term by term, and say which terms are in the sum",
        statement=f"""You are given the affinity matrix `s`, $(2N, 2N)$: the cosines of $2N$
views, of which {ORDERS[order]}. The loss of view $i$ with its partner $j$ is

{FORMULA}

Write `two_loops(s, tau)`: {asked}. Use a loop over the views and a loop over the terms of each sum,
and read one number of `s` at a time. It will be slow, but it can be checked by reading, and
every faster form has to agree with it.""",
        function="two_loops",
        starter=f'''def two_loops(s, tau):
    """NT-Xent by explicit sums: (2N, 2N), τ -> {wanted}."""
    ...
''',
        solution=f'''def two_loops(s, tau):
    """NT-Xent by explicit sums: (2N, 2N), τ -> {wanted}."""
    views, total = len(s), 0
    for i in range({rows}):
        j = {place}
        others = 0
        for k in range(views):
            if k != i:
                others = others + torch.exp(s[i, k] / tau)
        total = total - torch.log(torch.exp(s[i, j] / tau) / others)
    return {returned}
''',
        hints=(
            "Write a function for one $\\ell(i, j)$ first, and print it for $N = 1$.",
            "For $N = 1$ the sum has one term, the partner. Which index does it have?",
            "The outer loop runs over $i$. Its partner $j$ follows from $i$, without a third loop.",
        ),
        properties=checks.properties(
            "one_number", "identical", "perfect", "hot", "images", *both, "formula", "single"
        ),
        mistakes=(
            "Leaving the partner out of the sum, as if it ran only over the negatives.",
            "Summing over all $k$, itself included.",
            "Taking the logarithm once, of the mean of the fractions, and not of each fraction.",
            "Counting the views from 1, as the paper does.",
        ),
        discuss="How many exponentials does this form compute for 512 images, and how many of them "
        "twice?",
        form=f"views in {order}, {wanted}",
    )


LAYOUTS = {
    "two": (
        "first, second",
        "`first` and `second`, both $(N, D)$: row $k$ of either is a view of image $k$",
        "(N, D), (N, D)",
        ("z = torch.cat([first, second]).float()",),
        "(torch.arange(len(z)) + len(first)) % len(z)",
        "halves",
    ),
    "stacked": (
        "views",
        "`views`, $(N, 2, D)$: `views[k, 0]` and `views[k, 1]` belong to image $k$",
        "(N, 2, D)",
        ("z = views.flatten(0, 1).float()",),
        "torch.arange(len(z)) ^ 1",
        "pairs",
    ),
    "mirrored": (
        "z",
        f"`z`, $(2N, D)$, of which {ORDERS['mirrored']}",
        "(2N, D)",
        ("z = z.float()",),
        "torch.arange(len(z)).flip(0)",
        "mirrored",
    ),
    "columns": (
        "z",
        "`z`, $(D, 2N)$: each *column* is the vector of a view, and column $k$ belongs with "
        "column $N + k$",
        "(D, 2N)",
        ("z = z.T.float()",),
        "(torch.arange(len(z)) + len(z) // 2) % len(z)",
        "halves",
    ),
}
"""Arguments, description, shapes, code for z (2N, D), its partners, its order."""

TEMPERATURES = {
    "tau": ("tau", "the temperature $\\tau$", "s / tau"),
    "scale": ("scale", "the factor $1/\\tau$ by which the cosines are multiplied", "s * scale"),
    "logit": (
        "t",
        "a tensor with one number $t = \\log(1/\\tau)$, which CLIP learns",
        "s * t.exp()",
    ),
}
"""Argument, description, scores."""

REDUCTIONS: dict[str, tuple[str, str, Callable[[Sequence[float]], float]]] = {
    "mean": ("the mean over all $2N$ views", "{}(s, partner)", mean_over_views),
    "sum": ("the sum over all $2N$ views", '{}(s, partner, reduction="sum")', _sum),
    "images": (
        "the sum over all $2N$ views, divided by the number $N$ of images",
        "2 * {}(s, partner)",
        _per_image,
    ),
}


def packed(
    layout: str, temperature: str = "tau"
) -> Callable[[Tensor, Tensor, float], tuple[Any, ...]]:
    """A function from first views, second views and τ to the arguments of an answer."""
    order = LAYOUTS[layout][-1]

    def pack(first: Tensor, second: Tensor, tau: float) -> tuple[Any, ...]:
        given = {"tau": tau, "scale": 1 / tau, "logit": torch.tensor(-math.log(tau))}[temperature]
        if layout == "two":
            return first.clone(), second.clone(), given
        if layout == "stacked":
            return torch.stack([first, second], dim=1), given
        z = arrange_views(first, second, order)
        return (z.T.contiguous() if layout == "columns" else z), given

    return pack


def nt_xent(variant: Variant) -> Exercise:
    """The loss with all rows at once (Chen et al., 2020, equation 1)."""
    layout = variant.choose("NT-Xent layout", tuple(LAYOUTS))
    temperature = variant.choose("NT-Xent temperature", tuple(TEMPERATURES))
    over = variant.choose("NT-Xent reduction", tuple(REDUCTIONS))
    names, views, shapes, make_z, partner, order = LAYOUTS[layout]
    tau, meaning, scores = TEMPERATURES[temperature]
    wanted, returned, reduce = REDUCTIONS[over]
    checks = NtXent(packed(layout, temperature), reduce, order)
    plain = wanted.replace("$", "")
    body = "\n    ".join(
        (
            *make_z,
            "z = torch.nn.functional.normalize(z, dim=1)",
            "s = z @ z.T",
            f"s = {scores}",
            "s = s.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)",
            f"partner = {partner}",
            f"return {returned.format('torch.nn.functional.cross_entropy')}",
        )
    )
    head = f'''def loss({names}, {tau}):
    """NT-Xent of two views of N images: {shapes}, {tau} -> {plain}."""
    '''
    return Exercise(
        key="nt-xent",
        lesson=LESSON,
        type="implement",
        title="The loss, all rows at once",
        points=6,
        minutes=20,
        objective="write the contrastive loss as a cross-entropy over the rows of one matrix, fast "
        "and accurate at small temperatures",
        statement=f"""Write `loss({names}, {tau})`, SimCLR's loss of $N$ images in two views each.
With the cosines $s_{{i,k}}$, and $j$ the partner of $i$,

{FORMULA}

Return {wanted}. The arguments are {views}; and `{tau}`, {meaning}.

- Use no loop: 512 images must take less than two seconds.
- The loss must be accurate at $\\tau = 0.01$.
- With input in half precision it must compute in float32, or precision is lost.""",
        function="loss",
        starter=head + "...\n",
        solution=head + body + "\n",
        hints=(
            "First put the views into one tensor of $2N$ rows, and write down for $N = 2$ the "
            "index of each row's partner.",
            "A candidate with the score $-\\infty$ does not contribute to a softmax.",
            "What remains is the cross-entropy of a classifier. What are its scores and labels?",
        ),
        properties=checks.properties(
            "one_number",
            "identical",
            "perfect",
            "lengths",
            "hot",
            "images",
            "swapped",
            "formula",
            "single",
            "cold",
            "half",
            "gradient",
            "fast",
        ),
        mistakes=(
            "Labels for a different order of the views: nothing fails.",
            "Normalising over the batch, not each vector.",
            "First views only against second views: half of the negatives are missing.",
            "Exponentials before the logarithm: at a small τ they overflow.",
        ),
        discuss="Which of these properties would you check after every change to your training "
        "code, and what does each check cost?",
        form=f"views {layout}, {tau} given, {plain}",
    )


def in_any_order(first: Tensor, second: Tensor, tau: float) -> tuple[Tensor, Tensor, float]:
    """Both views of all images, shuffled, and the indices of partners: (2N, D), (2N,), τ."""
    views = 2 * len(first)
    order = torch.randperm(views, generator=make_generator(views))
    place = order.argsort()
    return torch.cat([first, second])[order], place[(order + len(first)) % views], tau


def s_minus_identity(variant: Variant) -> Exercise:
    """A failed attempt to exclude the view itself from its own row."""
    bug = variant.choose("minus identity bug", ("minus", "times", "sum"))
    over = variant.choose("minus identity reduction", ("mean", "sum"))
    head = f'''def loss(z, partner, tau):
    """NT-Xent of 2N views: (2N, D), (2N,), τ -> the {over} over all views."""
    z = z / z.norm(dim=1, keepdim=True)
'''
    ending = (
        "    return torch.nn.functional.cross_entropy(s / tau, partner"
        + ("" if over == "mean" else ', reduction="sum"')
        + ")\n"
    )
    by_sums = """    e = torch.exp(z @ z.T / tau)
    positive = e[torch.arange(len(z)), partner]
"""
    starter, solution, words = {
        "minus": (
            "    s = z @ z.T - torch.eye(len(z))  # leave out each view itself\n" + ending,
            "    s = (z @ z.T).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)\n"
            + ending,
            "subtracts the identity matrix from the affinity matrix",
        ),
        "times": (
            "    s = z @ z.T * (1 - torch.eye(len(z)))  # leave out each view itself\n" + ending,
            "    s = (z @ z.T).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)\n"
            + ending,
            "multiplies the diagonal of the affinity matrix by zero",
        ),
        "sum": (
            f"{by_sums}    others = e.sum(dim=1) - 1  # leave out each view itself\n"
            f"    return -torch.log(positive / others).{over}()\n",
            f"{by_sums}    others = e.sum(dim=1) - e.diagonal()\n"
            f"    return -torch.log(positive / others).{over}()\n",
            "subtracts 1, the cosine of a view with itself, from the sum of each row",
        ),
    }[bug]
    checks = NtXent(in_any_order, mean_over_views if over == "mean" else _sum)
    return Exercise(
        key="s-minus-identity",
        lesson=LESSON,
        type="bug",
        title="A view in its own row",
        points=4,
        minutes=10,
        objective="exclude a candidate from a softmax correctly",
        statement=f"""`z`, $(2N, D)$, holds both views of $N$ images, in any order, and `partner`,
$(2N,)$, the index of each view's partner. The candidates of each view are the *others*. This code
{words}. It runs, and the loss falls, but it is not the loss that was intended:

```python
{head}{starter.rstrip()}
```

What remains of each view in its own row? Fix `loss`. There are several ways.""",
        function="loss",
        starter=head + starter,
        solution=head + solution,
        hints=(
            "Give it identical vectors, and compare with $\\log(2N - 1)$ for a row.",
            "What is on the diagonal just before the sum over a row is taken, and what should be "
            "there?",
        ),
        properties=checks.properties(
            *("one_number", "identical", "lengths", "hot", "perfect", "images"),
            *("formula", "single", "gradient"),
        ),
        mistakes=(
            "A score of 0 for an excluded candidate: $e^0 = 1$ stays in the sum.",
            "A large negative number that is not large enough after division by τ.",
            "Setting the diagonal of the softmax to 0, after the others were divided by the sum.",
        ),
        discuss="For which τ does this bug hardly matter, and for which does it matter most?",
        form=f"{words}, {over}",
    )


SIDES: dict[str, tuple[str, str, str, Callable[[Sequence[float]], float]]] = {
    "one": (
        "Each first view must find its partner among the $N$ second views",
        "each first view among the second ones",
        "return torch.nn.functional.cross_entropy({0}, labels)",
        _first_half,
    ),
    "both": (
        "Each first view must find its partner among the $N$ second views, and each second view "
        "among the first; the result is the mean of all $2N$ losses",
        "each view among those of the other side",
        "return sum(torch.nn.functional.cross_entropy(x, labels) for x in ({0}, {1})) / 2",
        mean_over_views,
    ),
}
"""The searching side in words and in short, the code of the ending, and the reduction."""


def will_not_fall(variant: Variant) -> Exercise:
    """A loss that cannot fall far below its value at chance."""
    side = variant.choose("will not fall side", tuple(SIDES))
    bug = variant.choose("will not fall bug", ("softmax", "temperature", "positive"))
    searching, short, ending, reduce = SIDES[side]
    head = f'''def loss(first, second, tau):
    """InfoNCE, {short}: (N, D), (N, D), τ -> mean."""
    first = first / first.norm(dim=1, keepdim=True)
    second = second / second.norm(dim=1, keepdim=True)
'''
    labels = "    labels = torch.arange(len(first))\n"
    scores = "    s = first @ second.T / tau\n"
    fixed = f"{scores}{labels}    {ending.format('s', 's.T')}\n"
    sums = {
        "one": "e.sum(dim=1)",
        "both": "torch.stack([e.sum(dim=1), e.sum(dim=0)])",
    }[side]
    by_sums = f"    e = torch.exp(first @ second.T / tau)\n    all_of_them = {sums}\n"
    starter, solution, mistake, hint = {
        "softmax": (
            f"{scores}    p, q = torch.softmax(s, dim=1), torch.softmax(s.T, dim=1)\n{labels}"
            f"    {ending.format('p', 'q')}\n"
            if side == "both"
            else f"{scores}    p = torch.softmax(s, dim=1)\n{labels}    {ending.format('p')}\n",
            fixed,
            "`cross_entropy` takes scores and applies its own softmax; given probabilities, it "
            "computes the softmax of a softmax, with scores between 0 and 1.",
            "Print the input of the last line. Which values can it have at best, and what does the "
            "function do with them?",
        ),
        "temperature": (
            fixed.replace("/ tau", "* tau"),
            fixed,
            "Multiplying by a small τ makes all scores similar; dividing by it separates them.",
            "Print the scores of one row at τ = 0.05. How far apart can they be?",
        ),
        "positive": (
            f"{by_sums}    others = e.diagonal() + all_of_them  # the positive and the rest\n"
            "    return -torch.log(e.diagonal() / others).mean()\n",
            f"{by_sums}    return -torch.log(e.diagonal() / all_of_them).mean()\n",
            "The positive is in the sum twice, so the fraction cannot exceed one half.",
            "How large can the fraction be if the positive dominates its row?",
        ),
    }[bug]
    checks = NtXent(
        lambda first, second, tau: (first.clone(), second.clone(), tau), reduce, between=True
    )
    both = ("swapped",) if side == "both" else ()
    return Exercise(
        key="loss-will-not-fall",
        lesson=LESSON,
        type="bug",
        title="A loss that will not fall",
        points=4,
        minutes=10,
        objective="find a mistake in a loss by computing the loss of a perfect network",
        statement=f"""Row $k$ of `first` and of `second`, both $(N, D)$, are the two views of image
$k$. {searching}. With $\\tau = 0.05$ this loss falls a little and then stops, although nearly
every partner is found:

```python
{head}{starter.rstrip()}
```

What is the loss of a perfect network, which gives partners the same vector and all others
orthogonal vectors? Find what keeps this loss high, and fix it.""",
        function="loss",
        starter=head + starter,
        solution=head + solution,
        hints=("Try it with `torch.eye(4)` for both sides: no network can do better.", hint),
        properties=checks.properties(
            *("one_number", "perfect", "identical", "lengths", "hot", "images", *both),
            *("formula", "single", "gradient"),
        ),
        mistakes=(
            mistake,
            "Hiding the floor by subtracting it: the minimum is then 0, but the gradients are "
            "still those of a different loss.",
        ),
        discuss="Does such a loss prevent training, or only make it worse? What do its gradients "
        "still get right?",
        form=f"{bug}, {short}",
    )
