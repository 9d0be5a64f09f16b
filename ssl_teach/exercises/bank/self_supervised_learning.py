"""Lesson 3: frozen features, a backbone that should stay frozen, and the test split."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
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
    """Records each forward pass of a module: graph built or not, mode, batch size."""

    def __init__(self, module: nn.Module) -> None:
        """Record the forward passes of a module from now on."""
        self.graphs: list[bool] = []
        self.training: list[bool] = []
        self.sizes: list[int] = []
        module.register_forward_hook(self.look)

    def __deepcopy__(self, memo: dict[int, object]) -> ForwardRecorder:
        """Copies of the encoder share this recorder."""
        return self

    def look(self, module: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        """Record one forward pass."""
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


def changed(before: dict[str, Tensor], module: nn.Module, names: Iterable[str]) -> list[str]:
    """The names of the tensors of a module that have changed."""
    now = module.state_dict()
    return [name for name in names if not torch.equal(before[name], now[name])]


def saved(module: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def require_unchanged(before: dict[str, Tensor], module: nn.Module, weights: bool) -> None:
    """Require that the weights, or the buffers, have not changed.

    Raises:
        CheckFailed: "changed input", naming the first that changed.
    """
    parameters = {name for name, _ in module.named_parameters()}
    mine = [name for name in before if (name in parameters) == weights]
    moved = changed(before, module, mine)
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
    """A form of the exercise, with its checks.

    Attributes:
        unit: whether each row is scaled to length one.
        mirror: whether to average the features of an image and of its mirror image.
        size: maximum number of images in a pass; 0 for all at once.
        bytes: whether images are uint8, to be scaled to [0, 1].
    """

    unit: bool = False
    mirror: bool = False
    size: int = 0
    bytes: bool = False

    def images(self, N: int, seed: int = 0) -> Tensor:
        """Random images (N, 1, 5, 5)."""
        made = torch.rand(N, 1, 5, 5, generator=make_generator(seed))
        return (255 * made).byte() if self.bytes else made

    def run(self, answer: Answer, encoder: nn.Module, images: Tensor) -> tuple[object, Tensor]:
        """The result of the answer, as returned and as a checked tensor."""
        on = f"{len(images)} images, an encoder in {'training' if encoder.training else 'eval'}"
        on += " mode"
        raw = call(answer, encoder, images, on=on, may_change=(0,))
        return raw, expect_tensor(raw, (len(images), 6), on=on, names="one row for each image")

    def expected(self, encoder: nn.Module, images: Tensor, training: bool = False) -> Tensor:
        """The correct features, or those that training mode would give."""
        encoder = copy.deepcopy(encoder).train(training)
        images = images.float() / 255 if self.bytes else images
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            h = encoder(images)
            if self.mirror:
                h = (h + encoder(images.flip(3))) / 2
        return nn.functional.normalize(h, dim=1) if self.unit else h

    def shape(self, answer: Answer) -> None:
        """The answer gives one row for each image, also for a single image."""
        for N in (7, 1):
            self.run(answer, small_encoder().eval(), self.images(N))

    def unchanged(self, answer: Answer) -> None:
        """No weight and no running statistic changes."""
        for mode in (True, False):
            encoder = small_encoder().train(mode)
            before = saved(encoder)
            for parameter in encoder.parameters():
                parameter.grad = torch.ones_like(parameter)
            self.run(answer, encoder, self.images(6))
            require_unchanged(before, encoder, weights=True)
            require_unchanged(before, encoder, weights=False)
            require(
                all(p.grad is not None and (p.grad == 1).all() for p in encoder.parameters()),
                "the gradients that the encoder's parameters had before are gone",
                "extracting features needs neither backward nor zero_grad",
            )

    def handed_back(self, answer: Answer) -> None:
        """The encoder is in the same mode as before."""
        for mode in (True, False):
            encoder = small_encoder().train(mode)
            self.run(answer, encoder, self.images(4))
            now = [each.training for each in encoder.modules()]
            require(
                all(each == mode for each in now),
                f"an encoder that was in {'training' if mode else 'evaluation'} mode is in the "
                "other one now",
                "the caller goes on using it: remember the mode that you found",
            )
            require(
                all(parameter.requires_grad for parameter in encoder.parameters()),
                "parameters that required gradients no longer do",
                "the caller goes on training; is there a way that leaves no trace?",
            )

    def no_graph(self, answer: Answer) -> None:
        """The forward pass builds no graph."""
        encoder = small_encoder()
        notes = ForwardRecorder(encoder)
        raw, _ = self.run(answer, encoder, self.images(5))
        require(
            not (isinstance(raw, Tensor) and raw.requires_grad),
            "the features require gradients: a classifier on top would train the encoder too",
            "which context keeps a forward pass from being recorded?",
        )
        require(
            not any(notes.graphs),
            "the features require none, but the pass itself kept everything that gradients need",
            "detaching afterwards is too late: the memory was needed all the same",
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
                f"on 6 images the features differ by {float((found - before).abs().max()):.3f} "
                f"from those of the encoder in evaluation mode{words}",
                "does the function do everything that the statement asks, and nothing else?",
            )

    def alone(self, answer: Answer) -> None:
        """An image's features do not depend on the rest of the batch."""
        encoder, images = small_encoder(), self.images(9, 3)
        _, together = self.run(answer, encoder, images)
        singly = [self.run(answer, encoder, image[None])[1] for image in images]
        require(
            is_close(torch.cat(singly), together),
            "an image's features change with the rest of the batch",
            "which operation involves more than one row?",
        )

    def passes(self, answer: Answer) -> None:
        """No forward pass takes more images than allowed."""
        for N in (9, 8, 3):
            encoder = small_encoder()
            notes = ForwardRecorder(encoder)
            self.run(answer, encoder, self.images(N))
            require(
                notes.sizes and max(notes.sizes) <= self.size and sum(notes.sizes) == N,
                f"for {N} images the passes took {notes.sizes}, but {self.size} are allowed",
                "`split` cuts a batch into parts; the last one can be smaller",
            )

    def solution(self) -> str:
        """Code that passes."""
        images = "images.float() / 255" if self.bytes else "images"
        if self.mirror:
            take = f"h = (encoder({images}) + encoder(({images}).flip(3))) / 2"
        elif self.size:
            take = f"h = torch.cat([encoder(part) for part in ({images}).split({self.size})])"
        else:
            take = f"h = encoder({images})"
        end = "torch.nn.functional.normalize(h, dim=1)" if self.unit else "h"
        return f'''@torch.no_grad()
def frozen_features(encoder, images):
    """Features of a frozen encoder: (N, C, H, W) -> (N, D)."""
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
        "The images are uint8 from 0 to 255; the encoder expects real numbers from 0 to 1."
        if form.bytes
        else "",
        f"At most {form.size} images can go into the encoder at once, and each goes in once."
        if form.size
        else "",
        "The features of an image are the mean of the encoder's output for it and for its mirror "
        "image (left and right exchanged)."
        if form.mirror
        else "",
        "Each row of the result is scaled to length one." if form.unit else "",
    ]
    added = " ".join(each for each in asks if each)
    passes = Property("keeps to the maximum size of a pass", form.passes)
    return Exercise(
        key="frozen-probe",
        lesson=LESSON,
        type="implement",
        title="Frozen means frozen",
        points=5,
        minutes=15,
        objective="extract features from an encoder without changing it, and return it to its "
        "previous mode",
        statement=f"""Write `frozen_features(encoder, images)`: an encoder's features of images, \
$(N, C, H, W) \\to (N, D)$, for a probe. The encoder is any `nn.Module`; it can contain batch norm \
and dropout, and it can be in training mode or in evaluation mode. Take its features in \
*evaluation mode* and *without gradients*. Afterwards the encoder must be exactly as before: \
weights, running statistics, mode.{" " if added else ""}{added}""",
        function="frozen_features",
        starter='''def frozen_features(encoder, images):
    """Features of a frozen encoder: (N, C, H, W) -> (N, D)."""
    ...
