"""What a right loss of two views does, tried on an answer in whatever form an exercise asks for.

The loss is NT-Xent, or InfoNCE between the first and the second views.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import Answer, call, expect_tensor, make_generator, require
from ssl_teach.exercises.checks.reference import (
    ORDERS,
    arrange_views,
    cross_view_losses,
    nt_xent_losses,
    recognise,
)
from ssl_teach.exercises.core import Property

Views = tuple[Tensor, Tensor]

NO_GRADIENT = (
    "no gradient comes back through the result, so nothing could be trained",
    "was it detached, or rebuilt from numbers (.item(), .tolist(), torch.tensor)?",
)
WRONG_GRADIENT = (
    "the loss is right, but its gradient is not its slope (compared with finite differences)",
    "is a part of the way detached, or under no_grad?",
)


def stack_numbers(result: Any) -> Any:
    """Several numbers that an answer gives one by one, as one tensor; else what it gives."""
    if isinstance(result, (list, tuple)) and all(isinstance(each, Tensor) for each in result):
        return torch.stack(list(result))
    return result


def random_views(seed: int, images: int = 4, width: int = 6) -> Views:
    """First and second views that resemble each other somewhat: (N, D), (N, D)."""
    draw = make_generator(seed)
    first = torch.randn(images, width, generator=draw)
    return first, first + torch.randn(images, width, generator=draw)


def mismatched_views(seed: int, images: int = 4, width: int = 6) -> Views:
    """The same with partners that resemble others more: a search for them loses a lot."""
    first, second = random_views(seed, images, width)
    return first, second.roll(1, 0)


def mean_over_views(losses: Sequence[float]) -> float:
    """Mean over all views: the paper's 1/2N of the sum."""
    return sum(losses) / len(losses)


def _other_reductions(losses: Sequence[float]) -> dict[str, float]:
    """What other ways to put the losses of the views together would give."""
    half = len(losses) // 2
    ways = {
        "the sum over the views were asked for": sum(losses),
        "the mean over the views were asked for": mean_over_views(losses),
        "the sum divided by the number of images were asked for": 2 * mean_over_views(losses),
        "the first views alone were asked for": mean_over_views(losses[:half]),
        "the second views alone were asked for": mean_over_views(losses[half:]),
    }
    return {f", which would be right if {words}": value for words, value in ways.items()}


