"""Pretraining: one loop, in sight, for every task."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ssl_teach import distributed
from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Batch, LossAndMetrics, Task
from ssl_teach.training.checkpoint import finish_the_step, load_checkpoint, save_checkpoint
from ssl_teach.training.curve import Curve
from ssl_teach.training.loop import batch_indices, learning_rate
from ssl_teach.training.progress import Progress


class Learner(nn.Module):
    """Encoder and task as one module, so that wrappers that act through `forward` see both."""

    def __init__(self, encoder: Encoder, task: Task) -> None:
        """Hold both."""
        super().__init__()
        self.encoder, self.task = encoder, task

    def forward(self, player: str, batch: Batch, step: int) -> LossAndMetrics:
        """The player's loss on this batch."""
        return self.task.loss_of(player, self.encoder, batch, step)


def precision(device: torch.device) -> torch.dtype:
    """Of the passes: bfloat16 on GPUs that compute with it (Ampere and newer), else float32."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float32


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
        encoder: f; trained on the device where its parameters are.
        task: what to learn; tasks other than supervision never see the labels.
        images: (N, C, H, W) uint8; moved to the encoder's device once and kept there.
        labels: (N,) for a supervised task, else None.
        steps: the budget.
        batch_size: images drawn per step, by all processes together.
        lr: the highest learning rate of AdamW (Loshchilov and Hutter, 2019).
        weight_decay: of AdamW.
        seed: fixes the order of the images and every random draw of the task.
        progress: show the curve as it grows.
        checkpoint: a file to save to and, if it exists, to resume from; None for no checkpoints.
        checkpoint_every: steps between two saves; an interrupted run saves as well.
        compiled: run what `torch.compile` makes of encoder and task; worth it for long runs on a
            GPU alone, for the compiler takes a minute.
        after_step: called with the number of steps done, to look at the encoder on the way.

    Returns:
        The curve: loss and metrics at every step.

    Raises:
        ValueError: if images, labels or budget do not fit, or the checkpoint is of another run.
        FloatingPointError: if the loss is no longer a number, or what it is computed from.
    """
    _check(task, images, labels, steps, batch_size)
    # NumPy's numbers would go into the checkpoint, which then could not be read safely
    steps, batch_size, seed = int(steps), int(batch_size), int(seed)
    lr, weight_decay = float(lr), float(weight_decay)
    device = next(encoder.parameters()).device
    learner = Learner(encoder, task).to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    my_part, number = distributed.share(batch_size), distributed.rank()
    images = images.to(device)
    labels = labels.to(device) if labels is not None and task.uses_labels else None
    optimizers = _optimizers(encoder, task, steps, lr, weight_decay)
    model = learner
    if distributed.world_size() > 1:  # averages gradients; an adversary's move leaves some without
        model = DistributedDataParallel(learner, find_unused_parameters=len(optimizers) > 1)
    if compiled:
        if len(optimizers) > 1:  # whose turns switch gradients on and off while they are traced
            raise ValueError("a task with an adversary cannot be compiled: leave compiled=False")
        model = torch.compile(model)
    generator = torch.Generator(device).manual_seed(seed + 1_000_003 * number)
    dtype = precision(device)
    curve = Curve()
    settings = {
        "task": f"{type(task).__name__}({task.extra_repr()})",
        "encoder": type(encoder).__name__, "steps": steps, "batch_size": batch_size,
        "lr": lr, "weight_decay": weight_decay, "seed": seed, "processes": distributed.world_size(),
        "images": list(images.shape), "sum of pixels": int(images.sum(dtype=torch.int64)),
        "labels": None if labels is None else _hash(labels),
    }  # fmt: skip
    path = None if checkpoint is None else Path(checkpoint)

    with torch.random.fork_rng(), finish_the_step() as interrupted:
        torch.manual_seed(seed + number)  # for layers that draw by themselves, such as dropout
        if path is not None and path.exists():
            curve = load_checkpoint(path, settings, learner, optimizers, generator)
        before, started = curve.seconds, time.monotonic()
        with Progress(curve, steps, type(task).__name__, progress and number == 0) as bar:
            for step in range(len(curve), steps):
                chosen = batch_indices(step, len(images), batch_size, seed)[my_part].to(device)
                pixels = images[chosen].float() / 255  # (B, C, H, W) in [0, 1]
                batch = task.make_batch(
                    pixels, None if labels is None else labels[chosen], generator
                )
                numbers: dict[str, float] = {}
                for player in task.players(step):  # one, unless the task has an adversary
                    optimizer = optimizers[player]
                    optimizer.param_groups[0]["lr"] = learning_rate(step, steps, lr)
                    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                        try:
                            loss, metrics = model(player, batch, step)
                        except FloatingPointError as error:  # found before it reached the loss
                            raise FloatingPointError(
                                f"at step {step} {error}; {_remedy(step, lr, path)}"
                            ) from error
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    name = "loss" if player == "learner" else f"{player} loss"
                    numbers |= {name: loss.item()} | {k: v.item() for k, v in metrics.items()}
                stop = float(interrupted.is_set())  # of any process, so that all stop together
                numbers = distributed.mean(numbers | {"stop": stop}, device)
                stop = numbers.pop("stop")
                if not math.isfinite(numbers["loss"]):
                    raise FloatingPointError(
                        f"the loss is {numbers['loss']} at step {step}: {_remedy(step, lr, path)}"
                    )
                curve.append(numbers)
                curve.seconds = before + time.monotonic() - started
                bar.update()
                if after_step is not None:
                    after_step(step + 1)
                done = step + 1 == steps or stop
                if path is not None and (done or (step + 1) % checkpoint_every == 0):
                    save_checkpoint(path, settings, learner, optimizers, generator, curve)
                if stop:
                    raise KeyboardInterrupt
    encoder.eval()
    return curve


def _remedy(step: int, lr: float, checkpoint: Path | None) -> str:
    """What to do where a number is none."""
    if step:
        saved = checkpoint is not None and checkpoint.exists()
        return f"lower lr ({lr:g})" + (f", and delete {checkpoint}" if saved else "")
    return "no weight has moved yet, so the encoder or the task's loss is at fault"


def _hash(labels: Tensor) -> str:
    return hashlib.sha256(labels.cpu().long().numpy().tobytes()).hexdigest()[:12]


def _optimizers(
    encoder: Encoder, task: Task, steps: int, lr: float, weight_decay: float
) -> dict[str, torch.optim.Optimizer]:
    """One per player that will ever move."""
    players = dict.fromkeys(player for step in range(steps) for player in task.players(step))
    return {
        player: torch.optim.AdamW(
            task.parameters_of(player, encoder), lr=lr, weight_decay=weight_decay
        )
        for player in players
    }


def _check(task: Task, images: Tensor, labels: Tensor | None, steps: int, batch_size: int) -> None:
    if images.ndim != 4 or images.dtype != torch.uint8:
        raise ValueError(
            f"images must be uint8 (N, C, H, W), got {tuple(images.shape)} of {images.dtype}"
        )
    if steps < 1 or not 1 <= batch_size <= len(images):
        raise ValueError(
            f"cannot take {steps} steps of {batch_size} images each from {len(images)} images"
        )
    if task.uses_labels and (labels is None or len(labels) != len(images)):
        raise ValueError(f"{type(task).__name__} needs one label per image: pass labels=")
