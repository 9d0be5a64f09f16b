"""Bytes that processes send each other when they train SimCLR together: derived, and counted.

Counting needs Linux, whose kernel reports how many bytes a process has written::

    torchrun --standalone --nproc-per-node=2 -m ssl_teach.lessons.communication
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ssl_teach import distributed
from ssl_teach.augment import RandomResizedCrop
from ssl_teach.data import load
from ssl_teach.encoders.networks import build_encoder
from ssl_teach.tasks.simclr import ProjectionHead, SimCLR
from ssl_teach.training.pretrain import pretrain

FLOAT = 4  # bytes of a number in single precision
DIMENSION = 128  # of z


def bytes_per_step(parameters: int, views: int, dimension: int, count: int) -> dict[str, float]:
    """Bytes that one of several processes sends in a step of SimCLR, by purpose.

    gloo and NCCL pass messages round a ring. In an all-gather each process forwards its own data
    and the data it receives, (W-1)/W of the whole. A sum over all processes (an all-reduce) takes
    two such rounds: one to add up, one to distribute the sum.

    Args:
        parameters: of encoder and head.
        views: 2N, of all processes together.
        dimension: of z.
        count: W, the number of processes.

    Returns:
        Bytes for "views" (z to all), "gradients of views" (their sum back to the owner) and
        "gradients of parameters" (DistributedDataParallel).

    Source: Patarasuk and Yuan, 2009, for the ring.
    """
    around = (count - 1) / count
    z = FLOAT * views * dimension
    return {
        "views": around * z,
        "gradients of views": 2 * around * z,
        "gradients of parameters": 2 * around * FLOAT * parameters,
    }


def sent() -> int:
    """Bytes that this process has written so far, to sockets as well as to files.

    Raises:
        OSError: on systems other than Linux, whose kernels do not report it.
    """
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def count_bytes(batch_size: int, steps: int = 10) -> dict[str, float]:
    """Train for some steps and for twice as many, and count the bytes of the additional steps.

    Args:
        batch_size: N, of all processes together.
        steps: how many are counted.

    Returns:
        The arguments of `bytes_per_step`, and "counted", bytes of this process at one step.
    """
    images = load("scenes", count=max(250, batch_size)).images
    spent = []
    for length in (steps, 2 * steps):
        encoder = build_encoder("convnet", norm="group")  # has no statistics to send
        head = ProjectionHead(encoder.widths[-1], encoder.widths[-1], DIMENSION, norm="group")
        task = SimCLR(encoder.widths, RandomResizedCrop(), head=head)
        before = sent()
        pretrain(encoder, task, images, steps=length, batch_size=batch_size, progress=False)
        spent.append(sent() - before)
    return {
        "parameters": sum(p.numel() for p in (*encoder.parameters(), *task.parameters())),
        "views": 2 * batch_size,
        "dimension": DIMENSION,
        "count": distributed.world_size(),
        "counted": (spent[1] - spent[0]) / steps,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Count, and let process 0 print the result as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=96, help="of all processes together")
    args = parser.parse_args(arguments)
    with distributed.process_group():
        found = count_bytes(args.batch_size)
        if distributed.rank() == 0:
            print(json.dumps(found))


if __name__ == "__main__":
    main()
