"""The protocol: what is a representation worth? Frozen features, a linear probe, k-NN, fine-tuning.

Probes take features, not models. So raw pixels and random weights are baselines of one line each,
and the check that frozen means frozen sits where the features are taken.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ssl_teach.data import Dataset
from ssl_teach.encoders import Encoder
from ssl_teach.task import Augment, Supervised
from ssl_teach.train import pretrain

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Grid of the linear probe, the weight of ½‖W‖² against the mean cross-entropy."""

LEARNING_RATES = (1e-4, 1e-3, 3e-3)
"""Grid of fine-tuning."""


class NotFrozenError(RuntimeError):
    """An encoder changed while its features were taken."""


@contextmanager
def frozen(encoder: Encoder) -> Iterator[None]:
    """Hold an encoder still: evaluation mode, no gradients, and proof that nothing moved.

    Batch norm in training mode updates its running statistics at every forward pass, without any
    optimiser; so buffers are checked as well as parameters.

    Raises:
        NotFrozenError: on leaving, if a parameter or a buffer has changed.
    """
    before = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
    after = encoder.state_dict()
    changed = [
        name
        for name, value in before.items()
        if not torch.allclose(value, after[name], rtol=0, atol=0, equal_nan=True)
    ]
    if changed:
        raise NotFrozenError(
            f"the encoder was to stay frozen, but {', '.join(changed[:3])} changed; "
            "was it put in training mode, or stepped by an optimiser?"
        )


