"""Lesson 10: InfoNCE as a cross-entropy, and its gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    call,
    expect_tensor,
    is_close,
    make_generator,
    require,
)
from ssl_teach.exercises.checks.nt_xent import NO_GRADIENT, WRONG_GRADIENT, Answer, stack_numbers
from ssl_teach.exercises.checks.reference import info_nce_losses, recognise
from ssl_teach.exercises.core import Exercise, Property, Variant

LESSON = "10_contrastive_learning"


def random_scores(seed: int, queries: int = 4, candidates: int = 7) -> tuple[Tensor, Tensor]:
    """Random scores between -1 and 1, and the indices of the positives: (M, K), (M,)."""
    draw = make_generator(seed)
    scores = 2 * torch.rand(queries, candidates, generator=draw) - 1
    return scores, torch.randint(candidates, (queries,), generator=draw)


def as_text(values: Tensor) -> str:
    """One or several numbers with four decimals."""
    numbers = [f"{value:.4f}" for value in values.reshape(-1).tolist()]
    return numbers[0] if values.ndim == 0 else f"[{', '.join(numbers)}]"


OVER = {
    "mean": ("the mean over the queries", ".mean()"),
    "sum": ("the sum over the queries", ".sum()"),
    "each": ("one loss for each query", ""),
}
UNITS = {
    "nats": ("in nats", ""),
    "bits": ("in bits, that is, with logarithms to base 2", " / math.log(2)"),
    "share": (
        "as a fraction of the loss at chance, $\\log K$, so that 1 means chance for every $K$",
        " / math.log(candidates)",
    ),
}
"""In words, and in code."""


@dataclass(frozen=True)
class InfoNce:
    """The tests of one form of InfoNCE.

    Attributes:
        layout: "rows" or "columns", for the scores of one query.
        unit: "nats", "bits", or "share" for a fraction of the loss at chance.
        over: "mean" or "sum" over the queries, or "each".
    """

    layout: str
    unit: str
    over: str

    def pack(self, scores: Tensor) -> Tensor:
        """Convert scores from (M, K) to the layout of the answer, and back."""
        return scores.T.contiguous() if self.layout == "columns" else scores.clone()

    def reduce(self, losses: Tensor, candidates: int) -> Tensor:
        """The required result, from the losses of the queries in nats."""
        units = {"nats": 1.0, "bits": math.log(2), "share": math.log(candidates)}
        losses = losses / units[self.unit]
        return {"mean": losses.mean(), "sum": losses.sum(), "each": losses}[self.over]

    def truth(self, scores: Tensor, positive: Tensor, tau: float) -> Tensor:
        """The correct result."""
        return self.reduce(info_nce_losses(scores, positive, tau), scores.shape[1])

    def value(
        self, answer: Answer, scores: Tensor, positive: Tensor, tau: float = 0.5, on: str = ""
    ) -> Tensor:
        """The result of an answer."""
        queries, candidates = scores.shape
        on = on or f"{queries} queries with {candidates} candidates each, τ = {tau:g}"
        found = call(answer, self.pack(scores), positive.clone(), tau, on=on)
        return expect_tensor(found, (queries,) if self.over == "each" else (), on=on).double()

    def any_size(self, answer: Answer) -> None:
        """The answer gives a number, or one per query, for any M and K."""
        for queries, candidates in ((4, 7), (1, 2), (6, 3)):
            self.value(answer, *random_scores(0, queries, candidates))

    def chance(self, answer: Answer) -> None:
        """With equal scores, the loss is that at chance."""
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
                "in which unit should the loss be?": units,
                "how should the losses of the queries be combined?": ways,
            }
            found = float(value.mean())
            where = [
                words
                for words, guess in guesses.items()
                if any(abs(found - float(each.mean())) < 1e-3 for each in guess)
            ]
            require(
                is_close(value, right, 1e-3),
                f"on {on}, it gives {as_text(value)}, which is not the loss at chance",
                where[0]
                if where
                else "what is the probability of each candidate, and minus its logarithm?",
            )

    def _unchanged(self, before: Tensor, after: Tensor, what: str, where: str) -> None:
        require(
            is_close(before, after, 1e-3),
            f"{what}, and the loss changed: {as_text(before)} before, {as_text(after)} after",
            where,
        )

    def shifted(self, answer: Answer) -> None:
        """Unchanged if the same number is added to all scores of a query."""
        scores, positive = random_scores(6)
        more = torch.tensor([[0.5], [-2.0], [3.0], [1.0]])
        before, after = (self.value(answer, each, positive) for each in (scores, scores + more))
        self._unchanged(
            before,
            after,
            "the same number was added to all scores of a query, which changes no softmax",
            "is every score of the query in the sum, including that of the positive? and is the "
            "sum over the candidates?",
        )

    def candidates(self, answer: Answer) -> None:
        """Unchanged if the candidates change places."""
        scores, positive = random_scores(5)
        other = torch.tensor([3, 0, 6, 1, 5, 2, 4])
        before = self.value(answer, scores, positive)
        after = self.value(answer, scores[:, other], other.argsort()[positive])
        self._unchanged(
            before,
            after,
            "the candidates were put in another order, and `positive` gives their new indices",
            "is `positive` used for every query?",
        )

    def queries(self, answer: Answer) -> None:
        """Unchanged if the queries change places."""
        scores, positive = random_scores(4)
        other = torch.tensor([2, 3, 0, 1])
        before = self.value(answer, scores, positive)
        after = self.value(answer, scores[other], positive[other])
        self._unchanged(
            before[other] if self.over == "each" else before,
            after,
            "the queries were put in another order, together with their positives",
            "is any query treated differently?",
        )

    def formula(self, answer: Answer) -> None:
        """Equal to explicit sums."""
        for seed, tau in ((1, 1.0), (2, 0.2), (3, 3.0)):
            scores, positive = random_scores(seed)
            value = self.value(answer, scores, positive, tau)
            right = self.truth(scores, positive, tau)
            guesses = {
                ", which is correct for 1/τ instead of τ": self.truth(scores, positive, 1 / tau),
                ", which is correct except for its sign": -right,
                ", which is correct if candidate 0 is always the positive": self.truth(
                    scores, 0 * positive, tau
                ),
                ", which would be correct in nats": right / self.reduce(torch.ones(4), 7).mean(),
            }
            named = {words: float(guess.mean()) for words, guess in guesses.items()}
            require(
                is_close(value, right, 1e-3),
                f"on 4 queries with 7 candidates each, τ = {tau:g}, it gives {as_text(value)}, and "
                "the softmax of each query, written out, gives another loss"
                + recognise(float(value.mean()), named),
                "take one query with two candidates, and write the formula out by hand",
            )

    def cold(self, answer: Answer) -> None:
        """Finite and correct where exponentials overflow."""
        scores, positive = random_scores(7)
        for factor, dtype, what in (
            (1.0, torch.float32, "cosines"),
            (50.0, torch.float32, "scores up to 50"),
            (1.0, torch.float16, "cosines in half precision"),
        ):
            given, on = (factor * scores).to(dtype), f"{what}, τ = 0.01"
            value = self.value(answer, given, positive, 0.01, on)
            require(
                torch.isfinite(value).all(),
                f"on {on}, it gives {as_text(value)}: an exponential overflowed, or it took log 0",
                "what can you subtract from all scores of a query without changing its softmax?",
            )
            require(
                is_close(value, self.truth(given, positive, 0.01), 1e-4),
                f"on {on}, it gives {as_text(value)}, and double precision another number",
                "is anything clipped, or added to keep a logarithm away from 0? and in which "
                "precision is it computed?",
            )

    def gradient(self, answer: Answer) -> None:
        """The gradient agrees with finite differences of the formula."""
        scores, positive = random_scores(8, 3, 4)
        given = self.pack(scores.double()).requires_grad_()
        on = "3 queries that require gradients, τ = 0.5"
        loss = stack_numbers(call(answer, given, positive, 0.5, on=on))
        require(isinstance(loss, Tensor) and loss.requires_grad, *NO_GRADIENT)
        slopes = self.pack(torch.autograd.grad(loss.sum(), given)[0])
        step = 1e-4
        for query, candidate in ((0, 0), (1, 2), (2, 3), (2, int(positive[2]))):
            moved = torch.zeros(3, 4, dtype=torch.float64)
            moved[query, candidate] = step
            up, down = (self.truth(scores + sign * moved, positive, 0.5).sum() for sign in (1, -1))
            slope = (up - down) / (2 * step)
            require(abs(slopes[query, candidate] - slope) < 2e-3, *WRONG_GRADIENT)


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
        type="implement",
        title="InfoNCE is a cross-entropy",
        points=5,
        minutes=15,
        objective="compute the contrastive loss from scores without overflow",
        statement=f"""Each of $M$ queries has $K$ candidates. {line.capitalize()} $m$ of `scores`,
