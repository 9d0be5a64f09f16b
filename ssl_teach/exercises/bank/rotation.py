"""Lesson 4: images in all rotations, with labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import (
    Answer,
    CheckFailed,
    call,
    expect_tensor,
    make_generator,
    require,
    unpack_result,
)
from ssl_teach.exercises.core import Exercise, Property, Variant


@dataclass(frozen=True)
class RotationBatch:
    """A form of the exercise, with its checks.

    Attributes:
        clockwise: the direction of rotation.
        by_image: whether the copies of one image are adjacent; otherwise those of one rotation.
        turns: number of quarter turns of each label.
    """

    clockwise: bool
    by_image: bool
    turns: tuple[int, ...]

    @property
    def classes(self) -> int:
        """The number of classes, K."""
        return len(self.turns)

    def words(self, turns: int) -> str:
        """A number of quarter turns in words."""
        if turns % 2 == 0:
            return ("as it is", "by 180°")[turns // 2]
        return f"by {90 * turns}° {'clockwise' if self.clockwise else 'anticlockwise'}"

    def turned(self, image: Tensor, turns: int) -> Tensor:
        """An image (C, S, S), rotated in the direction of this form."""
        return torch.rot90(image, -turns if self.clockwise else turns, dims=(1, 2))

    def run(self, answer: Answer, N: int, C: int, S: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random images, and the copies and labels that the answer makes from them."""
        images, on = torch.rand(N, C, S, S, generator=make_generator(N)), f"images {(N, C, S, S)}"
        copies, labels = unpack_result(call(answer, images, on=on), ("images", "labels"), on=on)
        M = self.classes * N
        copies = expect_tensor(
            copies, (M, C, S, S), on=on, names="one for each rotation of each image"
        )
        copies = copies.to(images.dtype)
        return images, copies, expect_tensor(labels, (M,), on=on, whole=True)

    def shape(self, answer: Answer) -> None:
        """The numbers of copies and labels are correct."""
        for sizes in ((3, 2, 4), (1, 1, 5)):
            self.run(answer, *sizes)

    def sources(self, answer: Answer) -> tuple[list[tuple[int, int]], Tensor]:
        """The image and the quarter turns of each copy; and the labels."""
        images, copies, labels = self.run(answer, 3, 2, 4)
        found = []
        for place, copy in enumerate(copies):
            same = [
                i
                for i, image in enumerate(images)
                if torch.equal(copy.flatten().sort().values, image.flatten().sort().values)
            ]
            require(
                same,
                f"copy number {place} does not have the pixels of any single image",
                "a rotation by 90° moves pixels within each channel and does not change them",
            )
            at = [k for k in range(4) if torch.equal(copy, self.turned(images[same[0]], k))]
            require(
                at,
                f"copy number {place} has the pixels of image {same[0]}, but is not a rotation of "
                "it: it is mirrored, or its channels or pixels changed places",
                "write [[1, 2], [3, 4]] on paper and rotate the sheet",
            )
            found.append((same[0], at[0]))
        return found, labels

    def turns_alone(self, answer: Answer) -> None:
        """Each copy is a rotation of an image."""
        self.sources(answer)

    def once_each(self, answer: Answer) -> None:
        """Each image appears in each rotation once."""
        times = Counter(self.sources(answer)[0])
        for image in range(3):
            for k in range(4):
                seen = times[image, k]
                require(
                    seen == int(k in self.turns),
                    f"image {image}, {self.words(k)}, appears {seen} times",
                    "which rotations does the statement ask for?",
                )

    def labelled(self, answer: Answer) -> None:
        """The labels match the rotations."""
        found, labels = self.sources(answer)
        given = labels.tolist()
        true = [self.turns.index(k) for _, k in found]
        other = [self.turns.index(-k % 4) if -k % 4 in self.turns else -1 for _, k in found]
        wrong = [place for place in range(len(true)) if given[place] != true[place]]
        if not wrong:
            return
        where = "label k belongs to rotation number k of the list"
        if given == other:
            where = "rotate a sheet of paper: in which direction do the copies go?"
        elif sorted(given) == sorted(true):
            where = "are the labels in the order of the copies?"
        image, k = found[wrong[0]]
        raise CheckFailed(
            "value",
            f"copy number {wrong[0]}, image {image} {self.words(k)}, has the label "
            f"{given[wrong[0]]}",
            where,
        )

    def ordered(self, answer: Answer) -> None:
        """The copies are in the requested order."""
        found, _ = self.sources(answer)
        by_turn = [(i, k) for k in self.turns for i in range(3)]
        by_image = [(i, k) for i in range(3) for k in self.turns]
        asked, other = (by_image, by_turn) if self.by_image else (by_turn, by_image)
        if found != asked:
            place = [a == b for a, b in zip(found, asked, strict=True)].index(False)
            image, k = found[place]
            also = ": this is the other of the two usual orders" if found == other else ""
            raise CheckFailed(
                "value",
                f"copy number {place} is image {image}, {self.words(k)}{also}",
                "read again in which order the copies should be",
            )

    def solution(self) -> str:
        """Code that passes."""
        k, K = "-k" if self.clockwise else "k", self.classes
        ending = (
            "torch.stack(copies, dim=1).flatten(0, 1), labels.repeat(len(images))"
            if self.by_image
            else "torch.cat(copies), labels.repeat_interleave(len(images))"
        )
        return f'''def rotation_batch(images):
    """Rotated copies and their labels: (N, C, S, S) -> ({K}N, C, S, S), ({K}N,)."""
    copies = [torch.rot90(images, {k}, dims=(2, 3)) for k in {self.turns}]
    labels = torch.arange({K})
    return {ending}
'''


