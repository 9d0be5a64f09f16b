"""Lesson 3: frozen features, a backbone that should stay frozen, and the test split."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ssl_teach.exercises.checks.harness import (
    Answer,
    CheckFailed,
    call,
    describe,
    expect_tensor,
    is_close,
    make_generator,
    require,
    unpack_result,
)
from ssl_teach.exercises.core import Exercise, Property, Variant

LESSON = "03_self_supervised_learning"


class ForwardRecorder:
    """What is seen of an encoder's passes, by a hook: whether a graph was built, and the mode."""

    def __init__(self, module: nn.Module) -> None:
        """Look at each pass of a module from now on."""
        self.graphs: list[bool] = []
        self.training: list[bool] = []
        self.sizes: list[int] = []
        module.register_forward_hook(self.look)

    def __deepcopy__(self, memo: dict[int, object]) -> ForwardRecorder:
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
        CheckFailed: "changed input", with the names of those that moved.
    """
    parameters = {name for name, _ in module.named_parameters()}
    mine = [name for name in before if (name in parameters) == weights]
    moved = unmoved(before, module, mine)
    if moved:
        kind = "parameter" if weights else "buffer"
        raise CheckFailed(
            "changed input",
            f"{len(moved)} of {len(mine)} {kind}s changed, first {moved[0]} of "
            f"{type(module.get_submodule(moved[0].rpartition('.')[0])).__name__}",
            "which tensors does the optimiser hold, and which of them get a gradient?"
            if weights
            else "what does batch norm do with its running statistics in training mode?",
        )


@dataclass(frozen=True)
class FrozenProbe:
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
        made = torch.rand(N, 1, 5, 5, generator=make_generator(seed))
        return (255 * made).byte() if self.bytes else made

    def run(self, answer: Answer, encoder: nn.Module, images: Tensor) -> tuple[object, Tensor]:
        """The features as they come, and checked."""
        on = f"{len(images)} pictures, an encoder in {'training' if encoder.training else 'eval'}"
        on += " mode"
        raw = call(answer, encoder, images, on=on, may_change=(0,))
        return raw, expect_tensor(raw, (len(images), 6), on=on, names="one row a picture")

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
            self.run(answer, small_encoder().eval(), self.images(N))

    def unmoved(self, answer: Answer) -> None:
        """No weight and no statistic moves."""
        for mode in (True, False):
            encoder = small_encoder().train(mode)
            before = saved(encoder)
            for parameter in encoder.parameters():
                parameter.grad = torch.ones_like(parameter)
            self.run(answer, encoder, self.images(6))
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
            self.run(answer, encoder, self.images(4))
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
        notes = ForwardRecorder(encoder)
        raw, _ = self.run(answer, encoder, self.images(5))
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

    def correct(self, answer: Answer) -> None:
        """The features are those of evaluation mode."""
        for seed, mode in ((1, True), (2, False)):
            encoder, images = small_encoder().train(mode), self.images(6, seed)
            before = self.expected(encoder, images)
            by_batch = self.expected(encoder, images, training=True)
            _, found = self.run(answer, encoder, images)
            words = (
                ": it is closer to what training mode gives" if is_close(found, by_batch) else ""
            )
            require(
                is_close(found, before),
                f"on 6 pictures the features are off by {float((found - before).abs().max()):.3f} "
                f"from what the encoder says in evaluation mode{words}",
                "is all done that the statement asks of pictures and features, and nothing else?",
            )

    def alone(self, answer: Answer) -> None:
        """A picture's features do not depend on the others."""
        encoder, images = small_encoder(), self.images(9, 3)
        _, together = self.run(answer, encoder, images)
        singly = [self.run(answer, encoder, image[None])[1] for image in images]
        require(
            is_close(torch.cat(singly), together),
            "a picture's features change with the pictures that come with it",
            "what in the function looks at more than one row?",
        )

    def passes(self, answer: Answer) -> None:
        """No pass takes more pictures than allowed."""
        for N in (9, 8, 3):
            encoder = small_encoder()
            notes = ForwardRecorder(encoder)
            self.run(answer, encoder, self.images(N))
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


