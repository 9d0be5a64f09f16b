"""Pretraining: the loop of `ssl_teach.training.loop`, extended for long runs.

It adds a curve, checkpoints to resume from, an adversary, several processes, half precision on
GPUs, compilation, and errors that say what to do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ssl_teach import distributed
from ssl_teach.checks import (
    as_images,
    as_labels,
    check_channels,
    check_integer,
    check_positive,
    check_seed,
)
from ssl_teach.data.fingerprint import content_hash
from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder
from ssl_teach.evaluation.features import check_encoder
from ssl_teach.tasks.base import Batch, LossAndMetrics, Task
from ssl_teach.training.checkpoint import defer_interrupt, load_checkpoint, save_checkpoint
from ssl_teach.training.curve import Curve
from ssl_teach.training.loop import batch_indices, learning_rate
from ssl_teach.training.progress import Progress


class Learner(nn.Module):
    """Encoder and task as one module, so that wrappers that act through `forward` see both."""

    def __init__(self, encoder: Encoder, task: Task) -> None:
        """Combine the two."""
        super().__init__()
        self.encoder, self.task = encoder, task

    def forward(self, player: str, batch: Batch, step: int) -> LossAndMetrics:
        """Return the player's loss on this batch, and its metrics."""
        return self.task.loss_of(player, self.encoder, batch, step)


def pretrain(
    encoder: Encoder,
    task: Task,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    steps: int,
    batch_size: int = 128,
    lr: float = 3e-3,
    weight_decay: float = 1e-4,
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 200,
    compiled: bool = False,
    after_step: Callable[[int], object] | None = None,
) -> Curve:
    """Train encoder and task, in place, for a number of steps.

    Several processes (`ssl_teach.distributed`) share each batch and update their weights together;
    process 0 shows the curve and writes the checkpoint.

    Args:
        encoder: The encoder f; trained on the device where its parameters are.
        task: The task to learn; only the supervised task sees the labels.
        images: The images (N, C, H, W) uint8, which are moved to the encoder's device once.
        labels: The labels (N,) for a supervised task, else None.
        steps: The number of steps.
        batch_size: The number of images drawn per step, by all processes together.
        lr: The highest learning rate of AdamW (Loshchilov and Hutter, 2019).
        weight_decay: The weight decay of AdamW.
        seed: Fixes the order of the images and every random draw of the task.
        progress: Whether to show the curve as it grows.
        checkpoint: A file to save to and, if it exists, to resume from; None for no checkpoints.
        checkpoint_every: The number of steps between two saves; an interrupted run saves as well.
        compiled: Whether to run encoder and task through `torch.compile`. It takes a minute, so it
            is worth it only for long runs on a GPU.
        after_step: A function called after each step with the number of steps done.

    Returns:
        The curve: loss and metrics at every step.

    Raises:
        ValueError: If images, labels or budget do not fit, or the checkpoint belongs to a different
            run.
        FloatingPointError: If the loss, or a value it is computed from, is NaN or infinite.
    """
    images, labels = _check_data(encoder, task, images, labels, steps, batch_size)
    # a checkpoint with NumPy scalars could not be read safely
    steps, batch_size, seed = int(steps), int(batch_size), check_seed(seed)
    lr = check_positive(lr, "lr")
    weight_decay = check_positive(weight_decay, "weight_decay", zero=True)
    check_integer(checkpoint_every, "checkpoint_every", 1)
    path = None if checkpoint is None else Path(checkpoint)

    # the encoder and the task, on the encoder's device, and one optimizer for each player
    device = next(encoder.parameters()).device
    learner = Learner(encoder, task).to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizers = _optimizers(encoder, task, steps, lr, weight_decay)
    model = _wrap(learner, adversarial=len(optimizers) > 1, compiled=compiled)
    dtype = precision(device)

    # the data; each process draws its part of every batch
    images = images.to(device)
    labels = None if labels is None else labels.to(device)
    part, rank = distributed.share(batch_size), distributed.rank()
    generator = torch.Generator(device).manual_seed(seed + 1_000_003 * rank)
    identity = {} if path is None else {
        "task": task.config(), "encoder": type(encoder).__name__, "steps": steps,
        "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay, "seed": seed,
        "processes": distributed.world_size(), "images": _fingerprint(images),
        "labels": None if labels is None else _fingerprint(labels),
    }  # fmt: skip

    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        interrupted = stack.enter_context(defer_interrupt())
        torch.manual_seed(seed + rank)  # for layers with randomness of their own, such as dropout
        curve = Curve()
        if path is not None and path.exists():
            curve = load_checkpoint(path, identity, learner, optimizers, generator)
        label, started = type(task).__name__, time.monotonic() - curve.seconds
        bar = stack.enter_context(Progress(curve, steps, label, progress and rank == 0))

        for step in range(len(curve), steps):
            # a batch: some images, and what the task asks about them
            chosen = batch_indices(step, len(images), batch_size, seed)[part].to(device)
            pixels = to_float(images[chosen])  # (B, C, H, W) in [0, 1]
            batch = task.make_batch(pixels, None if labels is None else labels[chosen], generator)

            # a step of each player: one, unless the task has an adversary
            numbers: dict[str, float] = {}
            with _advice(step, lr, path):
                for player in task.players(step):
                    rate = learning_rate(step, steps, lr)
                    numbers |= _update(model, optimizers[player], rate, player, batch, step, dtype)

            # the mean over all processes, and whether one of them was interrupted
            numbers = distributed.mean(numbers | {"stop": float(interrupted.is_set())}, device)
            stop = numbers.pop("stop") > 0
            with _advice(step, lr, path):
                _check_finite(numbers["loss"])
            curve.append(numbers)
            curve.seconds = time.monotonic() - started
            bar.update()
            if after_step is not None:
                after_step(step + 1)

            # a checkpoint, at regular intervals and at the end
            done = step + 1 == steps or stop
            if path is not None and (done or (step + 1) % checkpoint_every == 0):
                save_checkpoint(path, identity, learner, optimizers, generator, curve)
            if stop:
                raise KeyboardInterrupt
    encoder.eval()
    return curve


