"""Lesson 8: the peak signal-to-noise ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    Answer,
    CheckFailed,
    call,
    expect_tensor,
    is_same_number,
    require,
)
from ssl_teach.exercises.core import Exercise, Property, Variant


@dataclass(frozen=True)
class Psnr:
    """A form of the exercise, with its checks.

    Attributes:
        low: darkest value.
        high: brightest value; 255 for uint8 images.
        together: whether one error is taken over the batch; otherwise a PSNR for each image.
    """

    low: int
    high: int
    together: bool

    @property
    def span(self) -> int:
        """The largest possible difference."""
        return self.high - self.low

    def run(self, answer: Answer, off: Tensor, on: str) -> tuple[float, float]:
        """PSNR of grey images with errors in fractions of the range, also with both exchanged."""
        grey = torch.full(off.shape, self.low + 0.2 * self.span)
        made = grey + off * self.span
        if self.high == 255:
            grey, made = grey.round().byte(), made.round().byte()
        there, back = (call(answer, *pair, on=on) for pair in ((made, grey), (grey, made)))
        return tuple(float(expect_tensor(each, (), on=on)) for each in (there, back))  # type: ignore[return-value]

    def expect(self, answer: Answer, off: Tensor, right: float, on: str, where: str) -> None:
        """Require this value, both ways."""
        there, back = self.run(answer, off, on)
        both = is_same_number(there, right), is_same_number(back, right)
        if any(both) and not all(both):
            raise CheckFailed(
                "value",
                f"on {on}, it gives {there:.3f}, and with `made` and `true` exchanged {back:.3f}",
                "an error is the same in both directions; what is 3 − 5 in unsigned integers of "
                "8 bits?",
            )
        require(both[0], f"on {on}, it gives {there:.3f}", where)

    def one_number(self, answer: Answer) -> None:
        """The answer gives one number."""
        self.run(answer, torch.full((2, 3, 4, 5), 0.2), "2 images (3, 4, 5)")

    def known(self, answer: Answer) -> None:
        """The definition, where every pixel has the same error."""
        for shape in ((2, 3, 4, 5), (1, 1, 3, 2)):
            for part in (5, 51):
                on = f"images {shape} of {self.low} to {self.high}, each pixel off by a {part}th "
                on += "of that range"
                where = (
                    f"by the definition the fraction is {part}² here; is it the right "
                    "logarithm, with the right factor, and is R the whole range?"
                )
                right = 20 * math.log10(part)
                self.expect(answer, torch.full(shape, 1 / part), right, on, where)

    def squares(self, answer: Answer) -> None:
        """Within an image the squares are averaged."""
        half = torch.zeros(1, 2, 2, 2)
        for axis, name in ((1, "channels"), (2, "rows"), (3, "columns")):
            off = half.index_fill(axis, torch.tensor([0]), 0.4)
            on = f"an image with one of its two {name} off by 2/5 of the range, the other correct"
            where = "is the mean taken over errors, over their squares, or over decibels?"
            self.expect(answer, off, 10 * math.log10(2 / 0.16), on, where)

    def batches(self, answer: Answer) -> None:
        """The images of a batch are combined as requested."""
        off = torch.zeros(2, 1, 4, 3)
        off[0], off[1] = 1 / 5, 1 / 51
        on = "two images, one off by a 5th of the range, one by a 51st"
        mean = 10 * math.log10(25) / 2 + 10 * math.log10(51**2) / 2
        joined = -10 * math.log10((1 / 25 + 1 / 51**2) / 2)
        where = "is it the mean of the decibels, or of the squared errors?"
        self.expect(answer, off, joined if self.together else mean, on, where)

    def equal(self, answer: Answer) -> None:
        """Equal images have an infinite PSNR."""
        on = "two images, each compared with itself"
        found, _ = self.run(answer, torch.zeros(2, 1, 3, 3), on)
        require(found == math.inf, f"on {on}, it gives {found}", "what is the limit?")
        off = torch.zeros(2, 1, 3, 3)
        off[0] = 0.2
        on = "two images, one off by a 5th of the range, one correct"
        right = 10 * math.log10(50) if self.together else math.inf
        self.expect(answer, off, right, on, "an image without an error belongs to the mean too")

    def solution(self) -> str:
        """Code that passes."""
        error = "made.double() - true" if self.high == 255 else "made - true"
        square = f"{self.span} ** 2" if self.span > 1 else "1"
        mean = ".mean()" if self.together else ".mean(dim=(1, 2, 3))"
        end = "" if self.together else ".mean()"
        return f'''def psnr(made, true):
    """Peak signal-to-noise ratio in decibels: two batches (B, C, H, W) -> one number."""
    error = (({error}) ** 2){mean}
    return (10 * torch.log10({square} / error)){end}
'''


PSNR_FORMS = (
    Psnr(0, 1, False),
    Psnr(0, 255, False),
    Psnr(-1, 1, False),
    Psnr(0, 1, True),
    Psnr(0, 255, True),
    Psnr(-1, 1, True),
)


def psnr(variant: Variant) -> Exercise:
    """Peak signal-to-noise ratio of a batch."""
    form = variant.choose("range of the psnr", PSNR_FORMS)
    values = "integers (uint8)" if form.high == 255 else "real numbers"
    joined = (
        "Take one mean of squared errors over the whole batch, and the PSNR of that."
        if form.together
        else "Take the PSNR of each image, and then the mean over the images."
    )
    return Exercise(
        key="psnr",
        lesson="08_super_resolution",
        type="implement",
        title="Peak signal-to-noise ratio",
        points=3,
        minutes=10,
        objective="compute the standard measure for enlarged images, and say which of its "
        "conventions a number uses",
        statement=f"""Write `psnr(made, true)` for two batches of images $(B, C, H, W)$, {values} \
from {form.low} to {form.high}. With the mean squared error $E$ and the largest possible \
difference $R$ between two pixels,

$$\\text{{PSNR}} = 10 \\log_{{10}} \\frac{{R^2}}{{E}}.$$

{joined} Images without any error have a PSNR of infinity, `math.inf`.""",
        function="psnr",
        starter='''def psnr(made, true):
    """Peak signal-to-noise ratio in decibels: two batches (B, C, H, W) -> one number."""
    ...
''',
        solution=form.solution(),
        hints=(
            "What are the values of the brightest and of the darkest pixel? R is their difference.",
            "`torch.log10` of infinity is infinity, so a division by zero does no harm here, as "
            "long as torch does the division.",
        ),
        properties=(
            Property("gives one number", form.one_number),
            Property("is correct where all pixels have the same error", form.known),
            Property("averages the squares within an image", form.squares),
            Property("combines the images of a batch as requested", form.batches),
            Property("is infinite for equal images", form.equal),
        ),
        mistakes=(
            "The natural logarithm.",
            "R = 1 for images of another range.",
            "Subtracting uint8 images: 3 − 5 is 254.",
            "The mean of the errors instead of the mean of decibels, or the other way round: "
            "published numbers differ for this reason.",
        ),
        discuss="Which of two methods with the same mean PSNR has the smaller mean squared error?",
        form=f"images from {form.low} to {form.high}, "
        f"{'one error of the batch' if form.together else 'mean over images'}",
    )