@dataclass(frozen=True)
class NtXent:
    """The tests of one form of NT-Xent.

    Attributes:
        pack: what the answer is called with, from first views, second views and τ.
        reduce: the number that is wanted, from the losses of all views, first views first.
        order: of the views in what `pack` makes, to recognise labels of another; or "".
        between: whether a view searches among those of the other side alone.
    """

    pack: Callable[[Tensor, Tensor, float], tuple[Any, ...]]
    reduce: Callable[[Sequence[float]], float] = mean_over_views
    order: str = ""
    between: bool = False

    def value(self, answer: Answer, views: Views, tau: float, on: str = "") -> float:
        """The number that an answer gives."""
        on = on or f"{len(views[0])} images in two views, τ = {tau:g}"
        return float(expect_tensor(call(answer, *self.pack(*views, tau), on=on), (), on=on))

    def truth(self, views: Views, tau: float) -> float:
        """The number that is right."""
        return self.reduce(self.losses(views, tau))

    def losses(self, views: Views, tau: float) -> list[float]:
        """The right loss of each view, first views first."""
        if self.between:
            return cross_view_losses(*views, tau)
        return nt_xent_losses(torch.cat(views), "halves", tau)

    def ways(self, images: int) -> int:
        """How many candidates a row has."""
        return images if self.between else 2 * images - 1

    def one_number(self, answer: Answer) -> None:
        """A finite scalar for every N."""
        for images in (4, 3, 2):
            value = self.value(answer, random_views(1, images), 0.5)
            require(math.isfinite(value), f"on {images} images, τ = 0.5, it gives {value}")

    def single(self, answer: Answer) -> None:
        """0 for one image: nothing to choose from."""
        value = self.value(answer, random_views(1, 1), 0.5, "1 image in two views, τ = 0.5")
        require(
            abs(value) < 1e-3,
            "with one image each view has one candidate only, so nobody can err; it gives "
            f"{value:.4f}",
            "which candidates does a row have?",
        )

    def identical(self, answer: Answer) -> None:
        """log(2N - 1) for each view."""
        one = torch.randn(1, 6, generator=make_generator(2)).expand(3, 6)
        value = self.value(answer, (one.clone(), one.clone()), 0.5, "6 identical vectors, τ = 0.5")
        ways = self.ways(3)
        numbers = {
            "that is one candidate too many": ways + 1,
            "that is one candidate too few: the positive is a candidate too": ways - 1,
            "those are the candidates of one side alone": 3,
        }
        if not self.between:
            numbers["that is one candidate too many: is a view itself among them?"] = numbers.pop(
                "that is one candidate too many"
            )
        guesses = {where: self.reduce([math.log(n)] * 6) for where, n in numbers.items()}
        right, more = [math.log(ways)] * 6, [math.log(ways + 1)] * 6
        where = "how many candidates has a row? and how are the losses of the rows put together?"
        if self.reduce(right) < value < self.reduce(more) - 1e-3:
            where = "a little too much: something is in the sum of a row that should have no part"
        require(
            abs(value - self.reduce(right)) < 1e-3,
            f"6 identical vectors: nothing tells the candidates apart, and it gives {value:.4f}"
            + recognise(value, _other_reductions(right)),
            recognise(value, guesses) or where,
        )

    def perfect(self, answer: Answer) -> None:
        """Near 0 when partners agree and all others are at right angles."""
        first = torch.eye(6)[:4]
        value = self.value(answer, (first, first.clone()), 0.05, "4 perfect pairs, τ = 0.05")
        require(
            abs(value) < 1e-3,
            "partners are identical, the others at right angles, τ = 0.05, and it still gives "
            f"{value:.4f}",
            "follow one row: which number stands at its partner, what else is in the sum, and "
            "what does τ do to both?",
        )

    def hot(self, answer: Answer) -> None:
        """Close to log(2N - 1) when τ is large."""
        value = self.value(answer, random_views(3), 100.0)
        alike = self.reduce([math.log(self.ways(4))] * 8)
        require(
            abs(value - alike) < 0.02 * alike,
            f"a very large τ makes all candidates alike, and at τ = 100 it gives {value:.4f}",
            "what becomes of a score when τ grows?"
            + ("" if self.between else " and is a view itself left out at every τ?"),
        )

    def _unchanged(self, answer: Answer, new: Views, what: str, where: str) -> None:
        before, after = (self.value(answer, views, 0.3) for views in (random_views(4), new))
        require(
            abs(before - after) < 1e-3,
            f"{what}, and the loss changed: {before:.4f} before, {after:.4f} after",
            where,
        )

    def lengths(self, answer: Answer) -> None:
        """The same for longer and shorter vectors."""
        first, second = random_views(4)
        longer = torch.tensor([[0.2], [1.0], [6.0], [30.0]])
        self._unchanged(
            answer,
            (first * longer, second * longer.flip(0)),
            "vectors were made longer and shorter",
            "normalise: along which axis do the numbers of one vector lie?",
        )

    def images(self, answer: Answer) -> None:
        """The same if the images come in another order."""
        first, second = random_views(4)
        other = torch.tensor([2, 0, 3, 1])
        self._unchanged(
            answer,
            (first[other], second[other]),
            "the images were put in another order, their views along with them",
            "where does each row seek its partner? write the places down for 4 images",
        )

    def swapped(self, answer: Answer) -> None:
        """The same if first and second views change places."""
        first, second = random_views(4)
        self._unchanged(
            answer,
            (second, first),
            "first and second views changed places",
            "each of the two views searches for the other",
        )

    def formula(self, answer: Answer) -> None:
        """What explicit sums give."""
        for images, tau in ((4, 1.0), (4, 0.3), (3, 0.5), (5, 2.0)):
            views = random_views(10 + images, images)
            value, right = self.value(answer, views, tau), self.truth(views, tau)
            guesses = _other_reductions(self.losses(views, tau))
            for order in set(ORDERS) - {self.order} if self.order else ():
                sought = nt_xent_losses(arrange_views(*views, self.order), order, tau)
                guesses[", which is right for another order of the views"] = self.reduce(sought)
            guesses[", which is right for 1/τ in the place of τ"] = self.truth(views, 1 / tau)
            guesses[", which would be right in bits"] = right / math.log(2)
            require(
                abs(value - right) < 2e-3 * max(1.0, right),
                f"on {images} images in two views, τ = {tau:g}, it gives {value:.4f}, and the sums "
                f"of the formula, one by one, give another number{recognise(value, guesses)}",
                "take N = 2 and τ = 1, and write the formula out by hand for one row",
            )

    def cold(self, answer: Answer) -> None:
        """Finite and right at τ = 0.01."""
        views = mismatched_views(5)
        value, right = self.value(answer, views, 0.01), self.truth(views, 0.01)
        require(
            math.isfinite(value),
            f"at τ = 0.01 it gives {value}: e to the power of 100 is too large for float32",
            "what may you subtract from all scores of a row without changing its softmax?",
        )
        require(
            abs(value - right) < 2e-3 * max(1.0, right),
            f"at τ = 0.01 it gives {value:.4f}, and the formula in double precision another number",
            "is anything cut off, or added to keep a logarithm away from 0?",
        )

    def half(self, answer: Answer) -> None:
        """As exact as float32 is, on half-precision input."""
        for seed in (8, 11):
            first, second = mismatched_views(seed, width=64)
            views = (60 * first).half(), (60 * second).half()
            value = self.value(answer, views, 0.05, "4 images in half precision, τ = 0.05")
            require(
                math.isfinite(value),
                f"in half precision it gives {value}: something ran over 65,504",
                "products of long vectors, or exponentials of large scores",
            )
            right = self.truth(views, 0.05)
            require(
                abs(value - right) < 1e-4 * right,
                f"in half precision, at τ = 0.05, it gives {value:.4f}: digits are lost that "
                "float32 would keep",
                "half precision keeps three digits of a cosine, and τ = 0.05 makes 20 times the "
                "error of it; in which precision are cosines and exponentials computed?",
            )

    def gradient(self, answer: Answer) -> None:
        """The gradient is the slope of the formula."""
        first, second = (view.double() for view in random_views(7, 3, 4))
        args = self.pack(first, second, 0.5)
        wanted = [each.requires_grad_() for each in args if _is_double(each)]
        loss = call(answer, *args, on="3 images in two views that want gradients, τ = 0.5")
        require(isinstance(loss, Tensor) and loss.requires_grad, *NO_GRADIENT)
        slopes = torch.autograd.grad(loss, wanted, allow_unused=True)
        draw, step = make_generator(8), 1e-4
        for _ in range(3):
            one, two = (torch.randn(3, 4, generator=draw).double() for _ in range(2))
            ways = [each for each in self.pack(one, two, 0.5) if _is_double(each)]
            both = zip(slopes, ways, strict=True)
            theirs = sum(float((a * b).sum()) for a, b in both if a is not None)
            up, down = (
                self.truth((first + sign * one, second + sign * two), 0.5) for sign in (step, -step)
            )
            require(abs(theirs - (up - down) / (2 * step)) < 2e-3, *WRONG_GRADIENT)

    def fast(self, answer: Answer) -> None:
        """A large batch comes back in time."""
        self.value(answer, random_views(9, 512, 16), 0.5)

    def properties(self, *names: str) -> tuple[Property, ...]:
        """The named tests, in this order, with what they ask in words."""
        ways = "N" if self.between else "2N − 1"
        return tuple(
            Property(PROPERTY_NAMES[name].format(ways), getattr(self, name)) for name in names
        )


def _is_double(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64


PROPERTY_NAMES = {
    "one_number": "gives one number for any number of images",
    "single": "is 0 for one image, whose views have nobody else to find",
    "identical": "loses log({}) in a row whose candidates are all alike",
    "perfect": "is near 0 when the partners are identical and all others at right angles",
    "hot": "comes close to log({}) a row when τ is very large",
    "lengths": "does not depend on how long the vectors are",
    "images": "does not depend on the order of the images",
    "swapped": "does not care which of the two views is called the first",
    "formula": "is what the formula gives, summed term by term",
    "cold": "bears τ = 0.01",
    "half": "computes in float32 when its input has half precision",
    "gradient": "has a gradient that is its slope",
    "fast": "is done with 512 images within two seconds",
}
"""What the tests of `NtXent` ask, by their names."""
