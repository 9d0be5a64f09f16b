"""Several processes that train one network: who am I, how many are we, and what do the others have?

`torchrun` starts the processes and tells each its number; everything here is an alias or a few
lines of `torch.distributed`. Alone, every function answers for one process.
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

SECONDS_TO_LET_GO = 0.2


def world_size() -> int:
    """How many processes train together; 1 alone."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0 up; process 0 speaks and writes files."""
    return dist.get_rank() if world_size() > 1 else 0


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that `torchrun` started, and leave them at the end; alone, do nothing.

    On CUDA each process of a machine takes a GPU of its own and they speak through NCCL, else
    through gloo.

    Raises:
        ValueError: if a machine has fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        number, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if number >= count:
            raise ValueError(
                f"process {number} of this machine has no GPU of its own, for there are {count}; "
                f"start at most {count} with --nproc-per-node"
            )
        torch.cuda.set_device(number)
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        # Up to torch 2.4 at least, gloo waits for its threads with Python's lock in hand, and they
        # for the lock, to let go of the last tensors that were sent: they are given time for that.
        time.sleep(SECONDS_TO_LET_GO)
        dist.destroy_process_group()


class _Gather(torch.autograd.Function):
    """All processes' tensors, one below the other; gradients find their way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """(M, D) of each of W processes -> (W·M, D), the same for all."""
        parts = [torch.empty_like(x) for _ in range(world_size())]
        dist.all_gather(parts, x.contiguous())
        ctx.rows = slice(rank() * len(x), (rank() + 1) * len(x))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Every process's loss may depend on my rows: their gradients are summed."""
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total[ctx.rows]


def gather(x: Tensor) -> Tensor:
    """Tensors of all processes, one below the other, through which gradients flow.

    A gradient that comes back is the *sum* over the processes' losses. DistributedDataParallel then
    takes the *mean* of the parameters' gradients over processes. So if each of W processes has the
    mean loss of its own rows, parameters get the gradient of the mean over all rows, and nothing
    needs to be scaled.

    Args:
        x: (M, ...), of the same shape in every process.

    Returns:
        (W·M, ...); x itself if there is one process.
    """
    return x if world_size() == 1 else cast(Tensor, _Gather.apply(x))


def gather_negatives(x: Tensor) -> Tensor | None:
    """The rows of the other processes, (M, ...) -> ((W-1)·M, ...); None if there are no others."""
    if world_size() == 1:
        return None
    everyone, mine = gather(x), rank() * len(x)
    return torch.cat([everyone[:mine], everyone[mine + len(x) :]])


def mean(numbers: Mapping[str, float], device: torch.device | None = None) -> dict[str, float]:
    """Each number's mean over the processes; the names must be the same in all of them."""
    if world_size() == 1:
        return dict(numbers)
    values = torch.tensor(list(numbers.values()), dtype=torch.float64, device=device)
    dist.all_reduce(values)
    return dict(zip(numbers, (values / world_size()).tolist(), strict=True))


def share(total: int) -> slice:
    """Which of so many rows are this process's: equal parts, in the order of the numbers.

    Raises:
        ValueError: if they cannot be shared equally.
    """
    count = world_size()
    if total % count:
        raise ValueError(
            f"a batch of {total} images cannot be shared equally by {count} processes; "
            f"take a multiple of {count}"
        )
    part = total // count
    return slice(rank() * part, (rank() + 1) * part)
