"""An exercise on the gradient of a search: which candidates a step of training pushes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.bank.contrastive_learning import LESSON, listed, some_scores
from ssl_teach.exercises.checks.harness import call, close, require, tensor_like
from ssl_teach.exercises.checks.nt_xent import Answer
from ssl_teach.exercises.checks.reference import searches
from ssl_teach.exercises.core import Exercise, Property, Variant

STAND_STILL = "what may you subtract from all scores of a query without changing its softmax?"


@dataclass(frozen=True)
class Push:
    """The tests of one form.

    Attributes:
        what: "cosines" or "scores": what the loss is differentiated by; or "shares".
        layout: "one" query, or many in "rows" or "columns".
    """

    what: str
    layout: str

    def value(
        self, answer: Answer, cosines: Tensor, positive: Tensor, tau: float, on: str = ""
    ) -> Tensor:
        """What an answer gives, brought into the shape (M, K)."""
        on = on or f"cosines of {cosines.shape[1]} candidates, τ = {tau:g}"
        if self.layout == "one":
            rows = [
                tensor_like(call(answer, row.clone(), j, tau, on=on), row.shape, on=on)
                for row, j in zip(cosines, positive.tolist(), strict=True)
            ]
            return torch.stack(rows).double()
        columns = self.layout == "columns"
        given = cosines.T.contiguous() if columns else cosines.clone()
        found = call(answer, given, positive.clone(), tau, on=on)
        found = tensor_like(found, given.shape, on=on, names="one for each cosine")
        return (found.T if columns else found).double()

    def truth(self, cosines: Tensor, positive: Tensor, tau: float) -> Tensor:
        """The slope of the loss by each cosine or score, by finite differences: (M, K)."""
        step, slopes = 1e-5, torch.zeros_like(cosines, dtype=torch.float64)
        for k in range(cosines.shape[1]):
            moved = torch.zeros_like(slopes)
            moved[:, k] = step
            up, down = (searches(cosines + sign * moved, positive, tau) for sign in (1, -1))
            slopes[:, k] = (up - down) / (2 * step)
        if self.what == "scores":
            return slopes * tau
        if self.what == "shares":
            slopes.scatter_(1, positive[:, None], 0.0)
            return slopes / slopes.sum(dim=1, keepdim=True)
        return slopes

    def any_size(self, answer: Answer) -> None:
        """A number for each cosine."""
        for candidates in (5, 2):
            self.value(answer, *some_scores(1, 3, candidates), 0.5)

    def balance(self, answer: Answer) -> None:
        """Pull and pushes add up to 0."""
        cosines, positive = some_scores(2, 3, 6)
        found = self.value(answer, cosines, positive, 0.5)
        at_positive = found.gather(1, positive[:, None])
        require(
            bool((at_positive < 0).all()),
            f"at a positive it gives {listed(at_positive[0, 0])}: descent would push it away",
            "does the loss rise or fall if the right answer gets a higher score?",
        )
        require(
            close(found.sum(dim=1), torch.zeros(3)),
            f"pull and pushes of one query add up to {listed(found[0].sum())}; they should "
            "balance, since a number added to all its scores changes nothing",
            "the probabilities add up to 1; what is subtracted, and at which of them?",
        )

    def shares(self, answer: Answer) -> None:
        """Shares of the negatives add up to 1."""
        cosines, positive = some_scores(2, 3, 6)
        found = self.value(answer, cosines, positive, 0.5)
        at_positive = found.gather(1, positive[:, None])
        require(
            close(at_positive, torch.zeros(3, 1)),
            f"a positive is given a share of the push: {listed(at_positive[0, 0])}",
            "it is pulled, not pushed",
        )
        require(
            close(found.sum(dim=1), torch.ones(3)),
            f"the shares of the negatives of one query add up to {listed(found[0].sum())}",
            "divide by the sum over that query's negatives",
        )

    def hard(self, answer: Answer) -> None:
        """A closer negative gets more, by the softmax."""
        cosines = torch.tensor([[0.6, 0.5, 0.1, -0.7]])
        on = f"cosines {listed(cosines[0])}, the first of the positive, τ = 0.2"
        found = self.value(answer, cosines, torch.tensor([0]), 0.2, on)[0]
        require(
            found[1] > found[2] > found[3] >= 0,
            f"on {on}, it gives {listed(found)}: a closer negative should get more of the push",
            "which of the candidates does the softmax take for the likeliest?",
        )
        ratio = float(found[1] / found[2])
        require(
            abs(ratio - math.exp(0.4 / 0.2)) < 1e-2,
            f"on {on}, the second gets {ratio:.3f} times the push of the third",
            "the ratio of two probabilities of a softmax depends on the difference of their "
            "scores; how does τ enter?",
        )

    def slope(self, answer: Answer) -> None:
        """What finite differences give."""
        for seed, tau in ((3, 1.0), (4, 0.25), (5, 2.0)):
            cosines, positive = some_scores(seed, 3, 5)
            found = self.value(answer, cosines, positive, tau)
            right = self.truth(cosines, positive, tau)
            guesses = {
                ": it is τ times what it should be": right * tau,
                ": it is 1/τ times what it should be": right / tau,
                ": it is what it should be, divided by the number of queries": right / 3,
            }
            named = [words for words, guess in guesses.items() if close(found, guess, 1e-3)]
            require(
                close(found, right, 1e-3),
                f"on cosines of 5 candidates, τ = {tau:g}, it is not what finite differences of "
                f"the loss give{named[0] if named else ''}",
                "compare with the pushes, each divided by their sum"
                if self.what == "shares"
                else "by what exactly is the loss differentiated here?",
            )

    def cold(self, answer: Answer) -> None:
        """Finite, and all for the hardest negative, at a small τ."""
        cosines = torch.tensor([[0.5, 0.9, 0.7, -0.8], [0.3, 0.1, 0.95, 0.9]])
        found = self.value(answer, cosines, torch.tensor([0, 1]), 0.005)
        require(
            torch.isfinite(found).all(), f"at τ = 0.005 it gives {listed(found[0])}", STAND_STILL
        )
        hardest = found.argmax(dim=1).tolist()
        require(
            hardest == [1, 2],
            "at τ = 0.005 nearly all the push goes to the hardest negative; here it goes to number "
            f"{hardest[0]} of {listed(cosines[0])}, the first of which is the positive's",
        )


WHAT = {
    "cosines": (
        "the derivative of a query's loss by each of its cosines. Mind that $\\tau$ divides "
        "them before the softmax",
        "Derivative of the loss by each cosine",
    ),
    "scores": (
        "the derivative of a query's loss by each of its scores $s_k/\\tau$, which is what the "
        "softmax sees",
        "Derivative of the loss by each score s/τ",
    ),
    "shares": (
        "which share each negative has of the push on all negatives of its query. The positive has "
        "share 0, and the shares add up to 1, whatever the positive's cosine is",
        "Share of each negative in the push on all of them",
    ),
}
LAYOUTS = {
    "one": (
        "the cosines of one query with its candidates, `cosines`, $(K,)$, and `positive`, the "
        "place of the right one",
        "(K,), place of the positive, τ -> (K,)",
        (0, "positive"),
    ),
    "rows": (
        "the cosines of $M$ queries with their candidates, `cosines`, $(M, K)$, one row a query, "
        "and `positive`, $(M,)$, the place of the right one in each row",
        "(M, K), (M,), τ -> (M, K)",
        (1, "torch.arange(len(positive)), positive"),
    ),
    "columns": (
        "the cosines of $M$ queries with their candidates, `cosines`, $(K, M)$, one column a "
        "query, and `positive`, $(M,)$, the place of the right one in each column",
        "(K, M), (M,), τ -> (K, M)",
        (0, "positive, torch.arange(len(positive))"),
    ),
}
"""In words, as shapes, and in code: the axis of the candidates, and where the positives are."""


def push_and_pull(variant: Variant) -> Exercise:
    """The gradient of InfoNCE by hand: who is pushed, and how hard."""
    what = variant.choose("push what", tuple(WHAT))
    layout = variant.choose("push layout", tuple(LAYOUTS))
    checks = Push(what, layout)
    (asked, doc), (given, shapes, (axis, at)) = WHAT[what], LAYOUTS[layout]
    head = f'''def pushes(cosines, positive, tau):
    """{doc}: {shapes}."""
    '''
    softmax, shares = f"torch.softmax({{}}, dim={axis})", what == "shares"
    lines = (
        ("s = cosines / tau", f"s[{at}] = -torch.inf", f"return {softmax.format('s')}")
        if shares
        else (
            f"p = {softmax.format('cosines / tau')}",
            f"p[{at}] -= 1",
            "return p / tau" if what == "cosines" else "return p",
        )
    )
    first = (
        Property("gives shares that add up to 1, none of it to the positive", checks.shares)
        if shares
        else Property("pulls the positive, and its pull balances all pushes", checks.balance)
    )
    return Exercise(
        key="push-and-pull",
        lesson=LESSON,
        kind="implement",
        title="Who is pushed, and how hard",
        points=4,
        minutes=10,
        objective="say from the scores alone which negatives a step of training pushes away",
        statement=f"""Given are {given}. The loss of a query is the cross-entropy of finding the
right one with the scores $s_k/\\tau$. Write `pushes(cosines, positive, tau)`: {asked}.

Do it by hand, from the probabilities of the softmax.""",
        function="pushes",
        starter=head + "...\n",
        solution=head + "\n    ".join(lines) + "\n",
        hints=(
            "The derivative of a cross-entropy by its scores is the probability, less 1 at the "
            "right answer.",
            "Try it with all cosines equal: what should come out?",
        ),
        properties=(
            Property("gives a number for each cosine", checks.any_size),
            first,
            Property("pushes a closer negative harder, as τ says", checks.hard),
            Property("agrees with finite differences of the loss", checks.slope),
            Property("bears τ = 0.005", checks.cold),
        ),
        mistakes=(
            "The factor 1/τ: it is there for cosines, and not for scores.",
            "The sign: the gradient at the positive is negative, and descent goes against it.",
        ),
        discuss="A negative shows the same kind of thing as the query: how hard is it pushed?",
        form=f"by {what}, {layout}",
    )
