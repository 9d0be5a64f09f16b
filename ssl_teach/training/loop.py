"""The training loop."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def learning_rate(step: int, steps: int, peak: float, warmup: float = 0.05) -> float:
    """A linear rise over the first 5% of the steps, then half a cosine down to nothing.

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
    """Which images step number `step` sees: each at most once per epoch, in an order of its own.

    Those that do not fill a last batch are left out of the epoch. It depends on the step alone, so
    a resumed run needs no memory of where it was.

    Returns:
        (batch_size,) indices below `count`.
    """
    epoch, position = divmod(step, count // batch_size)
    return _order(count, seed, epoch)[position * batch_size : (position + 1) * batch_size]
