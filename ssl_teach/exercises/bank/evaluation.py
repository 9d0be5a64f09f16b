"""Exercise on honest evaluation: who has seen the test split (lesson 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ssl_teach.exercises.checks.harness import call, parts_of, require, seeded, tensor_like
from ssl_teach.exercises.core import Exercise, Property, Variant

Answer = Callable[..., Any]


PEEKS = {
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
    generator = seeded(seed)
    labels = torch.arange(N) % 3
    angle = labels * (2 * torch.pi / 3)
    signal = torch.stack([angle.cos(), angle.sin()], dim=1)
    n, other = torch.randn(2, N, 2, generator=generator)
    if noise == "other":
        return torch.cat([signal + 0.3 * n, 2 * other], dim=1), labels
    return torch.cat([signal + n, n + 0.1 * other], dim=1), labels


SMALL, LARGE = 2.0**-10, 2.0**14  # these are the same numbers in float32
GRID = (SMALL, LARGE)


def _asked(
    answer: Answer, train: Part, val: Part, test: Part, grid: tuple[float, ...] = GRID
) -> tuple[float, float]:
    """Accuracy and penalty that the probe gives."""
    on = f"parts of {len(train[0])}, {len(val[0])} and {len(test[0])}, penalties {grid}"
    result = parts_of(call(answer, train, val, test, grid, on=on), ("accuracy", "penalty"), on=on)
    accuracy, penalty = (float(tensor_like(each, (), on=on)) for each in result)
    require(penalty in grid, f"on {on}, the penalty is {penalty}, which is none of them")
    hits = accuracy * len(test[0])
    require(
        -0.01 < hits < len(test[0]) + 0.01 and abs(hits - round(hits)) < 0.01,
        f"on {on}, the accuracy is {accuracy:.4f}, no share of {len(test[0])} test pictures",
    )
    return accuracy, penalty


def _shares(answer: Answer) -> None:
    _asked(answer, part(60, 1), part(30, 2), part(30, 3))
    _asked(answer, part(60, 1), part(30, 2), part(30, 3), GRID[:1])


def _reports_test(answer: Answer) -> None:
    x, y = part(31, 3)
    sums = 0.0
    for moved in range(3):
        sums += _asked(answer, part(60, 1), part(40, 2), (x, (y + moved) % 3), GRID[:1])[0]
    require(
        abs(sums - 1) < 1e-4,
        "three classes were renamed in the test labels, 0 to 1 to 2 to 0, and again: each picture "
        f"is right under one of the three names, but the accuracies add up to {sums:.3f}",
        "of which part is the number that is handed back?",
    )


def _val_chooses(answer: Answer) -> None:
    for noise, right in (("shared", SMALL), ("other", LARGE)):
        for test_noise in ("other", "shared"):
            _, penalty = _asked(answer, part(90, 1), part(90, 2, noise), part(90, 3, test_noise))
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
        whole, _ = _asked(answer, train, val, (x, y), (penalty,))
        pieces = [
            _asked(answer, train, val, (x[rows], y[rows]), (penalty,))[0]
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
        found = {_asked(answer, train, val, test, (penalty,))[0] for val in others}
        require(
            len(found) == 1,
            "with one penalty there is nothing to choose, and yet other validation data change the "
            "accuracy on the test",
            "from which part do mean and deviation come?",
        )


def _still_a_probe(answer: Answer) -> None:
    parts = part(90, 1), part(60, 2), part(90, 3)
    accuracy, _ = _asked(answer, *parts)
    require(
        accuracy > 0.85,
        f"on classes that lie well apart the accuracy is {accuracy:.3f} now",
        "mend one line; the rest was right",
    )
    units = torch.tensor([0.01, 1.0, 1.0, 100.0])
    for penalty, noise in ((SMALL, "shared"), (LARGE, "other")):
        parts = part(90, 1, noise), part(60, 2, noise), part(90, 3, noise)
        accuracy, _ = _asked(answer, *parts, (penalty,))
        train, val, test = ((x * units + 3, y) for x, y in parts)
        again, _ = _asked(answer, train, val, test, (penalty,))
        require(
            abs(again - accuracy) < 0.05,
            f"the features were given in other units, and the accuracy went from {accuracy:.3f} to "
            f"{again:.3f}",
            "features are standardised, so that one penalty is fair to all of them",
        )


def seen_test(variant: Variant) -> Exercise:
    """A probe to whose number the test split has contributed."""
    bug = variant.choose("bug of the test split", tuple(PEEKS))
    return Exercise(
        key="seen-test",
        lesson="03_self_supervised_learning",
        kind="bug",
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
        starter=_probe_code(*PEEKS[bug]),
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
