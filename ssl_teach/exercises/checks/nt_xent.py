"""Properties of a correct loss of two views, for an answer in any form that exercises ask for.

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
    "the loss is correct, but its gradient is not (compared with finite differences)",
    "is part of the computation detached, or under no_grad?",
)


def stack_numbers(result: Any) -> Any:
    """A list of tensors as one tensor; anything else unchanged."""
    if isinstance(result, (list, tuple)) and all(isinstance(each, Tensor) for each in result):
        return torch.stack(list(result))
    return result


def random_views(seed: int, images: int = 4, width: int = 6) -> Views:
    """First and second views that are somewhat similar: (N, D), (N, D)."""
    draw = make_generator(seed)
    first = torch.randn(images, width, generator=draw)
    return first, first + torch.randn(images, width, generator=draw)


def mismatched_views(seed: int, images: int = 4, width: int = 6) -> Views:
    """Views that are more similar to others than to their partners, which gives a large loss."""
    first, second = random_views(seed, images, width)
    return first, second.roll(1, 0)


def mean_over_views(losses: Sequence[float]) -> float:
    """Mean over all views: the paper's 1/2N of the sum."""
    return sum(losses) / len(losses)


def _other_reductions(losses: Sequence[float]) -> dict[str, float]:
    """The results of other ways to combine the losses of the views."""
    half = len(losses) // 2
    ways = {
        "the sum over the views were required": sum(losses),
        "the mean over the views were required": mean_over_views(losses),
        "the sum divided by the number of images were required": 2 * mean_over_views(losses),
        "only the first views were required": mean_over_views(losses[:half]),
        "only the second views were required": mean_over_views(losses[half:]),
    }
    return {f", which would be correct if {words}": value for words, value in ways.items()}