def precision(device: torch.device) -> torch.dtype:
    """Return the dtype of the passes: bfloat16 on GPUs that compute in it (Ampere and newer)."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float32


def _wrap(learner: Learner, *, adversarial: bool, compiled: bool) -> nn.Module:
    """Return the learner, wrapped for several processes and compiled if requested."""
    model: nn.Module = learner
    if distributed.world_size() > 1:  # with an adversary, some parameters get no gradient
        model = DistributedDataParallel(learner, find_unused_parameters=adversarial)
    if not compiled:
        return model
    if adversarial:  # it switches gradients on and off, which cannot be traced
        raise ValueError("a task with an adversary cannot be compiled: leave compiled=False")
    return torch.compile(model)  # type: ignore[return-value]


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rate: float,
    player: str,
    batch: Batch,
    step: int,
    dtype: torch.dtype,
) -> dict[str, float]:
    """Take one step of a player, and return its loss and metrics by name."""
    with torch.autocast(batch.images.device.type, dtype, enabled=dtype != torch.float32):
        loss, metrics = model(player, batch, step)
    optimizer.zero_grad()
    loss.backward()
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()
    name = "loss" if player == "learner" else f"{player} loss"
    return {name: loss.item()} | {k: v.item() for k, v in metrics.items()}


def _check_finite(loss: float) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss}")


@contextmanager
def _advice(step: int, lr: float, checkpoint: Path | None) -> Iterator[None]:
    """Add to an error the step at which a NaN or infinite value was found, and a remedy."""
    try:
        yield
    except FloatingPointError as error:
        remedy = "no weight has been updated yet, so the encoder or the task's loss is at fault"
        if step:
            saved = checkpoint is not None and checkpoint.exists()
            remedy = f"lower lr ({lr:g})" + (f", and delete {checkpoint}" if saved else "")
        raise FloatingPointError(f"at step {step} {error}; {remedy}") from error
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            "one image of this size leaves batch norm a single value for each channel: raise "
            "batch_size, take larger images, or build the encoder with norm='group'"
        ) from None


def _fingerprint(data: Tensor) -> dict[str, Any]:
    """Return the shape of a tensor and a hash of its values, in order."""
    return {"shape": list(data.shape), "sha256": content_hash(data)}


def _optimizers(
    encoder: Encoder, task: Task, steps: int, lr: float, weight_decay: float
) -> dict[str, torch.optim.Optimizer]:
    """Return an optimizer for each player that takes at least one step."""
    players = dict.fromkeys(player for step in range(steps) for player in task.players(step))
    return {
        player: torch.optim.AdamW(
            task.parameters_of(player, encoder), lr=lr, weight_decay=weight_decay
        )
        for player in players
    }


def _check_data(
    encoder: Encoder, task: Task, images: Tensor, labels: Tensor | None, steps: int, batch_size: int
) -> tuple[Tensor, Tensor | None]:
    """Return images, and labels if the task uses them, as tensors; see `pretrain` for errors."""
    check_encoder(encoder)
    if not isinstance(task, Task):
        raise ValueError(f"a task such as Rotation(encoder.widths) is needed, got {task!r}")
    if task.widths not in (None, encoder.widths):
        raise ValueError(
            f"{type(task).__name__} was built for an encoder of widths {task.widths}, this one has "
            f"{encoder.widths}: build the task with encoder.widths"
        )
    images = as_images(images)
    check_channels(images, encoder.channels)
    check_integer(steps, "steps", 1)
    check_integer(batch_size, "batch_size", 1, len(images))
    if not task.uses_labels:
        labels = None
    elif labels is None:
        raise ValueError(f"{type(task).__name__} needs one label per image: pass labels=")
    else:
        labels = as_labels(labels, len(images))
    task.check_data(images, labels, batch_size)
    return images, labels
