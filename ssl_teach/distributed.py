"""Training one network in several processes: their number, their rank, and gathering tensors.

`torchrun` starts the processes and gives each its rank; everything here is a few lines around
`torch.distributed`. Without it, every function behaves as for a single process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor

SHUTDOWN_SECONDS = 0.2


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the rank of this process, from 0; only process 0 prints and writes files."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` started, and leave them at the end.

    With CUDA each process of a machine uses its own GPU, and they communicate through NCCL,
    otherwise through gloo. A single process joins nothing.

    Raises:
        ValueError: If a machine has fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        number, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if number >= count:
            raise ValueError(
                f"process {number} of this machine has no GPU of its own: there are {count}; "
                f"start at most {count} with --nproc-per-node"
            )
        torch.cuda.set_device(number)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        # Up to torch 2.4 at least, gloo waits for its threads while it holds Python's lock, which
        # they need to release the last tensors that were sent: this gives them time to do so.
        time.sleep(SHUTDOWN_SECONDS)
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    """Concatenate the tensors of all processes, with gradients to each of them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Gather (M, D) from each of W processes to (W·M, D), the same in all."""
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x.contiguous())
        ctx.rows = slice(rank() * len(x), (rank() + 1) * len(x))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Sum the gradients of all processes: each one's loss may depend on these rows."""
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.rows]


def gather(x: Tensor) -> Tensor:
    """Concatenate the tensors of all processes along the first axis; gradients flow through.

    The gradient with respect to x is the *sum* over the processes' losses. DistributedDataParallel
    then takes the *mean* of the parameters' gradients over the processes. If each of W processes
    has the mean loss of its own rows, the parameters therefore get the gradient of the mean over
    all rows without any scaling.

    Args:
        x: (M, ...), of the same shape in every process.

    Returns:
        (W·M, ...); x itself if there is one process.
    """
    return x if world_size() == 1 else cast(Tensor, _Gather.apply(x))


def gather_negatives(x: Tensor) -> Tensor | None:
    """Gather the rows of all other processes, (M, ...) -> ((W-1)·M, ...); None for one process."""
    if world_size() == 1:
        return None
    rows, start = gather(x), rank() * len(x)
    return torch.cat([rows[:start], rows[start + len(x) :]])


def mean(numbers: Mapping[str, float], device: torch.device | None = None) -> dict[str, float]:
    """Average each number over the processes, which must use the same names."""
    if world_size() == 1:
        return dict(numbers)
    values = torch.tensor(list(numbers.values()), dtype=torch.float64, device=device)
    dist.all_reduce(values)
    return dict(zip(numbers, (values / world_size()).tolist(), strict=True))


def share(total: int) -> slice:
    """Return the rows of this process when rows are divided equally, in the order of the ranks.

    Raises:
        ValueError: If the number of rows is not a multiple of the number of processes.
    """
    count = world_size()
    if total % count:
        raise ValueError(
            f"a batch of {total} images cannot be divided equally among {count} processes; "
            f"use a multiple of {count}"
        )
    part = total // count
    return slice(rank() * part, (rank() + 1) * part)