${shape}$, holds the scores of query $m$, and `positive`, $(M,)$, the index of its positive. With
$s^+$ the score of the positive, the loss of a query is

$$-\\log \\frac{{\\exp(s^+/\\tau)}}{{\\sum_{{k=1}}^K \\exp(s_k/\\tau)}}$$

Write `info_nce(scores, positive, tau)`: {wanted}, {in_unit}. It must be accurate at
$\\tau = 0.01$, and for scores in half precision, which should first be converted to float32. Try it
with `exp`, `log` and sums before you use a function that does everything.""",
        function="info_nce",
        starter=f"{needs}{head}...\n",
        solution=f"{needs}{head}{body}\n",
        hints=(
            "The logarithm of a fraction is a difference of two logarithms. What is the first?",
            "Subtracting the largest score of a query from all of its scores does not change the "
            "fraction, and then no exponential exceeds 1.",
        ),
        properties=(
            Property(f"gives {result}, however many queries and candidates", checks.any_size),
            Property("gives the loss at chance when all scores are equal", checks.chance),
            Property("does not change when all scores of a query grow equally", checks.shifted),
            Property("follows `positive` when the candidates change places", checks.candidates),
            Property("treats all queries alike", checks.queries),
            Property("is the cross-entropy of the softmax", checks.formula),
            Property(
                "is accurate at τ = 0.01, for large scores and in half precision", checks.cold
            ),
            Property("has the right gradient", checks.gradient),
        ),
        mistakes=(
            "A softmax over the wrong axis: the queries compete for a candidate.",
            "Softmax first, then the logarithm: at a small τ that is the logarithm of 0.",
            "Only the negatives in the sum: then the loss can fall below 0.",
        ),
        discuss="What corresponds to the positive in the classifier that you know from supervised "
        "training?",
        form=f"scores in {layout}, {over} in {unit}",
    )


SHIFT_HINT = "what can you subtract from all scores of a query without changing its softmax?"


@dataclass(frozen=True)
class PushAndPull:
    """The tests of one form.

    Attributes:
        what: the loss is differentiated with respect to "cosines" or "scores"; or "shares".
        layout: "one" query, or many in "rows" or "columns".
    """

    what: str
    layout: str

    def value(
        self, answer: Answer, cosines: Tensor, positive: Tensor, tau: float, on: str = ""
    ) -> Tensor:
        """The result of an answer, converted to the shape (M, K)."""
        on = on or f"cosines of {cosines.shape[1]} candidates, τ = {tau:g}"
        if self.layout == "one":
            rows = [
                expect_tensor(call(answer, row.clone(), j, tau, on=on), row.shape, on=on)
                for row, j in zip(cosines, positive.tolist(), strict=True)
            ]
            return torch.stack(rows).double()
        columns = self.layout == "columns"
        given = cosines.T.contiguous() if columns else cosines.clone()
        found = call(answer, given, positive.clone(), tau, on=on)
        found = expect_tensor(found, given.shape, on=on, names="one for each cosine")
        return (found.T if columns else found).double()

    def truth(self, cosines: Tensor, positive: Tensor, tau: float) -> Tensor:
        """The gradient with respect to cosines or scores, by finite differences: (M, K)."""
        step, slopes = 1e-5, torch.zeros_like(cosines, dtype=torch.float64)
        for k in range(cosines.shape[1]):
            moved = torch.zeros_like(slopes)
            moved[:, k] = step
            up, down = (info_nce_losses(cosines + sign * moved, positive, tau) for sign in (1, -1))
            slopes[:, k] = (up - down) / (2 * step)
        if self.what == "scores":
            return slopes * tau
        if self.what == "shares":
            slopes.scatter_(1, positive[:, None], 0.0)
            return slopes / slopes.sum(dim=1, keepdim=True)
        return slopes

    def any_size(self, answer: Answer) -> None:
        """The answer gives a number for each cosine."""
        for candidates in (5, 2):
            self.value(answer, *random_scores(1, 3, candidates), 0.5)

    def balance(self, answer: Answer) -> None:
        """Attraction and repulsion add up to 0."""
        cosines, positive = random_scores(2, 3, 6)
        found = self.value(answer, cosines, positive, 0.5)
        at_positive = found.gather(1, positive[:, None])
        require(
            bool((at_positive < 0).all()),
            f"at a positive it gives {as_text(at_positive[0, 0])}: descent would repel it",
            "does the loss rise or fall if the right answer gets a higher score?",
        )
        require(
            is_close(found.sum(dim=1), torch.zeros(3)),
            f"attraction and repulsion of one query add up to {as_text(found[0].sum())}; they "
            "should balance, since adding a number to all its scores changes nothing",
            "the probabilities add up to 1; what is subtracted, and at which of them?",
        )

    def shares(self, answer: Answer) -> None:
        """Shares of the negatives add up to 1."""
        cosines, positive = random_scores(2, 3, 6)
        found = self.value(answer, cosines, positive, 0.5)
        at_positive = found.gather(1, positive[:, None])
        require(
            is_close(at_positive, torch.zeros(3, 1)),
            f"a positive is given a share of the repulsion: {as_text(at_positive[0, 0])}",
            "it is attracted, not repelled",
        )
        require(
            is_close(found.sum(dim=1), torch.ones(3)),
            f"the shares of the negatives of one query add up to {as_text(found[0].sum())}",
            "divide by the sum over that query's negatives",
        )

    def hard(self, answer: Answer) -> None:
        """A closer negative is repelled more, according to the softmax."""
        cosines = torch.tensor([[0.6, 0.5, 0.1, -0.7]])
        on = f"cosines {as_text(cosines[0])}, the first of the positive, τ = 0.2"
        found = self.value(answer, cosines, torch.tensor([0]), 0.2, on)[0]
        require(
            found[1] > found[2] > found[3] >= 0,
            f"on {on}, it gives {as_text(found)}: a closer negative should be repelled more",
            "to which of the candidates does the softmax give the highest probability?",
        )
        ratio = float(found[1] / found[2])
        require(
            abs(ratio - math.exp(0.4 / 0.2)) < 1e-2,
            f"on {on}, the second is repelled {ratio:.3f} times as strongly as the third",
            "the ratio of two probabilities of a softmax depends on the difference of their "
            "scores; how does τ enter?",
        )

    def slope(self, answer: Answer) -> None:
        """Equal to finite differences."""
        for seed, tau in ((3, 1.0), (4, 0.25), (5, 2.0)):
            cosines, positive = random_scores(seed, 3, 5)
            found = self.value(answer, cosines, positive, tau)
            right = self.truth(cosines, positive, tau)
            guesses = {
                ": it is τ times what it should be": right * tau,
                ": it is 1/τ times what it should be": right / tau,
                ": it is what it should be, divided by the number of queries": right / 3,
            }
            named = [words for words, guess in guesses.items() if is_close(found, guess, 1e-3)]
            require(
                is_close(found, right, 1e-3),
                f"on cosines of 5 candidates, τ = {tau:g}, it is not what finite differences of "
                f"the loss give{named[0] if named else ''}",
                "compare with the repulsions, each divided by their sum"
                if self.what == "shares"
                else "with respect to what is the loss differentiated here?",
            )

    def cold(self, answer: Answer) -> None:
        """At a small τ, finite and concentrated on the hardest negative."""
        cosines = torch.tensor([[0.5, 0.9, 0.7, -0.8], [0.3, 0.1, 0.95, 0.9]])
        found = self.value(answer, cosines, torch.tensor([0, 1]), 0.005)
        require(
            torch.isfinite(found).all(),
            f"at τ = 0.005 it gives {as_text(found[0])}",
            SHIFT_HINT,
        )
        hardest = found.argmax(dim=1).tolist()
        require(
            hardest == [1, 2],
            "at τ = 0.005 nearly all the repulsion acts on the hardest negative; here on number "
            f"{hardest[0]} of {as_text(cosines[0])}, the first of which is the positive's",
        )


WHAT = {
    "cosines": (
        "the derivative of a query's loss with respect to each of its cosines. Note that $\\tau$ "
        "divides them before the softmax",
        "Derivative of the loss with respect to each cosine",
    ),
    "scores": (
        "the derivative of a query's loss with respect to each of its scores $s_k/\\tau$, the "
        "input of the softmax",
        "Derivative of the loss with respect to each score s/τ",
    ),
    "shares": (
        "the share of each negative in the repulsion of all negatives of its query. The positive "
        "has share 0, and the shares add up to 1, whatever the positive's cosine is",
        "Share of each negative in the repulsion of all of them",
    ),
}
LAYOUTS = {
    "one": (
        "the cosines of one query with its candidates, `cosines`, $(K,)$, and `positive`, the "
        "index of the positive",
        "(K,), index of the positive, τ -> (K,)",
        (0, "positive"),
    ),
    "rows": (
        "the cosines of $M$ queries with their candidates, `cosines`, $(M, K)$, one row per query, "
        "and `positive`, $(M,)$, the index of the positive in each row",
        "(M, K), (M,), τ -> (M, K)",
        (1, "torch.arange(len(positive)), positive"),
    ),
    "columns": (
        "the cosines of $M$ queries with their candidates, `cosines`, $(K, M)$, one column per "
        "query, and `positive`, $(M,)$, the index of the positive in each column",
        "(K, M), (M,), τ -> (K, M)",
        (0, "positive, torch.arange(len(positive))"),
    ),
}
"""In words, as shapes, and in code: the axis of the candidates, and where the positives are."""


def push_and_pull(variant: Variant) -> Exercise:
    """The gradient of InfoNCE by hand: attraction and repulsion of the candidates."""
    what = variant.choose("push what", tuple(WHAT))
    layout = variant.choose("push layout", tuple(LAYOUTS))
    checks = PushAndPull(what, layout)
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
        Property("gives shares that add up to 1, and none to the positive", checks.shares)
        if shares
        else Property("attracts the positive, in balance with all repulsions", checks.balance)
    )
    return Exercise(
        key="push-and-pull",
        lesson=LESSON,
        type="implement",
        title="Which candidates are repelled, and how strongly",
        points=4,
        minutes=10,
        objective="derive from the scores which negatives a training step repels",
        statement=f"""You are given {given}. The loss of a query is the cross-entropy of finding the
positive with the scores $s_k/\\tau$. Write `pushes(cosines, positive, tau)`: {asked}.

Do it by hand, from the probabilities of the softmax.""",
        function="pushes",
        starter=head + "...\n",
        solution=head + "\n    ".join(lines) + "\n",
        hints=(
            "The derivative of a cross-entropy with respect to its scores is the probability, "
            "minus 1 at the right answer.",
            "Try it with all cosines equal: which result do you expect?",
        ),
        properties=(
            Property("gives a number for each cosine", checks.any_size),
            first,
            Property("repels a closer negative more strongly, according to τ", checks.hard),
            Property("agrees with finite differences of the loss", checks.slope),
            Property("is accurate at τ = 0.005", checks.cold),
        ),
        mistakes=(
            "The factor 1/τ: it appears for cosines, not for scores.",
            "The sign: the gradient at the positive is negative, and descent moves against it.",
        ),
        discuss="A negative belongs to the same class as the query: how strongly is it repelled?",
        form=f"by {what}, {layout}",
    )
