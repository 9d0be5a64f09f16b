"""Exercise on rotation: pictures in all their turns, with labels (lesson 4)."""

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
    """A form of the rotation exercise.

    Attributes:
        clockwise: the direction of the turns.
        by_picture: whether the copies of one image are adjacent; otherwise those of one rotation.
        turns: how many quarter turns each label stands for.
    """

    clockwise: bool
    by_picture: bool
    turns: tuple[int, ...]

    @property
    def classes(self) -> int:
        """K, how many labels there are."""
        return len(self.turns)

    def words(self, turns: int) -> str:
        """A number of quarter turns in words."""
        if turns % 2 == 0:
            return ("as it is", "by 180°")[turns // 2]
        return f"by {90 * turns}° {'clockwise' if self.clockwise else 'anticlockwise'}"

    def turned(self, image: Tensor, turns: int) -> Tensor:
        """A picture (C, S, S), turned in the direction of this form."""
        return torch.rot90(image, -turns if self.clockwise else turns, dims=(1, 2))

    def run(self, answer: Answer, N: int, C: int, S: int) -> tuple[Tensor, Tensor, Tensor]:
        """Random pictures, with the copies and labels that the answer makes of them."""
        images, on = torch.rand(N, C, S, S, generator=make_generator(N)), f"images {(N, C, S, S)}"
        copies, labels = unpack_result(call(answer, images, on=on), ("images", "labels"), on=on)
        M = self.classes * N
        copies = expect_tensor(
            copies, (M, C, S, S), on=on, names="one for each turn of each picture"
        )
        copies = copies.to(images.dtype)
        return images, copies, expect_tensor(labels, (M,), on=on, whole=True)

    def shape(self, answer: Answer) -> None:
        """The right numbers of both."""
        for sizes in ((3, 2, 4), (1, 1, 5)):
            self.run(answer, *sizes)

    def sources(self, answer: Answer) -> tuple[list[tuple[int, int]], Tensor]:
        """Of each copy its picture and its quarter turns; and the labels."""
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
                f"copy number {place} does not consist of the pixels of any one picture",
                "a turn by 90° moves pixels inside each channel; it mixes and changes none",
            )
            at = [k for k in range(4) if torch.equal(copy, self.turned(images[same[0]], k))]
            require(
                at,
                f"copy number {place} has the pixels of picture {same[0]}, but no turn of it looks "
                "like that: it is mirrored, or its channels or pixels changed places",
                "write [[1, 2], [3, 4]] on paper and turn the sheet",
            )
            found.append((same[0], at[0]))
        return found, labels

    def turns_alone(self, answer: Answer) -> None:
        """Each copy is a turn of a picture."""
        self.sources(answer)

    def once_each(self, answer: Answer) -> None:
        """Each picture in each turn, once."""
        times = Counter(self.sources(answer)[0])
        for picture in range(3):
            for k in range(4):
                seen = times[picture, k]
                require(
                    seen == int(k in self.turns),
                    f"picture {picture}, {self.words(k)}, is there {seen} times",
                    "which turns are asked for?",
                )

    def labelled(self, answer: Answer) -> None:
        """The labels tell the turns."""
        found, labels = self.sources(answer)
        given = labels.tolist()
        true = [self.turns.index(k) for _, k in found]
        other = [self.turns.index(-k % 4) if -k % 4 in self.turns else -1 for _, k in found]
        wrong = [place for place in range(len(true)) if given[place] != true[place]]
        if not wrong:
            return
        where = "label k belongs to the turn number k of the list"
        if given == other:
            where = "turn a sheet of paper: in which direction do the copies go?"
        elif sorted(given) == sorted(true):
            where = "do the labels lie in the order of the copies?"
        picture, k = found[wrong[0]]
        raise CheckFailed(
            "value",
            f"copy number {wrong[0]}, picture {picture} {self.words(k)}, has the label "
            f"{given[wrong[0]]}",
            where,
        )

    def ordered(self, answer: Answer) -> None:
        """The copies lie as asked."""
        found, _ = self.sources(answer)
        by_turn = [(i, k) for k in self.turns for i in range(3)]
        by_picture = [(i, k) for i in range(3) for k in self.turns]
        asked, other = (by_picture, by_turn) if self.by_picture else (by_turn, by_picture)
        if found != asked:
            place = [a == b for a, b in zip(found, asked, strict=True)].index(False)
            picture, k = found[place]
            also = ": this is the other of the two orders in use" if found == other else ""
            raise CheckFailed(
                "value",
                f"copy number {place} is picture {picture}, {self.words(k)}{also}",
                "read again how the copies are to lie in the batch",
            )

    def solution(self) -> str:
        """Code that passes."""
        k, K = "-k" if self.clockwise else "k", self.classes
        ending = (
            "torch.stack(copies, dim=1).flatten(0, 1), labels.repeat(len(images))"
            if self.by_picture
            else "torch.cat(copies), labels.repeat_interleave(len(images))"
        )
        return f'''def rotation_batch(images):
    """Turned copies and their labels: (N, C, S, S) -> ({K}N, C, S, S), ({K}N,)."""
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
    """All turns of each picture, with their labels (Gidaris et al., 2018)."""
    form = variant.choose("turns of the rotation batch", ROTATION_BATCH_FORMS)
    K = form.classes
    lie = (
        f"The copies lie picture after picture: first the {K} copies of picture 0, in the order of "
        "their labels, then those of picture 1."
        if form.by_picture
        else "The copies lie turn after turn: first those of all pictures with label 0, in the "
        "order of the pictures, then those with label 1."
    )
    listed = "\n".join(f"- label {y}: {form.words(k)}" for y, k in enumerate(form.turns))
    return Exercise(
        key="rotation-batch",
        lesson="04_rotation",
        type="implement",
        title="A batch of turned pictures",
        points=4,
        minutes=10,
        objective="make questions out of pictures whose answers come for free, and lay out the "
        "batch so that question and answer stay together",
        statement=f"""Write `rotation_batch(images)`. It takes square pictures $(N, C, S, S)$ and \
gives two things: {K} copies of each picture, $({K}N, C, S, S)$, and their labels, $({K}N,)$ whole \
numbers.

{listed}

{lie}""",
        function="rotation_batch",
        starter=f'''def rotation_batch(images):
    """Turned copies and their labels: (N, C, S, S) -> ({K}N, C, S, S), ({K}N,)."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`torch.rot90` turns; which two of the four axes are rows and columns? Try it on "
            "`torch.tensor([[[[1, 2], [3, 4]]]])` to see the direction.",
            "Lay the labels out for two pictures on paper before you choose between `repeat` and "
            "`repeat_interleave`.",
        ),
        properties=(
            Property(f"gives {K} copies of each picture, and a label for each", form.shape),
            Property("turns the pictures, and does nothing else to them", form.turns_alone),
            Property("gives each picture in each of the turns once", form.once_each),
            Property("gives each copy the label of its turn", form.labelled),
            Property("lays the copies in the order asked", form.ordered),
        ),
        mistakes=(
            "Labels by `repeat` for copies that `torch.cat` joined, or the other way round: the "
            "loss then stays at the level of guessing.",
            "The transpose for a turn: it mirrors as well.",
            "Turning over the wrong axes, which for square pictures of S = C goes unnoticed.",
        ),
        discuss="Why all turns of a picture in one batch, and not one random turn of each?",
        form=f"{'clockwise' if form.clockwise else 'anticlockwise'}, quarter turns {form.turns}, "
        f"{'picture after picture' if form.by_picture else 'turn after turn'}",
    )