FROZEN_PROBE_FORMS = (
    FrozenProbe(),
    FrozenProbe(unit=True),
    FrozenProbe(mirror=True),
    FrozenProbe(size=4),
    FrozenProbe(bytes=True, size=4),
    FrozenProbe(bytes=True, unit=True),
)


def frozen_probe(variant: Variant) -> Exercise:
    """Features of a frozen encoder, for a probe."""
    form = variant.choose("kind of frozen features", FROZEN_PROBE_FORMS)
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
        type="implement",
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
            Property("gives the features of evaluation mode", form.correct),
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


BACKBONE_BUGS = {
    "attribute": (
        "    backbone.eval()\n    backbone.requires_grad = False\n",
        "    backbone.eval()\n    backbone.requires_grad_(False)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
    "biases": (
        "    backbone.eval()\n    for name, parameter in backbone.named_parameters():\n"
        '        if name.endswith("weight"):\n            parameter.requires_grad_(False)\n',
        "    backbone.eval()\n    backbone.requires_grad_(False)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
    "no grad": (
        "    backbone.requires_grad_(False)\n    with torch.no_grad():\n"
        "        features = backbone(images)\n",
        "    backbone.requires_grad_(False)\n    backbone.eval()\n    with torch.no_grad():\n"
        "        features = backbone(images)\n",
        "    optimizer = torch.optim.AdamW(head.parameters(), lr=0.05)\n",
        "logits = head(features)",
    ),
    "copy": (
        "    frozen = copy.deepcopy(backbone).requires_grad_(False)\n    frozen.eval()\n"
        "    backbone.eval()\n",
        "    frozen = copy.deepcopy(backbone).requires_grad_(False)\n    frozen.eval()\n"
        "    model = torch.nn.Sequential(frozen, head)\n",
        "    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)\n",
        "logits = model(images)",
    ),
}
"""Of each bug: the lines that mean to freeze, with the bug and mended; optimiser; pass."""


class Backbone:
    """Data and network for the head that is to be trained on a frozen backbone."""

    def __init__(self) -> None:
        """Three kinds of pictures that differ in their brightness and in their slope."""
        # torch's first optimiser imports its compiler: not within the time of an answer
        torch.optim.SGD([torch.zeros(1)])
        self.backbone = small_encoder()
        self.labels = torch.arange(3).repeat(10)
        kind = self.labels.view(-1, 1, 1, 1)
        slope = torch.linspace(-1, 1, 5) * (kind - 1)
        noise = 0.3 * torch.rand(30, 1, 5, 5, generator=make_generator(4))
        self.images = noise + slope + 0.7 * (kind == 1)

    def run(self, answer: Answer, steps: int) -> nn.Module:
        """The head that the answer trains."""
        on = f"30 pictures of 3 kinds and {steps} steps"
        state = torch.get_rng_state()
        torch.manual_seed(0)
        try:
            head = call(
                answer,
                *(self.backbone, 6, self.images, self.labels, steps),
                seconds=6,
                on=on,
                may_change=(0,),
            )
        finally:
            torch.set_rng_state(state)
        if not isinstance(head, nn.Module):
            raise CheckFailed("type", f"on {on}, it gave {describe(head)}, not the head")
        try:
            with torch.no_grad():
                scores = head(torch.zeros(2, 6))
        except RuntimeError as error:
            raise CheckFailed("type", f"the head does not take features (2, 6): {error}") from None
        expect_tensor(scores, (2, 3), on="the head of features (2, 6)", names="scores of 3 classes")
        return head

    def loss(self, head: nn.Module) -> float:
        """Cross-entropy of the head on frozen features."""
        with torch.no_grad():
            h = copy.deepcopy(self.backbone).eval()(self.images)
            return float(nn.functional.cross_entropy(head.eval()(h), self.labels))


def _a_head(answer: Answer) -> None:
    Backbone().run(answer, 2)


def _weights_stay(answer: Answer) -> None:
    for mode in (True, False):
        made = Backbone()
        made.backbone.train(mode)
        before = saved(made.backbone)
        made.run(answer, 5)
        require_unmoved(before, made.backbone, weights=True)


def _statistics_stay(answer: Answer) -> None:
    for mode in (True, False):
        made = Backbone()
        made.backbone.train(mode)
        before = saved(made.backbone)
        made.run(answer, 5)
        require_unmoved(before, made.backbone, weights=False)


def _looks_frozen(answer: Answer) -> None:
    made = Backbone()
    notes = [ForwardRecorder(each) for each in made.backbone if not list(each.children())]
    made.run(answer, 5)
    require(
        not any(any(each.training) for each in notes),
        "while the head learns, parts of the backbone are in training mode",
        "what will the head be given when it is used?",
    )


def _head_learns(answer: Answer) -> None:
    made = Backbone()
    before = saved(made.backbone)
    first, last = (made.loss(made.run(answer, steps)) for steps in (1, 150))
    made.backbone.load_state_dict(before)
    require(
        last < min(0.7, first),
        f"on the features of evaluation mode the head has a loss of {first:.2f} after 1 step and "
        f"of {last:.2f} after 150",
        "does the optimiser hold the head, and does a gradient reach it?",
    )


def unfrozen_backbone(variant: Variant) -> Exercise:
    """A linear probe that trains the backbone, or moves its statistics."""
    bug = variant.choose("bug of the backbone", tuple(BACKBONE_BUGS))
    wrong, right, optimizer, logits = BACKBONE_BUGS[bug]

    def code(freeze: str, with_model: bool) -> str:
        model = "    model = torch.nn.Sequential(backbone, head)\n" if with_model else ""
        head = "" if bug != "copy" else "import copy\n\n\n"
        return f'''{head}def train_head(backbone, width, images, labels, steps):
    """A linear head on D = width frozen features: pictures (N, …), labels (N,) -> nn.Linear."""
    head = torch.nn.Linear(width, len(labels.unique()))
{model}{freeze}{optimizer}    for _ in range(steps):
        {logits}
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head
'''

    return Exercise(
        key="unfrozen-backbone",
        lesson=LESSON,
        type="bug",
        title="A backbone that thaws",
        points=4,
        minutes=15,
        objective="find out whether a probe trains what it is to judge, and hold it still",
        statement="""`train_head(backbone, width, images, labels, steps)` is to train a linear \
head on a backbone that stays frozen, and that gives `width` features. No weight and no running \
statistic of it may move, and the head must learn from what the backbone says in evaluation mode. \
It trains, the loss falls, and the accuracy is good. But the backbone is another one afterwards. \
Find out what moves, and mend it in as few lines as you can.""",
        function="train_head",
        starter=code(wrong, bug != "no grad"),
        solution=code(right, bug not in ("no grad", "copy")),
        hints=(
            "Copy `backbone.state_dict()` before (clone each tensor) and compare afterwards: which "
            "names differ?",
            "Three things must be right: which parameters want gradients, which the optimiser "
            "holds, and in which mode the backbone runs.",
        ),
        properties=(
            Property("gives a head that takes features to scores", _a_head),
            Property("moves no weight of the backbone", _weights_stay),
            Property("moves no running statistic of the backbone", _statistics_stay),
            Property("runs the backbone in evaluation mode", _looks_frozen),
            Property("trains the head", _head_learns),
        ),
        mistakes=(
            "Putting statistics back afterwards: the head has then learnt from other features.",
            "Evaluation mode alone: it stops no weight from learning.",
            "No gradients alone: batch norm needs none to move.",
        ),
        discuss="Which of the numbers that one looks at in training would have shown this?",
        form=bug,
    )


TEST_LEAKS = {
    "choice": ("x_train", "test", "test", ""),
    "statistics": ("x_all", "val", "test", ""),
    "report": ("x_train", "val", "val", ""),
    "own statistics": ("x_train", "val", "test", "own"),
}
"""Of each bug: whose statistics, which part chooses, which is reported, and a second sort."""


def _probe_code(statistics: str, chooses: str, reports: str, own: str) -> str:
    mean = {
        "x_train": "    x, y = train\n    mean, deviation = x.mean(dim=0), x.std(dim=0)\n",
        "x_all": "    x, y = train\n    everything = torch.cat([train[0], val[0], test[0]])\n"
        "    mean, deviation = everything.mean(dim=0), everything.std(dim=0)\n",
    }[statistics]
    if own:
        mean = "    x, y = train\n"
    ready = (
        "        return (x - x.mean(dim=0)) / x.std(dim=0)\n"
        if own
        else "        return (x - mean) / deviation\n"
    )
    return f'''def probe(train, val, test, penalties):
    """Linear probe; parts are features (N, D) and labels (N,) -> test accuracy, penalty."""
{mean}
    def prepare(x):
{ready}
    def accuracy(weights, part):
        return float(((prepare(part[0]) @ weights).argmax(dim=1) == part[1]).float().mean())

    x, targets = prepare(x), torch.nn.functional.one_hot(y).float()
    fitted = {{}}
    for penalty in penalties:
        square = x.T @ x + penalty * torch.eye(x.shape[1])
        fitted[penalty] = torch.linalg.solve(square, x.T @ targets)
    best = max(penalties, key=lambda penalty: accuracy(fitted[penalty], {chooses}))
    return accuracy(fitted[best], {reports}), best
'''


Part = tuple[Tensor, Tensor]


def part(N: int, seed: int, noise: str = "shared") -> Part:
    """Features (N, 4) of three classes, with labels.

    The last two features hold the noise of the first two, so that it can be taken away. With
    `noise` "other" they hold another noise: then it is better not to look at them.
    """
    generator = make_generator(seed)
    labels = torch.arange(N) % 3
    angle = labels * (2 * torch.pi / 3)
    signal = torch.stack([angle.cos(), angle.sin()], dim=1)
    n, other = torch.randn(2, N, 2, generator=generator)
    if noise == "other":
        return torch.cat([signal + 0.3 * n, 2 * other], dim=1), labels
    return torch.cat([signal + n, n + 0.1 * other], dim=1), labels


SMALL, LARGE = 2.0**-10, 2.0**14  # these are the same numbers in float32
GRID = (SMALL, LARGE)


def _run(
    answer: Answer, train: Part, val: Part, test: Part, grid: tuple[float, ...] = GRID
) -> tuple[float, float]:
    """Accuracy and penalty that the probe gives."""
    on = f"parts of {len(train[0])}, {len(val[0])} and {len(test[0])}, penalties {grid}"
    result = unpack_result(
        call(answer, train, val, test, grid, on=on), ("accuracy", "penalty"), on=on
    )
    accuracy, penalty = (float(expect_tensor(each, (), on=on)) for each in result)
    require(penalty in grid, f"on {on}, the penalty is {penalty}, which is none of them")
    hits = accuracy * len(test[0])
    require(
        -0.01 < hits < len(test[0]) + 0.01 and abs(hits - round(hits)) < 0.01,
        f"on {on}, the accuracy is {accuracy:.4f}, no share of {len(test[0])} test pictures",
    )
    return accuracy, penalty


def _shares(answer: Answer) -> None:
    _run(answer, part(60, 1), part(30, 2), part(30, 3))
    _run(answer, part(60, 1), part(30, 2), part(30, 3), GRID[:1])


def _reports_test(answer: Answer) -> None:
    x, y = part(31, 3)
    sums = 0.0
    for moved in range(3):
        sums += _run(answer, part(60, 1), part(40, 2), (x, (y + moved) % 3), GRID[:1])[0]
    require(
        abs(sums - 1) < 1e-4,
        "three classes were renamed in the test labels, 0 to 1 to 2 to 0, and again: each picture "
        f"is right under one of the three names, but the accuracies add up to {sums:.3f}",
        "of which part is the number that is handed back?",
    )


def _val_chooses(answer: Answer) -> None:
    for noise, right in (("shared", SMALL), ("other", LARGE)):
        for test_noise in ("other", "shared"):
            _, penalty = _run(answer, part(90, 1), part(90, 2, noise), part(90, 3, test_noise))
            require(
                penalty == right,
                f"validation data speak for the penalty {right:g}; with test data that "
                f"{'agree' if test_noise == noise else 'would rather have the other'} it chose "
                f"{penalty:g}",
                "what is looked at when the best one is picked?",
            )


def _each_alone(answer: Answer) -> None:
    train, val, (x, y) = part(60, 1), part(30, 2), part(90, 3)
    order = y.argsort(stable=True)
    x, y = torch.cat([x[order], x[:30] + 40]), torch.cat([y[order], y[:30]])  # strange ones last
    for penalty in GRID:
        whole, _ = _run(answer, train, val, (x, y), (penalty,))
        pieces = [
            _run(answer, train, val, (x[rows], y[rows]), (penalty,))[0]
            for rows in torch.arange(120).split(30)
        ]
        mean = sum(pieces) / 4
        require(
            abs(mean - whole) < 1e-4,
            f"120 test pictures together: {whole:.3f} right; the same in four parts of 30, class "
            f"by class: {mean:.3f} in the mean",
            "a test picture's answer may not depend on which others are tested with it: what of "
            "the test split enters before the accuracy is counted?",
        )


def _train_alone_fits(answer: Answer) -> None:
    train, test, (x, y) = part(60, 1), part(90, 3), part(90, 2)
    others = (x, y), (x * torch.tensor([1.0, 9.0, 0.1, 1.0]) + 5, y), (x, (y + 1) % 3)
    for penalty in GRID:
        found = {_run(answer, train, val, test, (penalty,))[0] for val in others}
        require(
            len(found) == 1,
            "with one penalty there is nothing to choose, and yet other validation data change the "
            "accuracy on the test",
            "from which part do mean and deviation come?",
        )


def _still_a_probe(answer: Answer) -> None:
    parts = part(90, 1), part(60, 2), part(90, 3)
    accuracy, _ = _run(answer, *parts)
    require(
        accuracy > 0.85,
        f"on classes that lie well apart the accuracy is {accuracy:.3f} now",
        "mend one line; the rest was right",
    )
    units = torch.tensor([0.01, 1.0, 1.0, 100.0])
    for penalty, noise in ((SMALL, "shared"), (LARGE, "other")):
        parts = part(90, 1, noise), part(60, 2, noise), part(90, 3, noise)
        accuracy, _ = _run(answer, *parts, (penalty,))
        train, val, test = ((x * units + 3, y) for x, y in parts)
        again, _ = _run(answer, train, val, test, (penalty,))
        require(
            abs(again - accuracy) < 0.05,
            f"the features were given in other units, and the accuracy went from {accuracy:.3f} to "
            f"{again:.3f}",
            "features are standardised, so that one penalty is fair to all of them",
        )


def seen_test(variant: Variant) -> Exercise:
    """A probe to whose number the test split has contributed."""
    bug = variant.choose("bug of the test split", tuple(TEST_LEAKS))
    return Exercise(
        key="seen-test",
        lesson="03_self_supervised_learning",
        type="bug",
        title="Who has seen the test?",
        points=4,
        minutes=15,
        objective="find the place where the test split slips into a result, and keep it out",
        statement="""`probe(train, val, test, penalties)` fits a linear classifier to \
standardised features, for several penalties. It is to choose the penalty on validation data and \
report the accuracy on the test, which has no other part in it: a test picture's answer depends on \
the training data, on the choice and on itself. Each part is features $(N, D)$ and labels $(N,)$. \
One thing is not as it should be. The numbers look good. Find it, and change as little as you \
can.""",
        function="probe",
        starter=_probe_code(*TEST_LEAKS[bug]),
        solution=_probe_code("x_train", "val", "test", ""),
        hints=(
            "Follow each of the three parts through the function, and write down what it touches.",
            "Which lines would still run if you had to write down the answer for one test picture "
            "before you were shown the next?",
        ),
        properties=(
            Property("gives an accuracy and one of the penalties", _shares),
            Property("reports the accuracy on the test", _reports_test),
            Property("chooses by validation data", _val_chooses),
            Property("answers for each test picture by itself", _each_alone),
            Property("fits to training data alone", _train_alone_fits),
            Property("is as good a probe as before", _still_a_probe),
        ),
        mistakes=(
            "Thinking that statistics without labels are harmless: they tell about the pictures "
            "that are to be answered.",
            "Mending by leaving the standardisation out.",
        ),
        discuss="How large is the harm, with 100 test pictures and with 100,000?",
        form=bug,
    )