def _grid(features: int, channels: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns to pool a map to, so that channels × rows × columns is about `features`."""
    cells = max(1, features // channels)
    rows = 1
    while rows * rows < cells:  # the smallest power of two at or above the root
        rows *= 2
    return min(rows, height), min(max(1, cells // rows), width)


@torch.no_grad()
def features(
    encoder: Encoder, images: Tensor, *, batch_size: int = 500, size: int | None = None
) -> list[np.ndarray]:
    """Features of every stage, each averaged over a grid so that all have the same number.

    An early stage has few channels and a large map, a late one many channels and a small map.
    Pooled to one number per channel, an early stage would lose by its size alone; so its map is
    averaged over a grid of cells such that channels × cells = the channels of the last stage.

    Args:
        encoder: f; frozen meanwhile, and checked to have been.
        images: (N, C, H, W) uint8.
        batch_size: images per forward pass.
        size: features per stage; None for the width of the last stage.

    Returns:
        One (N, D) float32 array per stage, first to last. The last is h = f(x).

    Raises:
        NotFrozenError: if parameters or batch-norm statistics changed meanwhile.
    """
    device = next(encoder.parameters()).device
    size = size or encoder.widths[-1]
    parts: list[list[Tensor]] = [[] for _ in encoder.widths]
    with frozen(encoder):
        for chunk in images.split(batch_size):
            for part, x in zip(parts, encoder.stages(chunk.to(device).float() / 255), strict=True):
                pooled = F.adaptive_avg_pool2d(x, _grid(size, *x.shape[1:]))
                part.append(pooled.flatten(1).cpu())
    return [torch.cat(part).numpy() for part in parts]


def raw_pixels(images: Tensor) -> np.ndarray:
    """The baseline to beat: the pixels themselves, (N, C, H, W) uint8 -> (N, C·H·W) in [0, 1]."""
    return images.flatten(1).cpu().numpy().astype(np.float32) / 255


def random_weights(encoder: Encoder, seed: int) -> Encoder:
    """The same architecture with fresh weights: what the pretraining itself is worth.

    Every layer draws its weights by its `reset_parameters`, as it did when it was made. A module
    that draws those of its layers otherwise says how in a `reset_parameters` of its own, which has
    the last word.

    Args:
        encoder: is copied, not changed.
        seed: of the new weights.

    Raises:
        ValueError: if a layer holds parameters and has no such method, nor has one around it.
    """
    fresh = copy.deepcopy(encoder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _draw_anew(fresh, "", drawn=False)
    return fresh


def _draw_anew(module: nn.Module, name: str, drawn: bool) -> None:
    """Reset what is inside, then the module; `drawn` tells that one around it will reset all."""
    # nn.MultiheadAttention and nn.Transformer hide the method
    hidden = getattr(module, "_reset_parameters", None)
    reset = getattr(module, "reset_parameters", hidden)
    for inner, child in module.named_children():
        _draw_anew(child, f"{name}.{inner}".lstrip("."), drawn or callable(reset))
    if callable(reset):
        reset()
    elif not drawn and any(True for _ in module.parameters(recurse=False)):
        which = f"its {name!r}, a {type(module).__name__}," if name else "it"
        raise ValueError(
            f"the encoder has no known random weights: {which} holds parameters that nothing draws "
            "anew; give it a method reset_parameters"
        )


@dataclass(frozen=True)
class Probe:
    """What a probe found.

    Attributes:
        test: accuracy on the test split, read once, with the choice made on validation data.
        val: accuracy on the validation split.
        choice: the penalty, number of neighbours or learning rate that was chosen.
    """

    test: float
    val: float
    choice: float


@dataclass(frozen=True)
class Labelled:
    """Features with labels, split three ways: what a probe takes.

    Attributes:
        train: (features (N, D), labels (N,)).
        val: the same for validation.
        test: the same for the test.
    """

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def stage_features(
    encoder: Encoder, parts: Sequence[Dataset], *, size: int | None = None
) -> list[Labelled]:
    """What the probes of every stage take: features with labels, from one pass over the pictures.

    Args:
        encoder: f; frozen meanwhile.
        parts: training, validation and test.
        size: features per stage; see `features`.

    Returns:
        One for each stage, first to last.

    Raises:
        ValueError: if a part has no labels.
    """
    labels = label_arrays(*parts)
    taken = [features(encoder, part.images, size=size) for part in parts]
    return [Labelled(*zip(stage, labels, strict=True)) for stage in zip(*taken, strict=True)]


def linear_probe(data: Labelled, penalties: Sequence[float] = PENALTIES) -> Probe:
    """Multinomial logistic regression on standardised features; the penalty chosen on validation.

    Args:
        data: features and labels.
        penalties: weights of ½‖W‖² against the mean cross-entropy, to choose from.
    """
    scaler = StandardScaler().fit(data.train[0])
    (x, y), (x_val, y_val), (x_test, y_test) = (
        (scaler.transform(x).astype(np.float32), y) for x, y in (data.train, data.val, data.test)
    )
    fitted = []
    with threadpool_limits(1, "blas"):  # a second thread is in the way of products so narrow
        for penalty in penalties:  # scikit-learn sums the loss, so its C is 1/(N·penalty)
            model = LogisticRegression(C=1 / (len(x) * penalty), max_iter=1000, tol=1e-3)
            fitted.append(model.fit(x, y))
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return Probe(float(fitted[best].score(x_test, y_test)), float(val[best]), penalties[best])


def knn_probe(data: Labelled, neighbours: Sequence[int] = (1, 5, 20)) -> Probe:
    """Vote of the k nearest training features by cosine; k chosen on validation data.

    Args:
        data: features and labels.
        neighbours: values of k to choose from; those larger than the training set are left out.
    """
    (x, y), (x_val, y_val), (x_test, y_test) = data.train, data.val, data.test
    candidates = [k for k in neighbours if k <= len(x)]
    fitted = [KNeighborsClassifier(k, metric="cosine").fit(x, y) for k in candidates]
    val = [model.score(x_val, y_val) for model in fitted]
    best = int(np.argmax(val))
    return Probe(float(fitted[best].score(x_test, y_test)), float(val[best]), candidates[best])


FACTORS = {
    "color": ("hue",),
    "position": ("x", "y"),
    "size": ("scale",),
    "background": ("sky", "ground"),
}
"""What `factor_probe` asks for, and the factors of the scenes that it is made of."""

ON_A_CIRCLE = ("hue", "sky", "ground")  # hues: 0.99 lies beside 0.01


def _factor(data: Dataset, name: str) -> np.ndarray:
    """Targets of a regression, (N, K): a hue is a point on a circle, or red would be torn apart."""
    columns: list[np.ndarray] = []
    for part in FACTORS[name]:
        values = data.factors[part].numpy().astype(np.float64)
        angle = 2 * np.pi * values
        columns += [np.cos(angle), np.sin(angle)] if part in ON_A_CIRCLE else [values]
    return np.stack(columns, axis=1)


def factor_probe(
    dataset: Dataset,
    take: Callable[[Tensor], np.ndarray],
    penalties: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
) -> dict[str, float]:
    """How well a linear map reads the factors that the pictures were drawn from.

    Ridge regression on standardised features, its penalty chosen on validation data.

    Args:
        dataset: scenes, with factors and splits.
        take: uint8 pictures in, features (N, D) out.
        penalties: weights of ‖W‖² against the mean squared error, to choose from.

    Returns:
        R² on the test split, "factor_color" and so on for each of `FACTORS`. It is 1 for a factor
        that is read without error, 0 for one of which nothing can be read.
    """
    parts = (dataset.train, dataset.val, dataset.test)
    taken = [take(part.images) for part in parts]
    scaler = StandardScaler().fit(taken[0])
    x, x_val, x_test = (scaler.transform(part).astype(np.float64) for part in taken)
    found = {}
    with threadpool_limits(1, "blas"):
        for name in FACTORS:
            y, y_val, y_test = (_factor(part, name) for part in parts)
            models = [Ridge(len(x) * penalty).fit(x, y) for penalty in penalties]
            best = max(models, key=lambda model: model.score(x_val, y_val))
            found[f"factor_{name}"] = float(best.score(x_test, y_test))
    return found


def draw_labels(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """A budget of labels, drawn per class, its own validation labels inside the count.

    Args:
        dataset: with labels; its test split is not touched.
        fraction: of all labels outside the test split, in (0, 1]; 1 returns the splits as they are.
        seed: another seed, another draw.

    Returns:
        Training and validation data; below 1, a fifth of the drawn labels, at least one per
        class, is for validation.

    Raises:
        ValueError: if the fraction leaves fewer than two labels per class, or there are none.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got {fraction}")
    if dataset.labels is None:
        raise ValueError(f"{dataset.name!r} has no labels to draw from")
    if fraction == 1:
        return dataset.train, dataset.val
    for name in ("train", "val"):
        if name not in dataset.splits:
            dataset.split(name)  # says which there are
    pool = torch.cat([dataset.splits["train"], dataset.splits["val"]])
    generator = torch.Generator().manual_seed(seed)
    train, val = [], []
    for label in range(len(dataset.classes)):
        mine = pool[dataset.labels[pool] == label]
        take = round(fraction * len(mine))
        if take < 2:
            raise ValueError(
                f"{fraction:.1%} of {len(mine)} labels of {dataset.classes[label]!r} is {take}; "
                "two per class are needed, one to train and one to validate"
            )
        mine = mine[torch.randperm(len(mine), generator=generator)[:take]]
        held = max(1, take // 5)
        val.append(mine[:held])
        train.append(mine[held:])
    return dataset.subset(torch.cat(train)), dataset.subset(torch.cat(val))


def label_arrays(*parts: Dataset) -> list[np.ndarray]:
    """The labels of several data sets as arrays.

    Raises:
        ValueError: if one has no labels.
    """
    for part in parts:
        if part.labels is None:
            raise ValueError(f"{part.name!r} has no labels, so nothing can be probed on it")
    return [part.labels.numpy() for part in parts if part.labels is not None]


def fine_tune(
    encoder: Encoder,
    dataset: Dataset,
    *,
    steps: int,
    fraction: float = 1.0,
    blocks: int | None = None,
    augment: Augment | None = None,
    batch_size: int = 64,
    rates: Sequence[float] = LEARNING_RATES,
    seed: int = 0,
    progress: bool = False,
) -> Probe:
    """Train a copy of the encoder and a new linear head on the labels.

    Args:
        encoder: where to start from; not changed.
        dataset: with labels.
        steps: the budget for each learning rate.
        fraction: of the labels, validation included; see `draw_labels`.
        blocks: how many of the last blocks may move; None for all of them.
        augment: random transform of the training pictures, or None.
        batch_size: pictures per step, or all of them if there are fewer.
        rates: learning rates to choose from on validation data.
        seed: of the labels drawn, the head and the order of pictures.
        progress: show each run.
    """
    train, val = draw_labels(dataset, fraction, seed)
    _, y_val, y_test = label_arrays(train, val, dataset.test)
    tried = []
    for rate in rates:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            task = Supervised(encoder.widths, len(dataset.classes), augment)
        copied = copy.deepcopy(encoder)
        copied.hold(0 if blocks is None else len(encoder.blocks) - blocks)
        pretrain(
            copied, task, train.images, train.labels, steps=steps, lr=rate, seed=seed,
            batch_size=min(batch_size, len(train)), progress=progress,
        )  # fmt: skip
        tried.append((accuracy(copied, task, val.images, y_val), rate, copied, task))
    best_val, rate, best, task = max(tried, key=lambda each: each[0])
    return Probe(accuracy(best, task, dataset.test.images, y_test), best_val, rate)


def accuracy(encoder: Encoder, task: Supervised, images: Tensor, labels: np.ndarray) -> float:
    """Share of images that encoder and head together name rightly."""
    h = torch.from_numpy(features(encoder, images)[-1]).to(task.head.weight.device)
    with torch.no_grad():
        return float((task.head(h).argmax(dim=1).cpu().numpy() == labels).mean())
