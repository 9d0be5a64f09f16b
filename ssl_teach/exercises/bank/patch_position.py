"""Lesson 5: a centre patch and its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ssl_teach.exercises.checks.harness import Answer, call, expect_tensor, make_generator, require
from ssl_teach.exercises.core import Exercise, Property, Variant

NUMBERINGS = {
    "reading": ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)),
    "clock": ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0)),
    "columns": ((0, 0), (1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (1, 2), (2, 2)),
    "angle": ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2)),
}
"""Row and column of each position in the 3×3 grid, for each numbering."""

Corners = list[tuple[int, int]]
STILL = ((0, 0), (0, 0))


@dataclass(frozen=True)
class PatchPair:
    """A form of the exercise, with its checks.

    Attributes:
        numbering: of the eight positions, one of `NUMBERINGS`.
        step: whether the fourth argument is the step from patch to patch; otherwise the gap.
    """

    numbering: str
    step: bool

    @property
    def measure(self) -> str:
        """Name of the fourth argument of the answer."""
        return "step" if self.step else "gap"

    def image(self) -> str:
        """The numbering, drawn as the grid."""
        cells = {cell: str(number) for number, cell in enumerate(NUMBERINGS[self.numbering])}
        return "\n".join(" ".join(cells.get((r, c), "·") for c in range(3)) for r in range(3))

    def run(
        self,
        answer: Answer,
        place: int,
        patch: int = 4,
        gap: int = 2,
        offsets: Sequence[tuple[int, int]] = STILL,
        spare: tuple[int, int] = (3, 5),
    ) -> Corners:
        """Where the two patches were cut: rows and columns of their upper left pixels.

        The channels of the image reveal it: row and column of each pixel, and noise.
        """
        side = 3 * patch + 2 * gap
        H, W = side + spare[0], side + spare[1]
        rows, columns = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
        noise = torch.rand(H, W, generator=make_generator(place))
        image = torch.stack([rows.float(), columns.float(), noise])
        measure = patch + gap if self.step else gap
        on = f"an image {(3, H, W)}, place {place}, patch {patch}, {self.measure} {measure}"
        on += f", offsets {tuple(offsets)}" if tuple(offsets) != STILL else ""
        result = call(answer, image, place, patch, measure, tuple(offsets), on=on)
        pair = expect_tensor(result, (2, 3, patch, patch), on=on, names="two patches")
        found = []
        for which, cut in zip(("first", "second"), pair, strict=True):
            top, left = (int(value) for value in cut[:2, 0, 0].nan_to_num().round())
            there = image[:, top : top + patch, left : left + patch]
            require(
                torch.equal(cut, there.to(cut.dtype)),
                f"on {on}, the {which} patch is not a block of the image, pixel for pixel",
                "is it rotated, resampled, or taken from two places?",
            )
            found.append((top, left))
        return found

    def shape(self, answer: Answer) -> None:
        """Both patches have the requested size, up to the edge of the image."""
        for place in (0, 7):
            self.run(answer, place)
            self.run(answer, place, patch=3, gap=1, spare=(0, 0))

    def centre(self, answer: Answer) -> None:
        """The first patch is the centre, whatever the position of the second."""
        found = [self.run(answer, place) for place in range(8)]
        first, second = ({pair[which] for pair in found} for which in (0, 1))
        require(
            len(first) == 1,
            "the first patch moves with the position number"
            + (", and the second does not" if len(second) == 1 else ""),
            "which of the two patches is the centre, and does it move?",
        )
        top, left = found[0][0]
        require(
            (top, left) == (6, 6),
            f"with patches of 4 pixels and gaps of 2, the first patch begins in row {top}, "
            f"column {left}; the centre of the grid does not",
            "the grid begins at the upper left pixel; how far from there is the centre patch?",
        )

    def side(self, answer: Answer) -> None:
        """The neighbour is at the position of its number."""
        found = [self.run(answer, place) for place in range(8)]
        cells = [
            ((b[0] > a[0]) - (b[0] < a[0]) + 1, (b[1] > a[1]) - (b[1] < a[1]) + 1) for a, b in found
        ]
        for place, (cell, right) in enumerate(zip(cells, NUMBERINGS[self.numbering], strict=True)):
            words = (
                f"{('above', 'level', 'below')[cell[0]]}, {('left', 'middle', 'right')[cell[1]]}"
            )
            known = tuple(cells) in NUMBERINGS.values()
            require(
                cell == right,
                f"for position {place} the second patch is here, relative to the first: {words}"
                + ("; that is another of the usual numberings" if known else ""),
                "compare with the numbers in the statement; are row and column exchanged?",
            )

    def apart(self, answer: Answer) -> None:
        """The gap has the requested size."""
        for patch, gap in ((4, 0), (3, 5), (5, 1)):
            for place in range(8):
                first, second = self.run(answer, place, patch, gap)
                for axis, name in enumerate(("rows", "columns")):
                    between = abs(second[axis] - first[axis]) - patch
                    require(
                        between in (-patch, gap),
                        f"with patches of {patch} pixels and "
                        f"{f'a step of {patch + gap}' if self.step else f'a gap of {gap}'}, "
                        f"there are {between} {name} between the two for position {place}",
                        "a step is a patch plus a gap",
                    )

    def offset(self, answer: Answer) -> None:
        """Each patch moves by its own offset."""
        for place in (0, 3, 7):
            still = self.run(answer, place)
            for offsets in (((2, 0), (0, 0)), ((0, 0), (0, 3)), ((-1, 1), (2, 0)), STILL):
                now = self.run(answer, place, offsets=offsets)
                moved = tuple((b[0] - a[0], b[1] - a[1]) for a, b in zip(still, now, strict=True))
                require(
                    moved == offsets,
                    f"with the offsets {offsets} the patches moved by {moved} rows and columns",
                    "each patch has its own offset: rows first, then columns",
                )

    def solution(self) -> str:
        """Code that passes."""
        step = "step" if self.step else "(patch + gap)"
        return f'''PLACES = {NUMBERINGS[self.numbering]}


def patch_pair(image, place, patch, {self.measure}, offsets):
    """The centre and a neighbour: (C, H, W) -> (2, C, patch, patch)."""
    pair = []
    for (row, column), (down, right) in zip(((1, 1), PLACES[place]), offsets):
        top, left = row * {step} + down, column * {step} + right
        pair.append(image[:, top : top + patch, left : left + patch])
    return torch.stack(pair)
'''


PATCH_PAIR_FORMS = (
    PatchPair("reading", False),
    PatchPair("clock", False),
    PatchPair("columns", True),
    PatchPair("angle", False),
    PatchPair("clock", True),
    PatchPair("angle", True),
)


def patch_pair(variant: Variant) -> Exercise:
    """The centre patch and a neighbour, with a gap and jitter (Doersch et al., 2015)."""
    form = variant.choose("numbering of the patch pair", PATCH_PAIR_FORMS)
    measure = (
        "`step` pixels from the upper left pixel of one to that of the next"
        if form.step
        else "`gap` pixels between two neighbours"
    )
    return Exercise(
        key="patch-pair",
        lesson="05_patch_position",
        type="implement",
        title="A centre and its neighbour",
        points=4,
        minutes=15,
        objective="cut the two patches of the task so that no line continues from one to the other",
        statement=f"""An image contains a 3×3 grid of square patches with sides of `patch` \
