"""An exercise on the loss of one search among many candidates: InfoNCE as a cross-entropy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import call, close, require, seeded, tensor_like
from ssl_teach.exercises.checks.nt_xent import NO_GRADIENT, NOT_ITS_SLOPE, Answer, together
from ssl_teach.exercises.checks.reference import recognised, searches
from ssl_teach.exercises.core import Exercise, Property, Variant

LESSON = "10_contrastive_learning"


def some_scores(seed: int, queries: int = 4, candidates: int = 7) -> tuple[Tensor, Tensor]:
    """Numbers such as cosines are, and places of positives: (M, K), (M,)."""
    draw = seeded(seed)
    scores = 2 * torch.rand(queries, candidates, generator=draw) - 1
    return scores, torch.randint(candidates, (queries,), generator=draw)


def listed(values: Tensor) -> str:
    """A number, or a few, to four digits."""
    numbers = [f"{value:.4f}" for value in values.reshape(-1).tolist()]
    return numbers[0] if values.ndim == 0 else f"[{', '.join(numbers)}]"


OVER = {
    "mean": ("the mean over the queries", ".mean()"),
    "sum": ("the sum over the queries", ".sum()"),
    "each": ("one loss for each query", ""),
}
UNITS = {
    "nats": ("in nats", ""),
    "bits": ("in bits, which is to say with the logarithm to base 2", " / math.log(2)"),
    "share": (
        "as a share of the loss at chance, $\\log K$, so that 1 means chance whatever $K$ is",
        " / math.log(candidates)",
    ),
}
"""In words, and in code."""


@dataclass(frozen=True)
class InfoNce:
    """The tests of one form of InfoNCE.

    Attributes:
        layout: "rows" or "columns": where the scores of one query lie.
        unit: "nats", "bits" or "share" of the loss at chance.
        over: "mean" or "sum" over the queries, or "each".
    """

    layout: str
    unit: str
    over: str

    def pack(self, scores: Tensor) -> Tensor:
        """The scores as the answer gets them, from (M, K); and back."""
        return scores.T.contiguous() if self.layout == "columns" else scores.clone()

    def reduce(self, losses: Tensor, candidates: int) -> Tensor:
        """What is wanted, from the losses of the queries in nats."""
        units = {"nats": 1.0, "bits": math.log(2), "share": math.log(candidates)}
        losses = losses / units[self.unit]
        return {"mean": losses.mean(), "sum": losses.sum(), "each": losses}[self.over]

    def truth(self, scores: Tensor, positive: Tensor, tau: float) -> Tensor:
        """What is right."""
        return self.reduce(searches(scores, positive, tau), scores.shape[1])

    def value(
        self, answer: Answer, scores: Tensor, positive: Tensor, tau: float = 0.5, on: str = ""
    ) -> Tensor:
        """What an answer gives."""
        queries, candidates = scores.shape
        on = on or f"{queries} queries with {candidates} candidates each, τ = {tau:g}"
        found = call(answer, self.pack(scores), positive.clone(), tau, on=on)
        return tensor_like(found, (queries,) if self.over == "each" else (), on=on).double()

    def any_size(self, answer: Answer) -> None:
        """A number (a query) for any M and K."""
        for queries, candidates in ((4, 7), (1, 2), (6, 3)):
            self.value(answer, *some_scores(0, queries, candidates))

    def chance(self, answer: Answer) -> None:
        """What guessing loses when all scores are equal."""
        for candidates in (12, 5):
            scores, positive = torch.full((3, candidates), 0.7), torch.tensor([1, 0, 4])
            on = f"3 queries whose {candidates} candidates all have the same score"
            value = self.value(answer, scores, positive, on=on)
            nats = torch.full((3,), math.log(candidates), dtype=torch.float64)
            right = self.reduce(nats, candidates)
            units = [replace(self, unit=unit).reduce(nats, candidates) for unit in UNITS]
            ways = [replace(self, over=over).reduce(nats, candidates) for over in OVER]
            guesses = {
                "the positive is a candidate too": [right * math.log(candidates - 1) / nats[0]],
                "in which unit is the loss to be given?": units,
                "how are the losses of the queries to be put together?": ways,
            }
            found = float(value.mean())
            where = [
                words
                for words, guess in guesses.items()
                if any(abs(found - float(each.mean())) < 1e-3 for each in guess)
            ]
            require(
                close(value, right, 1e-3),
                f"on {on}, it gives {listed(value)}, and guessing loses something else",
                where[0]
                if where
                else "which probability has each candidate, and what is minus its logarithm?",
            )

    def _unchanged(self, before: Tensor, after: Tensor, what: str, where: str) -> None:
        require(
            close(before, after, 1e-3),
            f"{what}, and the loss changed: {listed(before)} before, {listed(after)} after",
            where,
        )

    def shifted(self, answer: Answer) -> None:
        """The same if all scores of a query grow by the same."""
        scores, positive = some_scores(6)
        more = torch.tensor([[0.5], [-2.0], [3.0], [1.0]])
        before, after = (self.value(answer, each, positive) for each in (scores, scores + more))
        self._unchanged(
            before,
            after,
            "the same number was added to all scores of a query, which changes no softmax",
            "is every score of the query in the sum, the positive's too? and is the sum over the "
            "candidates?",
        )

    def candidates(self, answer: Answer) -> None:
        """The same if the candidates change places."""
        scores, positive = some_scores(5)
        other = torch.tensor([3, 0, 6, 1, 5, 2, 4])
        before = self.value(answer, scores, positive)
        after = self.value(answer, scores[:, other], other.argsort()[positive])
        self._unchanged(
            before,
            after,
            "the candidates were put in another order, and `positive` names their new places",
            "is `positive` used for every query?",
        )

    def queries(self, answer: Answer) -> None:
        """The same if the queries change places."""
        scores, positive = some_scores(4)
        other = torch.tensor([2, 3, 0, 1])
        before = self.value(answer, scores, positive)
        after = self.value(answer, scores[other], positive[other])
        self._unchanged(
            before[other] if self.over == "each" else before,
            after,
            "the queries were put in another order, their positives with them",
            "does any query get a treatment of its own?",
        )

    def formula(self, answer: Answer) -> None:
        """What explicit sums give."""
        for seed, tau in ((1, 1.0), (2, 0.2), (3, 3.0)):
            scores, positive = some_scores(seed)
            value = self.value(answer, scores, positive, tau)
            right = self.truth(scores, positive, tau)
            guesses = {
                ", which is right for 1/τ in the place of τ": self.truth(scores, positive, 1 / tau),
                ", which is right but for its sign": -right,
                ", which is right if candidate 0 is always the positive": self.truth(
                    scores, 0 * positive, tau
                ),
                ", which would be right in nats": right / self.reduce(torch.ones(4), 7).mean(),
            }
            named = {words: float(guess.mean()) for words, guess in guesses.items()}
            require(
                close(value, right, 1e-3),
                f"on 4 queries with 7 candidates each, τ = {tau:g}, it gives {listed(value)}, and "
                "the softmax of each query, written out, gives another loss"
                + recognised(float(value.mean()), named),
                "take one query with two candidates, and write the formula out by hand",
            )

    def cold(self, answer: Answer) -> None:
        """Finite and right where exponentials overflow."""
        scores, positive = some_scores(7)
        for factor, dtype, what in (
            (1.0, torch.float32, "cosines"),
            (50.0, torch.float32, "scores up to 50"),
            (1.0, torch.float16, "cosines in half precision"),
        ):
            given, on = (factor * scores).to(dtype), f"{what}, τ = 0.01"
            value = self.value(answer, given, positive, 0.01, on)
            require(
                torch.isfinite(value).all(),
                f"on {on}, it gives {listed(value)}: an exponential ran over, or a logarithm met 0",
                "what may you subtract from all scores of a query without changing its softmax?",
            )
            require(
                close(value, self.truth(given, positive, 0.01), 1e-4),
                f"on {on}, it gives {listed(value)}, and double precision another number",
                "is anything cut off, or added to keep a logarithm away from 0? and in which "
                "precision is it computed?",
            )

    def gradient(self, answer: Answer) -> None:
        """The gradient is the slope of the formula."""
        scores, positive = some_scores(8, 3, 4)
        given = self.pack(scores.double()).requires_grad_()
        on = "3 queries that want gradients, τ = 0.5"
        loss = together(call(answer, given, positive, 0.5, on=on))
        require(isinstance(loss, Tensor) and loss.requires_grad, *NO_GRADIENT)
        slopes = self.pack(torch.autograd.grad(loss.sum(), given)[0])
        step = 1e-4
        for query, candidate in ((0, 0), (1, 2), (2, 3), (2, int(positive[2]))):
            moved = torch.zeros(3, 4, dtype=torch.float64)
            moved[query, candidate] = step
            up, down = (self.truth(scores + sign * moved, positive, 0.5).sum() for sign in (1, -1))
            slope = (up - down) / (2 * step)
            require(abs(slopes[query, candidate] - slope) < 2e-3, *NOT_ITS_SLOPE)


def info_nce_cross_entropy(variant: Variant) -> Exercise:
    """InfoNCE from its scores (van den Oord et al., 2018, equation 4)."""
    layout = variant.choose("InfoNCE layout", ("rows", "columns"))
    unit = variant.choose("InfoNCE unit", tuple(UNITS))
    over = variant.choose("InfoNCE reduction", tuple(OVER))
    checks = InfoNce(layout, unit, over)
    rows = layout == "rows"
    shape, axis, line = ("(M, K)", 1, "row") if rows else ("(K, M)", 0, "column")
    (wanted, ending), (in_unit, divided) = OVER[over], UNITS[unit]
    result = "(M,)" if over == "each" else "a number"
    head = f'''def info_nce(scores, positive, tau):
    """Cross-entropy of finding the positives: {shape}, (M,), τ -> {result}."""
    '''
    needs = "import math\n\n\n" if divided else ""
    at = "torch.arange(queries), positive" if rows else "positive, torch.arange(queries)"
    body = "\n    ".join(
        (
            f"{'queries, candidates' if rows else 'candidates, queries'} = scores.shape",
            "s = scores.float() / tau",
            f"s = s - s.max(dim={axis}, keepdim=True).values",
            f"losses = s.exp().sum(dim={axis}).log() - s[{at}]",
            f"return losses{ending}{divided}",
        )
    )
    return Exercise(
        key="info-nce-cross-entropy",
        lesson=LESSON,
        kind="implement",
        title="InfoNCE is a cross-entropy",
        points=5,
        minutes=15,
        objective="compute the contrastive loss from scores, so that no exponential overflows",
        statement=f"""Each of $M$ queries has $K$ candidates. {line.capitalize()} $m$ of `scores`,
