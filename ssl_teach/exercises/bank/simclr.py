"""Exercises on SimCLR's loss: by explicit sums, and all rows at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ssl_teach.exercises.checks.nt_xent import NtXent, by_image
from ssl_teach.exercises.checks.reference import ORDERS, cosines, in_order
from ssl_teach.exercises.core import Exercise, Variant

LESSON = "11_simclr"
FORMULA = """$$\\ell(i, j) = -\\log \\frac{\\exp(s_{i,j}/\\tau)}
{\\sum_{k \\neq i} \\exp(s_{i,k}/\\tau)}$$"""


def _first_half(losses: Sequence[float]) -> float:
    """Mean over the first views alone."""
    return by_image(losses[: len(losses) // 2])


def _total(losses: Sequence[float]) -> float:
    """The sum over all views."""
    return sum(losses)


def _per_image(losses: Sequence[float]) -> float:
    """The sum over all views, divided by the number of images."""
    return 2 * by_image(losses)


def two_loops(variant: Variant) -> Exercise:
    """Algorithm 1 read literally, from the affinity matrix (Chen et al., 2020)."""
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
            by_image,
        ),
        "sum": (
            "the sum of $\\ell$ over all $2N$ views",
            "the sum over all views",
            "views",
            "total",
            _total,
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
        return cosines(in_order(first, second, order)).float(), tau

    checks = NtXent(pack, reduce, order)
    both = () if over == "first" else ("swapped",)
    return Exercise(
        key="nt-xent-two-loops",
        lesson=LESSON,
        kind="implement",
        title="The loss, one term at a time",
        points=5,
        minutes=15,
        objective="read the formula of the loss term by term, and know which terms are in the sum",
        statement=f"""Given is the affinity matrix `s`, $(2N, 2N)$: the cosines of $2N$ views,
of which {ORDERS[order]}. The loss of view $i$ with its partner $j$ is

{FORMULA}

Write `two_loops(s, tau)`: {asked}. Use a loop over the views and a loop over the terms of each sum,
and read one number of `s` at a time. It will be slow. It is the form that one can check by reading,
and what every faster form has to agree with.""",
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
            "For $N = 1$ the sum has one term, the partner. Which place does it have?",
            "The outer loop runs over $i$. Its partner $j$ follows from $i$, without a third loop.",
        ),
        properties=checks.properties(
            "one_number", "identical", "perfect", "hot", "images", *both, "formula", "single"
        ),
        mistakes=(
            "Leaving the partner out of the sum, as if it ran over the negatives alone.",
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
"""Arguments, in words, shapes, code that makes z (2N, D) of them, its partners, its order."""

TEMPERATURES = {
    "tau": ("tau", "the temperature $\\tau$", "s / tau"),
    "scale": ("scale", "the factor $1/\\tau$ by which the cosines are multiplied", "s * scale"),
    "logit": (
        "t",
        "a tensor with one number $t = \\log(1/\\tau)$, which is what CLIP learns",
        "s * t.exp()",
    ),
}
"""Argument, in words, scores made with it."""

REDUCTIONS: dict[str, tuple[str, str, Callable[[Sequence[float]], float]]] = {
    "mean": ("the mean over all $2N$ views", "{}(s, partner)", by_image),
    "sum": ("the sum over all $2N$ views", '{}(s, partner, reduction="sum")', _total),
    "images": (
        "the sum over all $2N$ views, divided by the number $N$ of images",
        "2 * {}(s, partner)",
        _per_image,
    ),
}


def packed(
    layout: str, temperature: str = "tau"
) -> Callable[[Tensor, Tensor, float], tuple[Any, ...]]:
    """What makes an answer's arguments out of first views, second views and τ."""
    order = LAYOUTS[layout][-1]

    def pack(first: Tensor, second: Tensor, tau: float) -> tuple[Any, ...]:
        given = {"tau": tau, "scale": 1 / tau, "logit": torch.tensor(-math.log(tau))}[temperature]
        if layout == "two":
            return first.clone(), second.clone(), given
        if layout == "stacked":
            return torch.stack([first, second], dim=1), given
        z = in_order(first, second, order)
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
        kind="implement",
        title="The loss, all rows at once",
        points=6,
        minutes=20,
        objective="write the contrastive loss as a cross-entropy over the rows of one matrix, so "
        "that it is fast and bears small temperatures",
        statement=f"""Write `loss({names}, {tau})`, SimCLR's loss of $N$ images in two views each.
With the cosines $s_{{i,k}}$, and $j$ the partner of $i$,

{FORMULA}

and {wanted} is wanted. Given are {views}; and `{tau}`, {meaning}.

- No loop: 512 images must be done within two seconds.
- It must bear $\\tau = 0.01$.
- With input in half precision it must compute in float32, or digits are lost.""",
        function="loss",
        starter=head + "...\n",
        solution=head + body + "\n",
        hints=(
            "First bring the views into one tensor of $2N$ rows, and write down for $N = 2$ where "
            "each row's partner stands.",
            "A candidate with the score $-\\infty$ has no part in a softmax.",
            "What remains is the cross-entropy of a classifier. What are its scores, what are its "
            "labels?",
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
            "Labels for another order of the views than the batch has: nothing fails.",
            "Normalising over the batch, not each vector.",
            "First views against second views alone: half of the negatives are missing.",
            "Exponentials before the logarithm: at a small τ they overflow.",
        ),
        discuss="Which of these properties would you check after every change of a training code, "
        "and what does each cost?",
        form=f"views {layout}, {tau} given, {plain}",
    )