''',
        solution=form.solution(),
        hints=(
            "`encoder.training` tells you the mode. When must you read it?",
            "Evaluation mode and the absence of gradients are independent of each other.",
        ),
        properties=(
            Property("gives one row for each image", form.shape),
            Property("changes no weight and no running statistic", form.unchanged),
            Property("returns the encoder to the mode it was in", form.handed_back),
            Property("builds no graph for gradients", form.no_graph),
            Property("gives the features of evaluation mode", form.correct),
            Property("gives an image the same features in any batch", form.alone),
            *([passes] if form.size else []),
        ),
        mistakes=(
            "Only `torch.no_grad()`: batch norm updates its statistics all the same.",
            "Only `encoder.eval()`: the pass builds a graph, and a head trained on the result "
            "trains the encoder.",
            "Ending with `encoder.train()`, whatever the mode was before.",
            "`squeeze()`, which removes the batch axis too when there is a single image.",
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
"""For each bug: the freezing lines, wrong and fixed; the optimiser; the forward pass."""


class Backbone:
    """Data and network for the head that is to be trained on a frozen backbone."""

    def __init__(self) -> None:
        """Three classes of images, with different brightness and gradients."""
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
        on = f"30 images of 3 classes and {steps} steps"
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


def _unchanged(weights: bool) -> Callable[[Answer], None]:
    """A test that training the head changes no weight, or no buffer, of the backbone."""

    def test(answer: Answer) -> None:
        for mode in (True, False):
            made = Backbone()
            made.backbone.train(mode)
            before = saved(made.backbone)
            made.run(answer, 5)
            require_unchanged(before, made.backbone, weights)

    return test


def _looks_frozen(answer: Answer) -> None:
    made = Backbone()
    notes = [ForwardRecorder(each) for each in made.backbone if not list(each.children())]
    made.run(answer, 5)
    require(
        not any(any(each.training) for each in notes),
        "while the head is trained, parts of the backbone are in training mode",
        "which features will the head receive when it is used?",
    )


def _head_learns(answer: Answer) -> None:
    made = Backbone()
    before = saved(made.backbone)
    first, last = (made.loss(made.run(answer, steps)) for steps in (1, 150))
    made.backbone.load_state_dict(before)
    require(
        last < min(0.7, first),
        f"on features of evaluation mode the head has a loss of {first:.2f} after 1 step and "
        f"of {last:.2f} after 150",
        "does the optimiser hold the head, and does a gradient reach it?",
    )


def unfrozen_backbone(variant: Variant) -> Exercise:
    """A linear probe that trains the backbone, or changes its statistics."""
    bug = variant.choose("bug of the backbone", tuple(BACKBONE_BUGS))
    wrong, right, optimizer, logits = BACKBONE_BUGS[bug]

    def code(freeze: str, with_model: bool) -> str:
        model = "    model = torch.nn.Sequential(backbone, head)\n" if with_model else ""
        head = "" if bug != "copy" else "import copy\n\n\n"
        return f'''{head}def train_head(backbone, width, images, labels, steps):
    """A linear head on D = width frozen features: images (N, …), labels (N,) -> nn.Linear."""
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
        title="A backbone that is not frozen",
        points=4,
        minutes=15,
        objective="find out whether a probe changes the encoder it evaluates, and prevent it",
        statement="""`train_head(backbone, width, images, labels, steps)` should train a linear \
head on a frozen backbone, which gives `width` features. None of the backbone's weights and \
running statistics may change, and the head must learn from its features in evaluation mode. The \
function runs, the loss falls, and the accuracy is good. Afterwards, however, the backbone has \
changed. Find out what changes, and fix it in as few lines as you can.""",
        function="train_head",
        starter=code(wrong, bug != "no grad"),
        solution=code(right, bug not in ("no grad", "copy")),
        hints=(
            "Copy `backbone.state_dict()` before (clone each tensor) and compare afterwards: which "
            "names differ?",
            "Three things matter: which parameters require gradients, which ones the optimiser "
            "holds, and in which mode the backbone runs.",
        ),
        properties=(
            Property("gives a head that maps features to scores", _a_head),
            Property("changes no weight of the backbone", _unchanged(weights=True)),
            Property("changes no running statistic of the backbone", _unchanged(weights=False)),
            Property("runs the backbone in evaluation mode", _looks_frozen),
            Property("trains the head", _head_learns),
        ),
        mistakes=(
            "Restoring the statistics afterwards: the head has then learnt from other features.",
            "Only evaluation mode: it does not stop weights from learning.",
            "Only disabling gradients: batch norm's statistics change without them.",
        ),
        discuss="Which of the numbers that you watch during training would have shown this?",
        form=bug,
    )


