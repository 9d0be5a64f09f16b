"""Time the parts that decide how long a lesson takes, and weigh the built pages.

Every figure is the median of several runs, on this machine, with as many threads as torch takes.
"""

from __future__ import annotations

import gzip
import re
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from ssl_teach.augment import simclr_augmentation
from ssl_teach.data import load
from ssl_teach.encoders.networks import ConvNet
from ssl_teach.losses.contrastive import nt_xent
from ssl_teach.tasks.simclr import SimCLR

BUILT = Path(__file__).resolve().parent.parent / "_build" / "html"
LINKED = re.compile(r'(?:src|href)="([^"#?]+\.(?:js|css|png|svg|woff2?))[^"]*"')


def median_seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Median time of `work`, after one run to warm up."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def loss_and_gradient(num_views: int, dimension: int = 128) -> None:
    """NT-Xent of random projections, forward and backward."""
    z = torch.randn(num_views, dimension, requires_grad=True)
    nt_xent(z).backward()


def bench_parts() -> None:
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


def page_weights() -> list[tuple[str, int]]:
    """Bytes over the wire, gzipped, of each built page with the files it links."""
    weights = []
    for page in sorted(BUILT.rglob("*.html")):
        html = page.read_text(encoding="utf-8")
        files = {(page.parent / link).resolve() for link in LINKED.findall(html)}
        parts = [page, *(file for file in files if file.is_file())]
        size = sum(len(gzip.compress(part.read_bytes())) for part in parts)
        weights.append((str(page.relative_to(BUILT)), size))
    return weights


def main() -> None:
    """Print all of it."""
    bench_parts()
    for name, size in page_weights():
        if not name.startswith("_modules"):
            print(f"{name:45s} {size / 1000:8,.0f} kB gzipped")


if __name__ == "__main__":
    main()