ALL_TURNS = (0, 1, 2, 3)
ROTATION_BATCH_FORMS = (
    RotationBatch(False, False, ALL_TURNS),
    RotationBatch(True, True, ALL_TURNS),
    RotationBatch(True, False, ALL_TURNS),
    RotationBatch(False, True, ALL_TURNS),
    RotationBatch(True, False, (0, 1)),
    RotationBatch(True, True, (0, 1, 3)),
    RotationBatch(False, True, (1, 2, 3)),
)


def rotation_batch(variant: Variant) -> Exercise:
    """All rotations of each image, with their labels (Gidaris et al., 2018)."""
    form = variant.choose("turns of the rotation batch", ROTATION_BATCH_FORMS)
    K = form.classes
    lie = (
        f"Order the copies image by image: first the {K} copies of image 0, in the order of "
        "their labels, then those of image 1."
        if form.by_image
        else "Order the copies rotation by rotation: first those of all images with label 0, in "
        "the order of the images, then those with label 1."
    )
    listed = "\n".join(f"- label {y}: {form.words(k)}" for y, k in enumerate(form.turns))
    return Exercise(
        key="rotation-batch",
        lesson="04_rotation",
        type="implement",
        title="A batch of rotated images",
        points=4,
        minutes=10,
        objective="make questions from images whose answers come for free, and arrange the batch "
        "so that question and answer stay together",
        statement=f"""Write `rotation_batch(images)`. It takes square images $(N, C, S, S)$ and \
returns {K} copies of each image, $({K}N, C, S, S)$, and their labels, $({K}N,)$ integers.

{listed}

{lie}""",
        function="rotation_batch",
        starter=f'''def rotation_batch(images):
    """Rotated copies and their labels: (N, C, S, S) -> ({K}N, C, S, S), ({K}N,)."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`torch.rot90` rotates; which two of the four axes are rows and columns? Try it on "
            "`torch.tensor([[[[1, 2], [3, 4]]]])` to see the direction.",
            "Write down the labels for two images before you choose between `repeat` and "
            "`repeat_interleave`.",
        ),
        properties=(
            Property(f"gives {K} copies of each image, and a label for each", form.shape),
            Property("rotates the images, and does nothing else to them", form.turns_alone),
            Property("gives each image in each of the rotations once", form.once_each),
            Property("gives each copy the label of its rotation", form.labelled),
            Property("puts the copies in the requested order", form.ordered),
        ),
        mistakes=(
            "Labels by `repeat` for copies that `torch.cat` joined, or the other way round: the "
            "loss then stays at chance.",
            "The transpose instead of a rotation: it mirrors as well.",
            "Rotating over the wrong axes, which for square images with S = C goes unnoticed.",
        ),
        discuss="Why all rotations of an image in one batch, and not one random rotation of each?",
        form=f"{'clockwise' if form.clockwise else 'anticlockwise'}, quarter turns {form.turns}, "
        f"{'image by image' if form.by_image else 'rotation by rotation'}",
    )
