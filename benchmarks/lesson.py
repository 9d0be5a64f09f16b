"""Time the parts that determine how long a lesson takes.

Each figure is the median of several runs, with PyTorch's default number of threads.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from ssl_teach.augment import simclr_augmentation
from ssl_teach.data import load
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.losses.contrastive import nt_xent
from ssl_teach.tasks.simclr import SimCLR


def median_seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Median time of `work` in seconds, after one run to warm up."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def loss_and_gradient(num_views: int, dimension: int = 128) -> None:
    """Compute NT-Xent of random projections, forward and backward."""
    z = torch.randn(num_views, dimension, requires_grad=True)
    nt_xent(z).backward()


def main() -> None:
    """Print a line for each part of a SimCLR run."""
    count, batch = 5000, 128
    seconds = median_seconds(lambda: load("scenes", count=count), runs=3)
    print(f"scenes, 32 x 32, drawn and split   {count / seconds:10,.0f} images/s")

    images = load("scenes", count=count).images[:batch].float() / 255
    generator, augment = torch.Generator().manual_seed(0), simclr_augmentation(3)
    seconds = median_seconds(lambda: augment(images, generator))
    print(f"SimCLR's augmentation, batch {batch}   {batch / seconds:10,.0f} images/s")

    for views in (512, 2048):
        seconds = median_seconds(partial(loss_and_gradient, views))
        print(f"NT-Xent and gradient, {views:4d} views   {1000 * seconds:10.1f} ms")

    encoder = ConvNet()
    task = SimCLR(encoder.widths, augment)

    def step() -> None:
        loss, _ = task(encoder, task.make_batch(images, None, generator))
        loss.backward()

    print(f"SimCLR step, {batch} images           {1000 * median_seconds(step):10.1f} ms")


if __name__ == "__main__":
    main()
