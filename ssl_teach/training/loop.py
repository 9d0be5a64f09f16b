"""The training loop: draw images, make a batch, compute the loss, take a step.

Lesson 3 prints this loop. `ssl_teach.training.pretrain` is the same loop with checkpoints and other
needs of long runs; without them, it gives the same weights to the last bit.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn

from ssl_teach.data.images import to_float
from ssl_teach.encoders.base import Encoder
from ssl_teach.tasks.base import Task


def train(
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
) -> list[float]:
    """Train encoder and task, in place, and return the loss of every step.

    The arguments are those of `ssl_teach.training.pretrain`; the task has no adversary.
    """
    torch.manual_seed(seed)  # for layers with randomness of their own, such as dropout
    generator = torch.Generator().manual_seed(seed)
    learner = nn.ModuleList([encoder, task]).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(learner.parameters(), lr=lr, weight_decay=weight_decay)
    losses = []
    for step in range(steps):
        # a batch: some images, and what the task asks about them
        chosen = batch_indices(step, len(images), batch_size, seed)
        pixels = to_float(images[chosen])  # (B, C, H, W) in [0, 1]
        batch = task.make_batch(pixels, None if labels is None else labels[chosen], generator)
        # how good are the answers, and how does each weight change that?
        loss, _ = task(encoder, batch)
        optimizer.zero_grad()
        loss.backward()
        # one step against the gradient
        optimizer.param_groups[0]["lr"] = learning_rate(step, steps, lr)
        optimizer.step()
        losses.append(loss.item())
    encoder.eval()
    return losses


def learning_rate(step: int, steps: int, peak: float, warmup: float = 0.05) -> float:
    """Return the learning rate: a linear rise over the first 5%, then half a cosine down to 0.

    Source: Loshchilov and Hutter, 2017 (SGDR), without restarts.
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def batch_indices(step: int, count: int, batch_size: int, seed: int) -> Tensor:
    """Return the indices of the images of a step: each at most once per epoch, then reshuffled.

    Images that do not fill a last batch are left out of that epoch. The result depends only on the
    arguments, so a resumed run continues with the right batch.

    Returns:
        (batch_size,) indices below `count`.
    """
    epoch, position = divmod(step, count // batch_size)
    return _order(count, seed, epoch)[position * batch_size : (position + 1) * batch_size]
