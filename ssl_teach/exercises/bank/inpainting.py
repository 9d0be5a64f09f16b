"""Lesson 7: the squared error in the holes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    Answer,
    call,
    expect_tensor,
    is_same_number,
    make_generator,
    require,
)
from ssl_teach.exercises.core import Exercise, Property, Variant


def _hole(B: int, H: int, W: int, *missing: int) -> Tensor:
    """A mask (B, 1, H, W) with this number of missing pixels in each image, at random positions."""
    mask = torch.zeros(B, H * W, dtype=torch.bool)
    for image, count in enumerate(missing):
        mask[image, torch.randperm(H * W, generator=make_generator(image))[:count]] = True
    return mask.view(B, 1, H, W)


@dataclass(frozen=True)
class MaskedL2:
    """A form of the exercise, with its checks.

    Attributes:
        per_image: whether to average within each image first, and then over images.
        summed: whether to add the channels of a pixel; otherwise they are averaged.
        border: weight of a missing pixel at the border; 1 for no special weight.
    """

    per_image: bool
    summed: bool
    border: int

    @property
    def arguments(self) -> str:
        """Arguments of the student's function."""
        return "made, true, mask" + (", border" if self.border > 1 else "")

    def run(
        self, answer: Answer, off: Tensor, mask: Tensor, on: str, border: Tensor | None = None
    ) -> float:
        """The loss of images with these errors, (B, C, H, W)."""
        true = torch.rand(off.shape, generator=make_generator(9)).double()
        rest = [] if self.border == 1 else [torch.zeros_like(mask) if border is None else border]
        loss = call(answer, true + off, true, mask, *rest, on=on)
        return float(expect_tensor(loss, (), on=on, names="one number"))

    def one_number(self, answer: Answer) -> None:
        """The answer gives one number."""
        self.run(answer, torch.ones(2, 3, 4, 5), _hole(2, 4, 5, 3, 4), "2 images with holes")

    def holes_alone(self, answer: Answer) -> None:
        """Known pixels do not count."""
        mask = _hole(2, 4, 5, 3, 6)
        on = "images that are correct in the holes, and wrong everywhere else"
        for border in (torch.zeros_like(mask), ~mask):
            loss = self.run(answer, torch.ones(2, 3, 4, 5) * ~mask, mask, on, border)
            require(
                is_same_number(loss, 0),
                f"on {on}, it gives {loss:.4f}",
                "pixels outside a hole were not generated; True in the mask means missing",
            )

    def any_size(self, answer: Answer) -> None:
        """Equal errors give equal losses, whatever the hole."""
        sizes = (
            (1, 4, 5, (3, 6)),
            (1, 4, 3, (1,)),
            (3, 4, 5, (3, 6)),
            (3, 6, 3, (1, 18)),
            (2, 5, 5, (12,)),
        )
        for error in (0.5, -1.0, 2.0):
            for C, H, W, missing in sizes:
                mask = _hole(len(missing), H, W, *missing)
                on = f"images {(len(missing), C, H, W)} with {missing} missing pixels"
                loss = self.run(answer, torch.full((len(missing), C, H, W), error), mask, on)
                right = error**2 * (C if self.summed else 1)
                known = {
                    right * C: "over how many channels is the mean?",
                    right / C: "over how many channels is the mean?",
                    right * sum(missing) / mask.numel(): "the mean of what: of all pixels?",
                    abs(error): "the error should be squared",
                }
                found = [where for value, where in known.items() if is_same_number(loss, value)]
                require(
                    is_same_number(loss, right),
                    f"on {on}, each missing value off by {error}, it gives {loss:.4f}",
                    (found or ["by what is the sum divided?"])[0],
                )

    def signs(self, answer: Answer) -> None:
        """Errors do not cancel."""
        mask = _hole(1, 4, 4, 16)
        off = torch.ones(1, 2, 4, 4) * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1)
        loss = self.run(answer, off, mask, "an image with one channel too bright and one too dark")
        require(
            is_same_number(loss, 2 if self.summed else 1),
            f"where one channel is 1 too high and the other 1 too low, it gives {loss:.4f}",
            "square first, then take the mean",
        )

    def weighs(self, answer: Answer) -> None:
        """Small and large holes have the requested weights."""
        mask = _hole(2, 4, 4, 2, 6)
        off = torch.zeros(2, 1, 4, 4)
        off[0] = 1
        on = "two images, one with 2 missing pixels off by 1, one with 6 correct ones"
        loss = self.run(answer, off, mask, on)
        require(
            is_same_number(loss, 1 / 2 if self.per_image else 2 / 8),
            f"on {on}, it gives {loss:.4f}",
            "which should have equal weight: each missing pixel, or each image?",
        )

    def at_the_border(self, answer: Answer) -> None:
        """A pixel at the border has a larger weight."""
        mask = _hole(1, 4, 4, 5)
        first = torch.zeros_like(mask).flatten()
        first[int(mask.flatten().nonzero()[0])] = True  # one of the missing pixels
        first = first.view_as(mask)
        k = self.border
        for what, bad, border, right in (
            ("the one at the border", first, first, k / (4 + k)),
            ("one that is not at the border", first, mask & ~first, 1 / (1 + 4 * k)),
            ("one, and none is at the border", first, ~mask, 1 / 5),
        ):
            on = f"a hole of 5 pixels, of which {what}, is off by 1"
            loss = self.run(answer, bad.double().expand(1, 1, 4, 4), mask, on, border)
            require(
                is_same_number(loss, right),
                f"on {on}, it gives {loss:.4f}",
                "each weight belongs in numerator and denominator; known pixels have none, "
                "wherever they are",
            )

    def nothing_missing(self, answer: Answer) -> None:
        """Without a hole the loss is zero."""
        whole = self.run(answer, torch.ones(2, 1, 4, 4), _hole(2, 4, 4), "images without a hole")
        require(
            whole == 0,
            f"on images without a hole it gives {whole}",
            "an empty sum, divided by a count of zero",
        )
        mask, on = _hole(2, 4, 4, 4), "two images, of which one has a hole"
        one = self.run(answer, torch.ones(2, 1, 4, 4), mask, on)
        require(is_same_number(one, 1 / 2 if self.per_image else 1), f"on {on}, it gives {one:.4f}")

    def gradient(self, answer: Answer) -> None:
        """The gradient reaches the fill."""
        made = torch.rand(1, 2, 4, 4, generator=make_generator(1)).requires_grad_()
        mask = _hole(1, 4, 4, 7)
        rest = [] if self.border == 1 else [torch.zeros_like(mask)]
        loss = call(answer, made, torch.zeros(1, 2, 4, 4), mask, *rest, on="a fill to be trained")
        require(
            isinstance(loss, Tensor) and loss.requires_grad,
            "no gradient comes back through the result, so no decoder could be trained",
            "was it detached, or converted to a number (.item(), float)?",
        )
        (slope,) = torch.autograd.grad(loss, made)
        require(
            slope[~mask.expand_as(slope)].abs().max() == 0 and slope.abs().max() > 0,
            "the gradient is not where the hole is",
        )

    def solution(self) -> str:
        """Code that passes."""
        weight = f"mask * torch.where(border, {self.border}.0, 1.0)" if self.border > 1 else "mask"
        count = "weight" + (".sum(dim=(1, 2, 3))" if self.per_image else ".sum()")
        count += "" if self.summed else " * made.shape[1]"
        total = "squared.sum(dim=(1, 2, 3))" if self.per_image else "squared.sum()"
        loss = f"{total} / count.clamp(min=1)"
        loss = f"({loss}).mean()" if self.per_image else loss
        return f'''def masked_l2({self.arguments}):
    """Squared error in the holes: images (B, C, H, W), masks (B, 1, H, W) -> one number."""
    weight = {weight}
    squared = (made - true) ** 2 * weight
    count = {count}
    return {loss}
'''


