"""Exercise on frozen encoders: features for a probe (lesson 3)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ssl_teach.exercises.checks.harness import (
    Wrong,
    call,
    close,
    require,
    seeded,
    tensor_like,
)
from ssl_teach.exercises.core import Exercise, Property, Variant

Answer = Callable[..., Any]


LESSON = "03_self_supervised_learning"


class Notes:
    """What is seen of an encoder's passes, by a hook: whether a graph was built, and the mode."""

    def __init__(self, module: nn.Module) -> None:
        """Look at each pass of a module from now on."""
        self.graphs: list[bool] = []
        self.training: list[bool] = []
        self.sizes: list[int] = []
        module.register_forward_hook(self.look)

    def __deepcopy__(self, memo: dict[int, object]) -> Notes:
        """A copied encoder goes on writing here."""
        return self

    def look(self, module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        """Note one pass."""
        self.graphs.append(result.requires_grad)
        self.training.append(module.training)
        self.sizes.append(len(given[0]))


def small_encoder(channels: int = 1) -> nn.Sequential:
    """A network with batch norm and dropout, in training mode: (B, C, H, W) -> (B, 6)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        encoder = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Conv2d(6, 6, 2),
            nn.BatchNorm2d(6),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        for each in encoder:
            if isinstance(each, nn.BatchNorm2d):
                each.running_mean.normal_()  # type: ignore[union-attr]
                each.running_var.uniform_(0.3, 2)  # type: ignore[union-attr]
    return encoder


def unmoved(before: dict[str, Tensor], module: nn.Module, names: Iterable[str]) -> list[str]:
    """Which of the named tensors of a module are no longer what they were."""
    now = module.state_dict()
    return [name for name in names if not torch.equal(before[name], now[name])]


def saved(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def require_unmoved(before: dict[str, Tensor], module: nn.Module, weights: bool) -> None:
    """Require that the weights, or else the buffers, are what they were.

    Raises:
        Wrong: "changed input", with the names of those that moved.
    """
    parameters = {name for name, _ in module.named_parameters()}
    mine = [name for name in before if (name in parameters) == weights]
    moved = unmoved(before, module, mine)
    if moved:
        kind = "parameter" if weights else "buffer"
        raise Wrong(
            "changed input",
            f"{len(moved)} of {len(mine)} {kind}s changed, first {moved[0]} of "
            f"{type(module.get_submodule(moved[0].rpartition('.')[0])).__name__}",
            "which tensors does the optimiser hold, and which of them get a gradient?"
            if weights
            else "what does batch norm do with its running statistics in training mode?",
        )


@dataclass(frozen=True)
class Frozen:
    """A form of the frozen features.

    Attributes:
        unit: scale each row to length one.
        mirror: the mean of the features of a picture and of its mirror image.
        size: pictures in a pass at most; 0 for all at once.
        bytes: uint8 pictures, to be brought to [0, 1].
    """

    unit: bool = False
    mirror: bool = False
    size: int = 0
    bytes: bool = False

    def images(self, N: int, seed: int = 0) -> Tensor:
        """Random pictures (N, 1, 5, 5)."""
        made = torch.rand(N, 1, 5, 5, generator=seeded(seed))
        return (255 * made).byte() if self.bytes else made

    def ask(self, answer: Answer, encoder: nn.Module, images: Tensor) -> tuple[object, Tensor]:
        """The features as they come, and checked."""
        on = f"{len(images)} pictures, an encoder in {'training' if encoder.training else 'eval'}"
        on += " mode"
        raw = call(answer, encoder, images, on=on, may_change=(0,))
        return raw, tensor_like(raw, (len(images), 6), on=on, names="one row a picture")

    def expected(self, encoder: nn.Module, images: Tensor, training: bool = False) -> Tensor:
        """What the features should be, or would be in training mode."""
        encoder = copy.deepcopy(encoder).train(training)
        images = images.float() / 255 if self.bytes else images
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            h = encoder(images)
            if self.mirror:
                h = (h + encoder(images.flip(3))) / 2
        return nn.functional.normalize(h, dim=1) if self.unit else h

    def shape(self, answer: Answer) -> None:
        """One row a picture, also of one alone."""
        for N in (7, 1):
            self.ask(answer, small_encoder().eval(), self.images(N))

    def unmoved(self, answer: Answer) -> None:
        """No weight and no statistic moves."""
        for mode in (True, False):
            encoder = small_encoder().train(mode)
            before = saved(encoder)
            for parameter in encoder.parameters():
                parameter.grad = torch.ones_like(parameter)
            self.ask(answer, encoder, self.images(6))
            require_unmoved(before, encoder, weights=True)
            require_unmoved(before, encoder, weights=False)
            require(
                all(p.grad is not None and (p.grad == 1).all() for p in encoder.parameters()),
                "the gradients that the encoder's parameters held before are no longer there",
                "a pass that only looks needs neither backward nor zero_grad",
            )

    def handed_back(self, answer: Answer) -> None:
        """The encoder is in the mode that it was in."""
        for mode in (True, False):
            encoder = small_encoder().train(mode)
            self.ask(answer, encoder, self.images(4))
            now = [each.training for each in encoder.modules()]
            require(
                all(each == mode for each in now),
                f"an encoder that was in {'training' if mode else 'evaluation'} mode is in the "
                "other one now",
                "somebody goes on with it: remember the mode that you found",
            )
            require(
                all(parameter.requires_grad for parameter in encoder.parameters()),
                "parameters that wanted gradients no longer do",
                "somebody goes on training; is there a way that leaves no trace?",
            )

    def no_graph(self, answer: Answer) -> None:
        """The pass builds no graph."""
        encoder = small_encoder()
        notes = Notes(encoder)
        raw, _ = self.ask(answer, encoder, self.images(5))
        require(
            not (isinstance(raw, Tensor) and raw.requires_grad),
            "the features want gradients: a classifier on top would train the encoder too",
            "under what does a pass keep no record of itself?",
        )
        require(
            not any(notes.graphs),
            "the features want none, but the pass itself kept all that gradients would need",
            "detaching afterwards is late: the memory was needed all the same",
        )

    def right(self, answer: Answer) -> None:
        """The features are those of evaluation mode."""
        for seed, mode in ((1, True), (2, False)):
            encoder, images = small_encoder().train(mode), self.images(6, seed)
            before = self.expected(encoder, images)
            by_batch = self.expected(encoder, images, training=True)
            _, found = self.ask(answer, encoder, images)
            words = ": it is closer to what training mode gives" if close(found, by_batch) else ""
            require(
                close(found, before),
                f"on 6 pictures the features are off by {float((found - before).abs().max()):.3f} "
                f"from what the encoder says in evaluation mode{words}",
                "is all done that the statement asks of pictures and features, and nothing else?",
            )

    def alone(self, answer: Answer) -> None:
        """A picture's features do not depend on the others."""
        encoder, images = small_encoder(), self.images(9, 3)
        _, together = self.ask(answer, encoder, images)
        singly = [self.ask(answer, encoder, image[None])[1] for image in images]
        require(
            close(torch.cat(singly), together),
            "a picture's features change with the pictures that come with it",
            "what in the function looks at more than one row?",
        )

    def passes(self, answer: Answer) -> None:
        """No pass takes more pictures than allowed."""
        for N in (9, 8, 3):
            encoder = small_encoder()
            notes = Notes(encoder)
            self.ask(answer, encoder, self.images(N))
            require(
                notes.sizes and max(notes.sizes) <= self.size and sum(notes.sizes) == N,
                f"of {N} pictures the passes took {notes.sizes}, where {self.size} are allowed",
                "`split` cuts a batch into parts; the last one may be smaller",
            )

    def solution(self) -> str:
        """Code that passes."""
        pictures = "images.float() / 255" if self.bytes else "images"
        if self.mirror:
            take = f"h = (encoder({pictures}) + encoder(({pictures}).flip(3))) / 2"
        elif self.size:
            take = f"h = torch.cat([encoder(part) for part in ({pictures}).split({self.size})])"
        else:
            take = f"h = encoder({pictures})"
        end = "torch.nn.functional.normalize(h, dim=1)" if self.unit else "h"
        return f'''@torch.no_grad()
def frozen_features(encoder, images):
    """Features of an encoder that is held still: (N, C, H, W) -> (N, D)."""
    was_training = encoder.training
    encoder.eval()
    {take}
    encoder.train(was_training)
    return {end}
'''


FROZEN = (
    Frozen(),
    Frozen(unit=True),
    Frozen(mirror=True),
    Frozen(size=4),
    Frozen(bytes=True, size=4),
    Frozen(bytes=True, unit=True),
)


def frozen_probe(variant: Variant) -> Exercise:
    """Features of a frozen encoder, for a probe."""
    form = variant.choose("kind of frozen features", FROZEN)
    asks = [
        "The pictures are uint8 from 0 to 255; the encoder wants real numbers from 0 to 1."
        if form.bytes
        else "",
        f"At most {form.size} pictures may go into the encoder at once, and each goes in once."
        if form.size
        else "",
        "The feature of a picture is the mean of what the encoder says of it and of its mirror "
        "image (left and right exchanged)."
        if form.mirror
        else "",
        "Each row of the result is scaled to length one." if form.unit else "",
    ]
    added = " ".join(each for each in asks if each)
    passes = Property("keeps to the size of a pass", form.passes)
    return Exercise(
        key="frozen-probe",
        lesson=LESSON,
        kind="implement",
        title="Frozen means frozen",
        points=5,
        minutes=15,
        objective="take features from an encoder so that nothing of it moves, and hand it back as "
        "it was",
        statement=f"""Write `frozen_features(encoder, images)`: what an encoder says of pictures, \
$(N, C, H, W) \\to (N, D)$, for a probe. The encoder is any `nn.Module`; it may hold batch norm \
and dropout, and it may be given in training mode or in evaluation mode. Take its features in \
*evaluation mode* and *without gradients*. Afterwards everything of it is as it was: weights, \
running statistics, mode.{" " if added else ""}{added}""",
        function="frozen_features",
        starter='''def frozen_features(encoder, images):
    """Features of an encoder that is held still: (N, C, H, W) -> (N, D)."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`encoder.training` tells the mode. When must you ask it?",
            "Evaluation mode and no gradients are two things, and neither brings the other.",
        ),
        properties=(
            Property("gives one row for each picture", form.shape),
            Property("moves no weight and no running statistic", form.unmoved),
            Property("hands the encoder back in the mode it was in", form.handed_back),
            Property("keeps no record for gradients", form.no_graph),
            Property("gives the features of evaluation mode", form.right),
            Property("says the same of a picture, whatever comes with it", form.alone),
            *([passes] if form.size else []),
        ),
        mistakes=(
            "`torch.no_grad()` alone: batch norm updates its statistics all the same.",
            "`encoder.eval()` alone: the pass keeps a graph, and a head trained on the result "
            "trains the encoder.",
            "Ending with `encoder.train()`, whatever the mode was before.",
            "`squeeze()`, which takes the batch away too when it is a single picture.",
        ),
        discuss="Why is a check that runs better here than a rule to remember?",
        form=added or "all at once",
    )