pixels, {measure}. The grid begins at the upper left pixel. Its positions are numbered as follows, \
with a dot for the centre:

```
{form.image()}
```

Write `patch_pair(image, place, patch, {form.measure}, offsets)`: the centre patch and the one at \
position `place`, in this order, $(2, C, p, p)$, from an image $(C, H, W)$. `offsets` is the \
jitter, already drawn, `((down, right), (down, right))` in pixels: the shift of the centre from \
its position in the grid, and the shift of the neighbour. Shifts can be negative. All patches are \
within the image.""",
        function="patch_pair",
        starter=f'''def patch_pair(image, place, patch, {form.measure}, offsets):
    """The centre and a neighbour: (C, H, W) -> (2, C, patch, patch)."""
    ...
''',
        solution=form.solution(),
        hints=(
            "First convert the position number into row and column of the grid, counted from 0.",
            "Where do patches 0, 1 and 2 of a row begin? Then add the offset.",
        ),
        properties=(
            Property("cuts two blocks of the requested size", form.shape),
            Property("puts the centre first, wherever the neighbour is", form.centre),
            Property("takes the neighbour from the position of its number", form.side),
            Property("leaves the right gap between the two", form.apart),
            Property("moves each patch by its own offset", form.offset),
        ),
        mistakes=(
            "The same offset for both patches: lines then continue predictably.",
            "The number 4 for the centre, so that the last four positions are off by one.",
            "Row and column exchanged: the positions are mirrored along the diagonal. Nothing "
            "fails, since these are eight positions too.",
        ),
        discuss="Which cue is left with a wide gap but no jitter?",
        form=f"positions in the order {form.numbering}, {form.measure} given",
    )