@dataclass(frozen=True)
class NtXent:
    """The tests of one form of NT-Xent.

    Attributes:
        pack: from first views, second views and τ, the arguments of the answer.
        reduce: from the losses of all views, first views first, the required number.
        order: of the views that `pack` returns, to recognise labels for another order; or "".
        between: whether the candidates of a view are only those of the other side.
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
        """The correct number."""
        return self.reduce(self.losses(views, tau))

    def losses(self, views: Views, tau: float) -> list[float]:
        """The correct loss of each view, first views first."""
        if self.between:
            return cross_view_losses(*views, tau)
        return nt_xent_losses(torch.cat(views), "halves", tau)

    def ways(self, images: int) -> int:
        """The number of candidates in a row."""
        return images if self.between else 2 * images - 1

    def one_number(self, answer: Answer) -> None:
        """A finite scalar for every N."""
        for images in (4, 3, 2):
            value = self.value(answer, random_views(1, images), 0.5)
            require(math.isfinite(value), f"on {images} images, τ = 0.5, it gives {value}")

    def single(self, answer: Answer) -> None:
        """0 for one image, since there is only one candidate."""
        value = self.value(answer, random_views(1, 1), 0.5, "1 image in two views, τ = 0.5")
        require(
            abs(value) < 1e-3,
            "with one image each view has only one candidate, which leaves no room for error; it "
            f"gives {value:.4f}",
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
            "those are the candidates of only one side": 3,
        }
        if not self.between:
            numbers["that is one candidate too many: is a view itself among them?"] = numbers.pop(
                "that is one candidate too many"
            )
        guesses = {where: self.reduce([math.log(n)] * 6) for where, n in numbers.items()}
        right, more = [math.log(ways)] * 6, [math.log(ways + 1)] * 6
        where = "how many candidates does a row have? and how are the losses of the rows combined?"
        if self.reduce(right) < value < self.reduce(more) - 1e-3:
            where = "a little too large: something is in the sum of a row that should not be there"
        require(
            abs(value - self.reduce(right)) < 1e-3,
            f"6 identical vectors: nothing distinguishes the candidates, and it gives {value:.4f}"
            + recognise(value, _other_reductions(right)),
            recognise(value, guesses) or where,
        )

    def perfect(self, answer: Answer) -> None:
        """Near 0 when partners agree and all others are orthogonal."""
        first = torch.eye(6)[:4]
        value = self.value(answer, (first, first.clone()), 0.05, "4 perfect pairs, τ = 0.05")
        require(
            abs(value) < 1e-3,
            "partners are identical, the others orthogonal, τ = 0.05, and it still gives "
            f"{value:.4f}",
            "follow one row: which number belongs to its partner, what else is in the sum, and "
            "how does τ affect both?",
        )

    def hot(self, answer: Answer) -> None:
        """Close to log(2N - 1) when τ is large."""
        value = self.value(answer, random_views(3), 100.0)
        alike = self.reduce([math.log(self.ways(4))] * 8)
        require(
            abs(value - alike) < 0.02 * alike,
            f"a very large τ makes all candidates alike, and at τ = 100 it gives {value:.4f}",
            "what happens to a score when τ grows?"
            + ("" if self.between else " and is the view itself left out at every τ?"),
        )

    def _unchanged(self, answer: Answer, new: Views, what: str, where: str) -> None:
        before, after = (self.value(answer, views, 0.3) for views in (random_views(4), new))
        require(
            abs(before - after) < 1e-3,
            f"{what}, and the loss changed: {before:.4f} before, {after:.4f} after",
            where,
        )

    def lengths(self, answer: Answer) -> None:
        """Independent of the lengths of the vectors."""
        first, second = random_views(4)
        longer = torch.tensor([[0.2], [1.0], [6.0], [30.0]])
        self._unchanged(
            answer,
            (first * longer, second * longer.flip(0)),
            "vectors were made longer and shorter",
            "normalise: which axis runs over the dimensions of one vector?",
        )

    def images(self, answer: Answer) -> None:
        """Independent of the order of the images."""
        first, second = random_views(4)
        other = torch.tensor([2, 0, 3, 1])
        self._unchanged(
            answer,
            (first[other], second[other]),
            "the images were put in another order, together with their views",
            "where does each row look for its partner? write the indices down for 4 images",
        )

    def swapped(self, answer: Answer) -> None:
        """Symmetric in first and second views."""
        first, second = random_views(4)
        self._unchanged(
            answer,
            (second, first),
            "first and second views were exchanged",
            "each of the two views must find the other",
        )

    def formula(self, answer: Answer) -> None:
        """Equal to explicit sums."""
        for images, tau in ((4, 1.0), (4, 0.3), (3, 0.5), (5, 2.0)):
            views = random_views(10 + images, images)
            value, right = self.value(answer, views, tau), self.truth(views, tau)
            guesses = _other_reductions(self.losses(views, tau))
            for order in set(ORDERS) - {self.order} if self.order else ():
                sought = nt_xent_losses(arrange_views(*views, self.order), order, tau)
                guesses[", which is correct for another order of the views"] = self.reduce(sought)
            guesses[", which is correct for 1/τ instead of τ"] = self.truth(views, 1 / tau)
            guesses[", which would be correct in bits"] = right / math.log(2)
            require(
                abs(value - right) < 2e-3 * max(1.0, right),
                f"on {images} images in two views, τ = {tau:g}, it gives {value:.4f}, and the sums "
                f"of the formula, term by term, give another number{recognise(value, guesses)}",
                "take N = 2 and τ = 1, and write the formula out by hand for one row",
            )

    def cold(self, answer: Answer) -> None:
        """Finite and correct at τ = 0.01."""
        views = mismatched_views(5)
        value, right = self.value(answer, views, 0.01), self.truth(views, 0.01)
        require(
            math.isfinite(value),
            f"at τ = 0.01 it gives {value}: e to the power of 100 is too large for float32",
            "what can you subtract from all scores of a row without changing its softmax?",
        )
        require(
            abs(value - right) < 2e-3 * max(1.0, right),
            f"at τ = 0.01 it gives {value:.4f}, and the formula in double precision another number",
            "is anything clipped, or added to keep a logarithm away from 0?",
        )

    def half(self, answer: Answer) -> None:
        """As precise as float32, on half-precision input."""
        for seed in (8, 11):
            first, second = mismatched_views(seed, width=64)
            views = (60 * first).half(), (60 * second).half()
            value = self.value(answer, views, 0.05, "4 images in half precision, τ = 0.05")
            require(
                math.isfinite(value),
                f"in half precision it gives {value}: something exceeded 65,504",
                "products of long vectors, or exponentials of large scores",
            )
            right = self.truth(views, 0.05)
            require(
                abs(value - right) < 1e-4 * right,
                f"in half precision, at τ = 0.05, it gives {value:.4f}, which is less "
                "precise than float32",
                "half precision keeps three digits of a cosine, and τ = 0.05 multiplies its error "
                "by 20; in which precision are cosines and exponentials computed?",
            )

    def gradient(self, answer: Answer) -> None:
        """The gradient agrees with finite differences of the formula."""
        first, second = (view.double() for view in random_views(7, 3, 4))
        args = self.pack(first, second, 0.5)
        wanted = [each.requires_grad_() for each in args if _is_double(each)]
        loss = call(answer, *args, on="3 images in two views that require gradients, τ = 0.5")
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
        """A large batch finishes in time."""
        self.value(answer, random_views(9, 512, 16), 0.5)

    def properties(self, *names: str) -> tuple[Property, ...]:
        """The named tests in this order, as properties."""
        ways = "N" if self.between else "2N − 1"
        return tuple(
            Property(PROPERTY_NAMES[name].format(ways), getattr(self, name)) for name in names
        )


def _is_double(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float64


PROPERTY_NAMES = {
    "one_number": "gives one number for any number of images",
    "single": "is 0 for one image, whose views have only one candidate",
    "identical": "gives log({}) for a row whose candidates are all alike",
    "perfect": "is near 0 when the partners are identical and all others orthogonal",
    "hot": "approaches log({}) per row when τ is very large",
    "lengths": "does not depend on the lengths of the vectors",
    "images": "does not depend on the order of the images",
    "swapped": "does not depend on which of the two views comes first",
    "formula": "is what the formula gives, summed term by term",
    "cold": "is accurate at τ = 0.01",
    "half": "computes in float32 when its input has half precision",
    "gradient": "has the right gradient",
    "fast": "handles 512 images within two seconds",
}
"""The properties that the tests of `NtXent` establish, by the names of the tests."""
