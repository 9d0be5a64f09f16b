"""Exercises on losses with a bug in them: each runs without an error, and trains a little."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ssl_teach.exercises.bank.simclr import LESSON
from ssl_teach.exercises.checks.harness import seeded
from ssl_teach.exercises.checks.nt_xent import NtXent, by_image
from ssl_teach.exercises.core import Exercise, Variant


def in_any_order(first: Tensor, second: Tensor, tau: float) -> tuple[Tensor, Tensor, float]:
    """Both views of all images, shuffled, and where partners are: (2N, D), (2N,), τ."""
    views = 2 * len(first)
    order = torch.randperm(views, generator=seeded(views))
    place = order.argsort()
    return torch.cat([first, second])[order], place[(order + len(first)) % views], tau


def _total(losses: Sequence[float]) -> float:
    return sum(losses)


def s_minus_identity(variant: Variant) -> Exercise:
    """The view itself is taken out where it does not help."""
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
    checks = NtXent(in_any_order, by_image if over == "mean" else _total)
    return Exercise(
        key="s-minus-identity",
        lesson=LESSON,
        kind="bug",
        title="The view that would not leave",
        points=4,
        minutes=10,
        objective="say what becomes of a score whose candidate is to have no part in a softmax",
        statement=f"""`z`, $(2N, D)$, holds both views of $N$ images, in any order, and `partner`,
$(2N,)$, says where the partner of each view stands. Each view is to search among the *others*.
Somebody {words}. The code runs, and the loss falls, and yet it is not the loss that was meant:

```python
{head}{starter.rstrip()}
```

What remains of each view in its own row? Mend `loss`. There are several ways.""",
        function="loss",
        starter=head + starter,
        solution=head + solution,
        hints=(
            "Give it identical vectors, and compare with $\\log(2N - 1)$ for a row.",
            "What stands on the diagonal just before the sum over a row is taken, and what would "
            "have to stand there?",
        ),
        properties=checks.properties(
            *("one_number", "identical", "lengths", "hot", "perfect", "images"),
            *("formula", "single", "gradient"),
        ),
        mistakes=(
            "A score of 0 for a vanished candidate: $e^0 = 1$ stays in the sum.",
            "A large negative number that is not large enough once τ has divided it.",
            "Setting the diagonal of the softmax to 0, after the others were divided by the sum.",
        ),
        discuss="For which τ does this bug hardly matter, for which does it matter most?",
        form=f"{words}, {over}",
    )


def _first_side(losses: Sequence[float]) -> float:
    return by_image(losses[: len(losses) // 2])


SIDES: dict[str, tuple[str, str, str, Callable[[Sequence[float]], float]]] = {
    "one": (
        "Each first view is to search for its partner among the $N$ second views",
        "each first view among the second ones",
        "return torch.nn.functional.cross_entropy({0}, labels)",
        _first_side,
    ),
    "both": (
        "Each first view is to search for its partner among the $N$ second views, and each second "
        "view among the first; the mean of all $2N$ losses is wanted",
        "each view among those of the other side",
        "return sum(torch.nn.functional.cross_entropy(x, labels) for x in ({0}, {1})) / 2",
        by_image,
    ),
}
"""Who searches, in words and in short, code of the ending, and the reduction of the losses."""


def will_not_fall(variant: Variant) -> Exercise:
    """A loss that has a floor far above 0."""
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
    mended = f"{scores}{labels}    {ending.format('s', 's.T')}\n"
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
            mended,
            "`cross_entropy` takes scores and makes its own softmax; given probabilities, it takes "
            "the softmax of a softmax, whose scores lie between 0 and 1.",
            "Print what goes into the last line. Which values can it have at best, and what does "
            "the function do with them?",
        ),
        "temperature": (
            mended.replace("/ tau", "* tau"),
            mended,
            "A small τ multiplied makes all scores alike; divided by, it sets them apart.",
            "Print the scores of one row at τ = 0.05. How far apart can they be?",
        ),
        "positive": (
            f"{by_sums}    others = e.diagonal() + all_of_them  # the positive and the rest\n"
            "    return -torch.log(e.diagonal() / others).mean()\n",
            f"{by_sums}    return -torch.log(e.diagonal() / all_of_them).mean()\n",
            "The positive stands twice in the sum, so the fraction cannot exceed one half.",
            "How large can the fraction be, if the positive is all that counts in its row?",
        ),
    }[bug]
    checks = NtXent(
        lambda first, second, tau: (first.clone(), second.clone(), tau), reduce, between=True
    )
    both = ("swapped",) if side == "both" else ()
    return Exercise(
        key="loss-will-not-fall",
        lesson=LESSON,
        kind="bug",
        title="A loss that will not fall",
        points=4,
        minutes=10,
        objective="find a mistake in a loss by asking what the best possible network would lose",
        statement=f"""Row $k$ of `first` and of `second`, both $(N, D)$, are the two views of image
$k$. {searching}. With $\\tau = 0.05$ this loss falls a little, and then no more, though nearly
every partner is found:

```python
{head}{starter.rstrip()}
```

What would a perfect network lose: one that gives partners the same vector, and all others vectors
at right angles? Find what keeps this loss up, and mend it.""",
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
            "Hiding the floor by subtracting it: the number is then 0 at best, and the gradients "
            "are still those of another loss.",
        ),
        discuss="Does a loss with such a floor train nothing, or only worse? What do its gradients "
        "still get right?",
        form=f"{bug}, {short}",
    )