TEST_LEAKS = {
    "choice": ("x_train", "test", "test", ""),
    "statistics": ("x_all", "val", "test", ""),
    "report": ("x_train", "val", "val", ""),
    "own statistics": ("x_train", "val", "test", "own"),
}
"""For each bug: whose statistics, which part chooses, which is reported, and a variant."""


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

    The last two features contain the noise of the first two, so that it can be subtracted. With
    `noise` "other" they contain independent noise: then it is better to ignore them.
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
    """The accuracy and the penalty that the probe returns."""
    on = f"parts of {len(train[0])}, {len(val[0])} and {len(test[0])}, penalties {grid}"
    result = unpack_result(
        call(answer, train, val, test, grid, on=on), ("accuracy", "penalty"), on=on
    )
    accuracy, penalty = (float(expect_tensor(each, (), on=on)) for each in result)
    require(penalty in grid, f"on {on}, the penalty is {penalty}, which is not one of them")
    hits = accuracy * len(test[0])
    require(
        -0.01 < hits < len(test[0]) + 0.01 and abs(hits - round(hits)) < 0.01,
        f"on {on}, the accuracy is {accuracy:.4f}, not a fraction of {len(test[0])} test images",
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
        "the three classes were renamed in the test labels, 0 to 1 to 2 to 0, twice: each image "
        f"is correct under one of the names, but the accuracies add up to {sums:.3f}",
        "on which part was the returned number measured?",
    )