${shape}$, holds the scores of query $m$, and `positive`, $(M,)$, says which candidate is the right
one. With $s^+$ the score of the right candidate, the loss of a query is

$$-\\log \\frac{{\\exp(s^+/\\tau)}}{{\\sum_{{k=1}}^K \\exp(s_k/\\tau)}}$$

Write `info_nce(scores, positive, tau)`: {wanted}, {in_unit}. It must bear $\\tau = 0.01$, and
scores in half precision, which are to be turned into float32 first. Try it with `exp`, `log` and
sums before you reach for a function that does it all.""",
        function="info_nce",
        starter=f"{needs}{head}...\n",
        solution=f"{needs}{head}{body}\n",
        hints=(
            "The logarithm of a fraction is a difference of two logarithms. What is the first?",
            "The largest score of a query, subtracted from all of its scores, changes nothing in "
            "the fraction, and then no exponential is above 1.",
        ),
        properties=(
            Property(f"gives {result}, however many queries and candidates", checks.any_size),
            Property("loses what guessing among K loses when all scores are equal", checks.chance),
            Property("stays the same when all scores of a query grow by the same", checks.shifted),
            Property("follows `positive` when the candidates change places", checks.candidates),
            Property("treats all queries alike", checks.queries),
            Property("is the cross-entropy of the softmax", checks.formula),
            Property("bears τ = 0.01, large scores and half precision", checks.cold),
            Property("has a gradient that is its slope", checks.gradient),
        ),
        mistakes=(
            "A softmax over the other axis: the queries compete for a candidate.",
            "Softmax first, logarithm after: at a small τ that is the logarithm of 0.",
            "Only the negatives in the sum: then the loss can fall below 0.",
        ),
        discuss="What stands in the positive's place in the classifier that you know from "
        "supervised training?",
        form=f"scores in {layout}, {over} in {unit}",
    )