MASKED_L2_FORMS = (
    MaskedL2(False, False, 1),
    MaskedL2(True, False, 1),
    MaskedL2(False, True, 1),
    MaskedL2(False, False, 10),
    MaskedL2(True, True, 1),
    MaskedL2(True, False, 5),
)


def masked_l2(variant: Variant) -> Exercise:
    """The reconstruction loss of context encoders (Pathak et al., 2016, equation 1)."""
    form = variant.choose("mean of the reconstruction loss", MASKED_L2_FORMS)
    channels = "added over the channels" if form.summed else "averaged over the channels"
    mean = (
        "the mean over the missing pixels of each image, then the mean over all images. An "
        "image without a hole adds 0"
        if form.per_image
        else "the mean over all missing pixels of the batch. If nothing is missing, it is 0"
    )
    border = (
        f"\n\n`border`, $(B, 1, H, W)$ bool, marks the pixels close to a border. A missing "
        f"pixel there has weight {form.border} in the mean, every other missing one has weight 1."
        if form.border > 1
        else ""
    )
    at_border = Property("gives a missing pixel at the border its weight", form.at_the_border)
    return Exercise(
        key="masked-l2",
        lesson="07_inpainting",
        type="implement",
        title="The error in the holes",
        points=4,
        minutes=10,
        objective="write a loss that judges only the generated pixels, whatever the size of the "
        "hole",
        statement=f"""Write `masked_l2({form.arguments})`. `made` and `true` are images \
$(B, C, H, W)$; `mask` is $(B, 1, H, W)$ bool, and True where a pixel is missing. The loss is one \
number: the squared error, {channels} of a pixel, and of this {mean}.{border}""",
        function="masked_l2",
        starter=f'''def masked_l2({form.arguments}):
    """Squared error in the holes: images (B, C, H, W), masks (B, 1, H, W) -> one number."""
    ...
''',
        solution=form.solution(),
        hints=(
            "A mask multiplies as 0 and 1, and (B, 1, H, W) broadcasts over the channels.",
            "Add what counts, then divide by the number of values that count. What if it is zero?",
        ),
        properties=(
            Property("gives one number", form.one_number),
            Property("looks only at the holes", form.holes_alone),
            Property("is the mean of squares, for holes of any size", form.any_size),
            Property("lets no error cancel another", form.signs),
            Property("gives small and large holes the requested weights", form.weighs),
            *([at_border] if form.border > 1 else []),
            Property("is zero if nothing is missing", form.nothing_missing),
            Property("sends its gradient only into the holes", form.gradient),
        ),
        mistakes=(
            "Dividing by all pixels: the loss then depends on the size of the holes.",
            "Forgetting the channels in the count, since the mask has only one.",
            "The mask inverted: the known pixels are judged.",
            "A batch without holes divides 0 by 0, and one NaN ends a training.",
        ),
        discuss="Two batches, one with small holes, one with large ones: which should count more?",
        form=f"{'per image' if form.per_image else 'over all missing pixels'}, channels "
        f"{'added' if form.summed else 'averaged'}, border counts {form.border}",
    )