def _val_chooses(answer: Answer) -> None:
    for noise, right in (("shared", SMALL), ("other", LARGE)):
        for test_noise in ("other", "shared"):
            _, penalty = _run(answer, part(90, 1), part(90, 2, noise), part(90, 3, test_noise))
            require(
                penalty == right,
                f"validation data favour the penalty {right:g}; with test data that "
                f"{'agree' if test_noise == noise else 'favour the other'} it chose "
                f"{penalty:g}",
                "which part decides which penalty is best?",
            )


def _each_alone(answer: Answer) -> None:
    train, val, (x, y) = part(60, 1), part(30, 2), part(90, 3)
    order = y.argsort(stable=True)
    x, y = torch.cat([x[order], x[:30] + 40]), torch.cat([y[order], y[:30]])  # outliers last
    for penalty in GRID:
        whole, _ = _run(answer, train, val, (x, y), (penalty,))
        pieces = [
            _run(answer, train, val, (x[rows], y[rows]), (penalty,))[0]
            for rows in torch.arange(120).split(30)
        ]
        mean = sum(pieces) / 4
        require(
            abs(mean - whole) < 1e-4,
            f"120 test images together: {whole:.3f} correct; the same in four parts of 30, class "
            f"by class: {mean:.3f} on average",
            "a test image's prediction must not depend on the other test images: which part of "
            "the test split is used before the accuracy is counted?",
        )


def _train_alone_fits(answer: Answer) -> None:
    train, test, (x, y) = part(60, 1), part(90, 3), part(90, 2)
    others = (x, y), (x * torch.tensor([1.0, 9.0, 0.1, 1.0]) + 5, y), (x, (y + 1) % 3)
    for penalty in GRID:
        found = {_run(answer, train, val, test, (penalty,))[0] for val in others}
        require(
            len(found) == 1,
            "with one penalty there is nothing to choose, and yet other validation data change the "
            "accuracy on the test split",
            "from which part are mean and deviation computed?",
        )


def _still_a_probe(answer: Answer) -> None:
    parts = part(90, 1), part(60, 2), part(90, 3)
    accuracy, _ = _run(answer, *parts)
    require(
        accuracy > 0.85,
        f"on well-separated classes the accuracy is now {accuracy:.3f}",
        "fix one line; the rest was correct",
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
            "features are standardised so that one penalty suits all of them",
        )


def seen_test(variant: Variant) -> Exercise:
    """A probe whose result the test split has influenced."""
    bug = variant.choose("bug of the test split", tuple(TEST_LEAKS))
    return Exercise(
        key="seen-test",
        lesson="03_self_supervised_learning",
        type="bug",
        title="A leak from the test split",
        points=4,
        minutes=15,
        objective="find where the test split leaks into a result, and prevent it",
        statement="""`probe(train, val, test, penalties)` fits a linear classifier to \
standardised features, for several penalties. It should choose the penalty on validation data and \
report the accuracy on the test split, which must play no other role: a test image's prediction \
depends on the training data, on the choice and on itself. Each part is features $(N, D)$ and \
labels $(N,)$. The results look good, but there is one mistake. Find it, and change as little as \
you can.""",
        function="probe",
        starter=_probe_code(*TEST_LEAKS[bug]),
        solution=_probe_code("x_train", "val", "test", ""),
        hints=(
            "Follow each of the three parts through the function, and write down what it touches.",
            "Which lines would still run if you had to predict the label of one test image before "
            "you were shown the next?",
        ),
        properties=(
            Property("gives an accuracy and one of the penalties", _shares),
            Property("reports the accuracy on the test split", _reports_test),
            Property("chooses by validation data", _val_chooses),
            Property("predicts each test image independently", _each_alone),
            Property("fits to training data only", _train_alone_fits),
            Property("is as good a probe as before", _still_a_probe),
        ),
        mistakes=(
            "Thinking that statistics without labels are harmless: they contain information about "
            "the test images.",
            "Fixing it by leaving the standardisation out.",
        ),
        discuss="How large is the harm with 100 test images, and with 100,000?",
        form=bug,
    )
